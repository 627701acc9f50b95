"""The console's cookies: what they look like, and that no page of somebody else can use them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest

from perdure.api.server import check
from perdure.config import Settings
from perdure.errors import StartupError
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
        "__Secure-perdure_refresh": "/api/auth",
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
