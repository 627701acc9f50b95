"""The console's cookies: what they look like, and that no page of somebody else can use them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from perdure.api.server import check
from perdure.config import Settings
from perdure.errors import StartupError
from perdure.store.tables import refresh_tokens
from perdure.store.transaction import Tx
from tests.api.conftest import Running, running
from tests.api.test_sign_in import MEMBER, PASSWORD, add_people, cheap_hashes, code, signed

__all__ = ["cheap_hashes", "signed"]
LOGIN = {"email": MEMBER, "password": PASSWORD, "cookies": True}


def page(app: Running, **more: str) -> dict[str, str]:
    """The headers of the console's own requests."""
    return {"Origin": f"http://127.0.0.1:{app.port}", "X-Perdure-Request": "console", **more}


def cookies_of(answer: httpx.Response) -> dict[str, Morsel[str]]:
    jar: dict[str, Morsel[str]] = {}
    for line in answer.headers.get_list("set-cookie"):
        jar.update(SimpleCookie(line))
    return jar


async def test_tokens_are_in_cookies_and_nowhere_else(signed: Running) -> None:
    answer = await signed.http.post("/api/auth/login", json=LOGIN, headers=page(signed))
    body = answer.json()
    assert (body["access_token"], body["refresh_token"], body["user"]["email"]) == (None, None, MEMBER)
    jar = cookies_of(answer)
    assert {name: morsel["path"] for name, morsel in jar.items()} == {
        "perdure_access": "/",
        "perdure_refresh": "/api/auth",
    }
    for morsel in jar.values():
        assert (morsel["httponly"], morsel["samesite"], morsel["domain"]) == (True, "strict", "")
        assert not morsel["secure"]
    assert (await signed.http.get("/api/auth/me")).json()["credential"] == "sign-in"
    made = await signed.http.post("/api/sessions", json={"mode": "one-shot"}, headers=page(signed))
    assert made.status_code == 201


async def test_the_cookie_refreshes_and_logs_out(signed: Running) -> None:
    first = cookies_of(await signed.http.post("/api/auth/login", json=LOGIN))
    answer = await signed.http.post("/api/auth/refresh", headers=page(signed))
    assert (answer.json()["access_token"], answer.json()["refresh_token"]) == (None, None)
    second = cookies_of(answer)
    assert second["perdure_refresh"].value != first["perdure_refresh"].value
    assert (await signed.http.get("/api/auth/me")).status_code == 200
    out = await signed.http.post("/api/auth/logout", headers=page(signed))
    assert out.json() == {"success": True}
    assert {m["max-age"] for m in cookies_of(out).values()} == {"0"}
    assert code(await signed.http.get("/api/auth/me"), 401) == "sign-in-needed"
    stolen = {"Cookie": f"perdure_access={second['perdure_access'].value}"}
    assert code(await signed.http.get("/api/auth/me", headers=stolen), 401) == "sign-in-expired"


async def test_logout_works_when_only_the_refresh_cookie_is_left(signed: Running) -> None:
    refresh = cookies_of(await signed.http.post("/api/auth/login", json=LOGIN))["perdure_refresh"].value
    signed.http.cookies.clear()
    headers = page(signed, Cookie=f"perdure_refresh={refresh}; perdure_access=over")
    assert (await signed.http.post("/api/auth/logout", headers=headers)).status_code == 200
    again = await signed.http.post("/api/auth/refresh", json={"refresh_token": refresh})
    assert code(again, 401) == "sign-in-expired"
    assert code(await signed.http.post("/api/auth/logout"), 401) == "sign-in-needed"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Perdure-Request": "console"},
        {"Origin": "own"},
        {"Origin": "own", "X-Perdure-Request": "something"},
        {"Origin": "http://evil.example", "X-Perdure-Request": "console"},
        {"Origin": "null", "X-Perdure-Request": "console"},
        {"Origin": "own.evil.example", "X-Perdure-Request": "console"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/sessions"),
        ("POST", "/api/auth/refresh"),
        ("POST", "/api/auth/logout"),
        ("POST", "/api/auth/keys"),
        ("POST", "/api/auth/tickets"),
        ("PATCH", "/api/auth/me"),
        ("DELETE", "/api/auth/sign-ins/00000000-0000-7000-8000-00000000000a"),
    ],
)
async def test_a_cookie_changes_nothing_for_a_page_of_somebody_else(
    signed: Running, headers: dict[str, str], method: str, path: str
) -> None:
    await signed.http.post("/api/auth/login", json=LOGIN)
    own = f"http://127.0.0.1:{signed.port}"
    sent = {name: value.replace("own", own) for name, value in headers.items()}
    body = {"name": "x"} if path == "/api/auth/me" else None
    answer = await signed.http.request(method, path, json=body, headers=sent)
    assert code(answer, 403) in {"cross-site-request", "forbidden"}
    me = await signed.http.get("/api/auth/me")
    assert (me.status_code, me.json()["name"]) == (200, "max")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_cookie_reads_nothing_for_a_page_of_somebody_else(signed: Running, site: str) -> None:
    await signed.http.post("/api/auth/login", json=LOGIN)
    answer = await signed.http.get("/api/sessions", headers={"Sec-Fetch-Site": site})
    assert code(answer, 403) == "cross-site-request"
    for fine in ({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {}):
        assert (await signed.http.get("/api/sessions", headers=fine)).status_code == 200


async def test_a_bearer_counts_before_a_cookie(signed: Running) -> None:
    await signed.http.post("/api/auth/login", json=LOGIN)
    answer = await signed.http.get("/api/auth/me", headers={"Authorization": "Bearer nonsense"})
    assert code(answer, 401) == "sign-in-needed"


@pytest.fixture
async def proxied(tmp_path: Path) -> AsyncIterator[Running]:
    """A server behind a proxy that speaks https."""
    settings: dict[str, Any] = {"trusted_proxies": ["127.0.0.1"], "allowed_hosts": ["perdure.example.org"]}
    async with running(tmp_path, auth="password", rate_limits="off", **settings) as app:
        await add_people(app)
        yield app


async def test_with_https_cookies_are_bound_to_it(proxied: Running) -> None:
    https = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "perdure.example.org"}
    answer = await proxied.http.post("/api/auth/login", json=LOGIN, headers=https)
    jar = cookies_of(answer)
    assert {name: m["path"] for name, m in jar.items()} == {
        "__Host-perdure_access": "/",
        "__Host-perdure_refresh": "/",
    }
    assert all(morsel["secure"] for morsel in jar.values())
    value = jar["__Host-perdure_access"].value
    proxied.http.cookies.clear()
    good = {**https, "Cookie": f"__Host-perdure_access={value}"}
    assert (await proxied.http.get("/api/auth/me", headers=good)).status_code == 200
    forged = {**https, "Cookie": f"perdure_access={value}"}
    assert code(await proxied.http.get("/api/auth/me", headers=forged), 401) == "sign-in-needed"


async def test_cookies_of_others_do_not_hide_ours(signed: Running) -> None:
    value = cookies_of(await signed.http.post("/api/auth/login", json=LOGIN))["perdure_access"].value
    signed.http.cookies.clear()
    for line in (
        f"a[b]=1; perdure_access={value}",
        f'x="un;perdure_access={value}',
        f"é=ü; perdure_access={value}",
    ):
        headers = {b"Cookie": line.encode()}
        assert (await signed.http.get("/api/auth/me", headers=headers)).status_code == 200


def test_others_can_be_let_in_only_with_sign_in_and_by_names_that_are_given() -> None:
    check(_settings(host="127.0.0.1"))
    check(_settings(host="0.0.0.0", allowed_hosts=["perdure.example.org"]))
    with pytest.raises(StartupError, match="PERDURE_ALLOWED_HOSTS"):
        check(_settings(host="0.0.0.0"))
    with pytest.raises(StartupError, match="PERDURE_AUTH"):
        check(_settings(host="0.0.0.0", auth="local", allowed_hosts=["perdure.example.org"]))


def _settings(**values: Any) -> Settings:
    return Settings(**{"auth": "password", **values})


async def refreshed(app: Running, token: str, agent: str = "One/1") -> httpx.Response:
    """Refresh as a tab does that has this cookie."""
    headers = page(app, Cookie=f"perdure_refresh={token}", **{"User-Agent": agent})
    return await app.http.post("/api/auth/refresh", headers=headers)


async def signed_in(app: Running) -> str:
    """Sign in and return the refresh cookie; the client keeps none."""
    token = cookies_of(await app.http.post("/api/auth/login", json=LOGIN))["perdure_refresh"].value
    app.http.cookies.clear()
    return token


def token_in(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return cookies_of(answer)["perdure_refresh"].value


async def test_tabs_that_refresh_in_the_same_moment_go_on_with_the_same_cookie(signed: Running) -> None:
    first = await signed_in(signed)
    answers = await asyncio.gather(*(refreshed(signed, first) for _ in range(6)))
    signed.http.cookies.clear()
    following = {token_in(answer) for answer in answers}
    assert len(following) == 1
    access = {cookies_of(answer)["perdure_access"].value for answer in answers}
    for token in access:
        answer = await signed.http.get("/api/auth/me", headers={"Cookie": f"perdure_access={token}"})
        assert answer.status_code == 200
    assert token_in(await refreshed(signed, following.pop())) != first


async def test_a_copy_of_the_cookie_ends_the_sign_in_later(signed: Running) -> None:
    first = await signed_in(signed)
    second = token_in(await refreshed(signed, first))
    earlier = timedelta(seconds=11)

    def pass_time(tx: Tx) -> None:
        used = refresh_tokens.c.used_at.is_not(None)
        tx.db.execute(update(refresh_tokens).where(used).values(used_at=tx.now - earlier))

    await signed.perdure.store.write(pass_time)
    assert code(await refreshed(signed, first), 401) == "sign-in-expired"
    assert code(await refreshed(signed, second), 401) == "sign-in-expired"


async def test_another_browser_gets_no_second_answer(signed: Running) -> None:
    first = await signed_in(signed)
    second = token_in(await refreshed(signed, first))
    assert code(await refreshed(signed, first, agent="Two/2"), 401) == "sign-in-expired"
    assert code(await refreshed(signed, second), 401) == "sign-in-expired"


async def test_a_cookie_whose_successor_was_used_is_a_copy(signed: Running) -> None:
    first = await signed_in(signed)
    second = token_in(await refreshed(signed, first))
    third = token_in(await refreshed(signed, second))
    assert code(await refreshed(signed, first), 401) == "sign-in-expired"
    assert code(await refreshed(signed, third), 401) == "sign-in-expired"


async def test_what_came_by_cookie_is_not_answered_again_for_a_program(signed: Running) -> None:
    first = await signed_in(signed)
    second = token_in(await refreshed(signed, first))
    body = {"refresh_token": first}
    again = await signed.http.post("/api/auth/refresh", json=body, headers={"User-Agent": "One/1"})
    assert code(again, 401) == "sign-in-expired"
    assert code(await refreshed(signed, second), 401) == "sign-in-expired"


async def test_of_two_cookies_of_a_name_that_differ_neither_counts(signed: Running) -> None:
    """A neighbour under the same domain can plant one, where no https lets the prefix keep it out."""
    first = await signed.http.post("/api/auth/login", json=LOGIN)
    jar = {name: morsel.value for name, morsel in cookies_of(first).items()}
    signed.http.cookies.clear()
    own, planted = f"perdure_access={jar['perdure_access']}", "perdure_access=planted"
    for cookies in (f"{own}; {planted}", f"{planted}; {own}"):
        answer = await signed.http.get("/api/auth/me", headers={"Cookie": cookies})
        assert code(answer, 401) == "sign-in-needed"
    twice = await signed.http.get("/api/auth/me", headers={"Cookie": f"{own}; {own}"})
    assert twice.status_code == 200
    token = jar["perdure_refresh"]
    headers = page(signed, Cookie=f"perdure_refresh={token}; perdure_refresh=pdr_other")
    assert code(await signed.http.post("/api/auth/refresh", headers=headers), 401) == "sign-in-needed"
