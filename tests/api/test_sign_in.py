"""Signing in over REST: tokens, what they let in to, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from perdure.core.access import SYSTEM_ACTOR
from perdure.core.people import UserRole
from perdure.services import passwords
from tests.api.conftest import Running, running

PASSWORD = "correct horse battery"
ADMIN = "ada@example.org"
MEMBER = "max@example.org"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real argon2id, with costs that tests can pay."""
    hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    monkeypatch.setattr(passwords, "hasher", lambda: hasher)


async def add_people(app: Running) -> None:
    for email, role in ((ADMIN, UserRole.ADMIN), (MEMBER, UserRole.MEMBER)):
        await app.perdure.users.create(
            SYSTEM_ACTOR, email=email, name=email.split("@")[0], role=role, password=PASSWORD
        )


@pytest.fixture
async def signed(tmp_path: Path) -> AsyncIterator[Running]:
    """A server with sign-in, one administrator and one member."""
    async with running(tmp_path, auth="password", rate_limits="off") as app:
        await add_people(app)
        yield app


async def login(app: Running, email: str = MEMBER, password: str = PASSWORD) -> dict[str, Any]:
    answer = await app.http.post("/api/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    return answer.json()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def as_(app: Running, email: str = MEMBER) -> dict[str, str]:
    return bearer((await login(app, email))["access_token"])


def code(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["code"]


async def audited(app: Running, action: str) -> list[dict[str, Any]]:
    answer = await app.http.get("/api/audit", params={"action": action}, headers=await as_(app, ADMIN))
    assert answer.status_code == 200, answer.text
    return answer.json()["entries"]


async def test_a_person_signs_in_and_is_known(signed: Running) -> None:
    got = await login(signed, " MAX@Example.org ")
    assert (got["token_type"], got["expires_in"]) == ("bearer", 600)
    assert got["user"]["email"] == MEMBER
    me = (await signed.http.get("/api/auth/me", headers=bearer(got["access_token"]))).json()
    assert me == {
        "user_id": got["user"]["user_id"],
        "id": got["user"]["user_id"],
        "email": MEMBER,
        "name": "max",
        "role": "member",
        "auth": "password",
        "scopes": None,
        "credential": "sign-in",
    }
    created = await signed.http.post(
        "/api/sessions", json={"mode": "one-shot"}, headers=bearer(got["access_token"])
    )
    assert created.status_code == 201
    mine = await signed.http.get("/api/sessions", headers=bearer(got["access_token"]))
    assert [s["session_id"] for s in mine.json()["sessions"]] == [created.json()["session_id"]]


@pytest.mark.parametrize(
    "path",
    [
        "/api/sessions",
        "/api/sessions/modes/list",
        "/api/auth/me",
        "/api/users",
        "/api/audit",
        "/api/nothing-here",
        "/openapi.json",
        "/docs",
        "/metrics",
        "/api/sessions/stream",
    ],
)
async def test_nobody_gets_further_than_the_door(signed: Running, path: str) -> None:
    for headers in ({}, bearer("nonsense"), {"Authorization": "Basic YTpi"}, bearer("pdk_x_y")):
        answer = await signed.http.get(path, headers=headers)
        assert code(answer, 401) == "sign-in-needed"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert code(await signed.http.get(f"{path}?access_token=x"), 401) == "sign-in-needed"


async def test_health_readiness_and_the_console_need_no_sign_in(signed: Running) -> None:
    assert (await signed.http.get("/health")).status_code == 200
    ready = await signed.http.get("/ready")
    assert (ready.status_code, set(ready.json())) == (200, {"ready", "version"})
    methods = (await signed.http.get("/api/auth/methods")).json()
    assert methods == {"auth": "password", "password": True, "registration": False, "oidc": []}
    full = await signed.http.get("/ready", headers=await as_(signed, ADMIN))
    assert "storage" in full.json()


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (MEMBER, "not the password"),
        ("nobody@example.org", PASSWORD),
        ("no address", PASSWORD),
        (MEMBER, "x" * 4000),
    ],
)
async def test_wrong_credentials_all_look_the_same_and_are_written_down(
    signed: Running, email: str, password: str
) -> None:
    answer = await signed.http.post("/api/auth/login", json={"email": email, "password": password})
    assert code(answer, 401) == "wrong-credentials"
    assert answer.json()["detail"] == "E-mail and password do not belong together."
    (entry,) = [e for e in await audited(signed, "sign-in.login") if e["result"] == "refused"]
    assert email not in str(entry)
    assert len(entry["details"]["email_hash"]) == 32


async def test_a_refresh_token_counts_once_and_used_twice_ends_the_sign_in(signed: Running) -> None:
    first = await login(signed)
    answer = await signed.http.post("/api/auth/refresh", json={"refresh_token": first["refresh_token"]})
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await signed.http.get("/api/auth/me", headers=bearer(second["access_token"]))).status_code == 200
    again = await signed.http.post("/api/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert code(again, 401) == "sign-in-expired"
    for token in (first["access_token"], second["access_token"]):
        answer = await signed.http.get("/api/auth/me", headers=bearer(token))
        assert code(answer, 401) == "sign-in-expired"
    last = await signed.http.post("/api/auth/refresh", json={"refresh_token": second["refresh_token"]})
    assert code(last, 401) == "sign-in-expired"
    assert [e["result"] for e in await audited(signed, "sign-in.reuse")] == ["refused"]


async def test_of_requests_that_race_with_one_refresh_token_one_wins(signed: Running) -> None:
    token = (await login(signed))["refresh_token"]
    answers = await asyncio.gather(
        *(signed.http.post("/api/auth/refresh", json={"refresh_token": token}) for _ in range(8))
    )
    assert sorted(a.status_code for a in answers) == [200] + [401] * 7


async def test_logout_counts_at_once(signed: Running) -> None:
    got = await login(signed)
    other = await login(signed)
    headers = bearer(got["access_token"])
    assert (await signed.http.get("/api/auth/me", headers=headers)).status_code == 200
    assert (await signed.http.post("/api/auth/logout", headers=headers)).json() == {"success": True}
    assert code(await signed.http.get("/api/auth/me", headers=headers), 401) == "sign-in-expired"
    refused = await signed.http.post("/api/auth/refresh", json={"refresh_token": got["refresh_token"]})
    assert code(refused, 401) == "sign-in-expired"
    headers = bearer(other["access_token"])
    assert (await signed.http.get("/api/auth/me", headers=headers)).status_code == 200
    assert (await signed.http.post("/api/auth/logout-everywhere", headers=headers)).json()["ended"] == 1
    assert code(await signed.http.get("/api/auth/me", headers=headers), 401) == "sign-in-expired"


async def test_sign_ins_are_listed_and_ended_one_by_one(signed: Running) -> None:
    here, there = await login(signed), await login(signed)
    headers = bearer(here["access_token"])
    listed = (await signed.http.get("/api/auth/sign-ins", headers=headers)).json()
    assert listed["total"] == 2
    other = next(s for s in listed["sign_ins"] if not s["current"])
    stranger = await as_(signed, ADMIN)
    wrong = await signed.http.delete(f"/api/auth/sign-ins/{other['id']}", headers=stranger)
    assert code(wrong, 404) == "not-found"
    for _ in range(2):
        ended = await signed.http.delete(f"/api/auth/sign-ins/{other['id']}", headers=headers)
        assert ended.json() == {"success": True}
    gone = await signed.http.get("/api/auth/me", headers=bearer(there["access_token"]))
    assert code(gone, 401) == "sign-in-expired"
    assert (await signed.http.get("/api/auth/me", headers=headers)).status_code == 200


async def test_a_key_acts_as_its_owner_as_far_as_its_scopes_go(signed: Running) -> None:
    headers = await as_(signed)
    body = {"name": "ci", "scopes": ["read"], "expires_in_days": 30}
    made = (await signed.http.post("/api/auth/keys", json=body, headers=headers)).json()
    assert made["key"].startswith(f"pdk_{made['prefix']}_")
    key = bearer(made["key"])
    me = (await signed.http.get("/api/auth/me", headers=key)).json()
    assert (me["credential"], me["scopes"], me["email"]) == ("key", ["read"], MEMBER)
    assert (await signed.http.get("/api/sessions", headers=key)).status_code == 200
    refused = await signed.http.post("/api/sessions", json={"mode": "one-shot"}, headers=key)
    assert code(refused, 403) == "forbidden"
    more = {"name": "more", "scopes": ["manage"]}
    assert code(await signed.http.post("/api/auth/keys", json=more, headers=key), 403) == "forbidden"
    listed = (await signed.http.get("/api/auth/keys", headers=headers)).json()
    assert [(k["id"], "key" in k) for k in listed["keys"]] == [(made["id"], False)]
    assert listed["keys"][0]["last_used_at"] is not None
    assert (await signed.http.delete(f"/api/auth/keys/{made['id']}", headers=headers)).status_code == 200
    assert code(await signed.http.get("/api/sessions", headers=key), 401) == "sign-in-needed"


async def test_an_answer_that_holds_a_secret_is_kept_for_no_repeat(signed: Running) -> None:
    headers = {**await as_(signed), "Idempotency-Key": "once"}
    body = {"name": "ci", "scopes": ["read"]}
    keys = {
        (await signed.http.post("/api/auth/keys", json=body, headers=headers)).json()["key"] for _ in "ab"
    }
    assert len(keys) == 2
    login_headers = {"Idempotency-Key": "once"}
    body = {"email": MEMBER, "password": PASSWORD}
    tokens = {
        (await signed.http.post("/api/auth/login", json=body, headers=login_headers)).json()["refresh_token"]
        for _ in "ab"
    }
    assert len(tokens) == 2


async def test_an_administrator_makes_changes_and_disables_people(signed: Running) -> None:
    admin = await as_(signed, ADMIN)
    body = {"email": "eve@example.org", "name": "Eve", "role": "member", "password": PASSWORD}
    eve = (await signed.http.post("/api/users", json=body, headers=admin)).json()
    assert (eve["email"], eve["role"], eve["disabled_at"]) == ("eve@example.org", "member", None)
    assert code(await signed.http.post("/api/users", json=body, headers=admin), 409) == "email-taken"
    hers = await as_(signed, "eve@example.org")
    assert (await signed.http.get("/api/auth/me", headers=hers)).status_code == 200
    off = await signed.http.patch(f"/api/users/{eve['id']}", json={"disabled": True}, headers=admin)
    assert off.json()["disabled_at"] is not None
    assert code(await signed.http.get("/api/auth/me", headers=hers), 401) == "sign-in-expired"
    wrong = await signed.http.post("/api/auth/login", json={"email": body["email"], "password": PASSWORD})
    assert code(wrong, 401) == "wrong-credentials"
    await signed.http.patch(f"/api/users/{eve['id']}", json={"disabled": False}, headers=admin)
    hers = await as_(signed, "eve@example.org")
    assert (await signed.http.post(f"/api/users/{eve['id']}/sign-out", headers=admin)).json()["ended"] == 1
    assert code(await signed.http.get("/api/auth/me", headers=hers), 401) == "sign-in-expired"
    listed = (await signed.http.get("/api/users", params={"q": "EVE"}, headers=admin)).json()
    assert [u["id"] for u in listed["users"]] == [eve["id"]]
    everybody = (await signed.http.get("/api/users", headers=admin)).json()
    assert {u["email"] for u in everybody["users"]} == {ADMIN, MEMBER, "eve@example.org", None}


async def test_a_member_administers_nobody(signed: Running) -> None:
    headers = await as_(signed)
    mine = (await signed.http.get("/api/auth/me", headers=headers)).json()["id"]
    tries = [
        ("GET", "/api/users", None),
        ("POST", "/api/users", {"email": "a@b.c", "name": "A", "role": "admin"}),
        ("GET", f"/api/users/{mine}", None),
        ("PATCH", f"/api/users/{mine}", {"role": "admin"}),
        ("POST", f"/api/users/{mine}/sign-out", None),
        ("GET", "/api/audit", None),
        ("GET", "/metrics", None),
    ]
    for method, path, body in tries:
        answer = await signed.http.request(method, path, json=body, headers=headers)
        assert code(answer, 403) == "forbidden"
    extra = await signed.http.patch("/api/auth/me", json={"name": "x", "role": "admin"}, headers=headers)
    assert code(extra, 422) == "invalid-input"
    assert (await signed.http.get("/api/auth/me", headers=headers)).json()["role"] == "member"
    refused = [e for e in await audited(signed, "user.administer") if e["result"] == "refused"]
    assert {e["actor_id"] for e in refused} == {mine}


async def test_the_last_administrator_stays(signed: Running) -> None:
    admin = await as_(signed, ADMIN)
    me = (await signed.http.get("/api/auth/me", headers=admin)).json()["id"]
    for change in ({"disabled": True}, {"role": "member"}):
        answer = await signed.http.patch(f"/api/users/{me}", json=change, headers=admin)
        assert code(answer, 409) == "last-admin"
    body = {"email": "b@example.org", "name": "B", "role": "admin", "password": PASSWORD}
    await signed.http.post("/api/users", json=body, headers=admin)
    changed = await signed.http.patch(f"/api/users/{me}", json={"role": "member"}, headers=admin)
    assert changed.json()["role"] == "member"
    assert code(await signed.http.get("/api/users", headers=admin), 403) == "forbidden"


async def test_a_new_password_ends_all_other_sign_ins(signed: Running) -> None:
    here, there = await as_(signed), await as_(signed)
    change = {"current_password": "wrong wrong wrong", "new_password": "another good one"}
    assert code(await signed.http.patch("/api/auth/me", json=change, headers=here), 422) == "invalid-input"
    change["current_password"] = PASSWORD
    short = {**change, "new_password": "short"}
    assert code(await signed.http.patch("/api/auth/me", json=short, headers=here), 422) == "invalid-input"
    assert (await signed.http.patch("/api/auth/me", json=change, headers=here)).status_code == 200
    assert (await signed.http.get("/api/auth/me", headers=here)).status_code == 200
    assert code(await signed.http.get("/api/auth/me", headers=there), 401) == "sign-in-expired"
    await login(signed, MEMBER, "another good one")


async def test_registration_is_closed_unless_it_is_opened(signed: Running, tmp_path: Path) -> None:
    body = {"email": "new@example.org", "name": "New", "password": PASSWORD}
    assert code(await signed.http.post("/api/auth/register", json=body), 403) == "registration-closed"
    async with running(tmp_path / "open", auth="password", registration="open", rate_limits="off") as app:
        assert (await app.http.get("/api/auth/methods")).json()["registration"] is True
        got = (await app.http.post("/api/auth/register", json=body)).json()
        assert got["user"]["role"] == "member"
        assert (await app.http.get("/api/auth/me", headers=bearer(got["access_token"]))).status_code == 200
        assert code(await app.http.post("/api/auth/register", json=body), 409) == "email-taken"
        short = {**body, "email": "x@example.org", "password": "elevenchars"}
        assert code(await app.http.post("/api/auth/register", json=short), 422) == "invalid-input"


async def test_without_sign_in_there_is_one_local_user(app: Running) -> None:
    me = (await app.http.get("/api/auth/me")).json()
    assert (me["auth"], me["credential"], me["role"], me["email"]) == ("local", "local", "admin", None)
    assert (await app.http.get("/api/auth/methods")).json()["auth"] == "local"
    body = {"email": MEMBER, "password": PASSWORD}
    assert code(await app.http.post("/api/auth/login", json=body), 409) == "sign-in-off"
    key = {"name": "k", "scopes": ["read"]}
    assert code(await app.http.post("/api/auth/keys", json=key), 409) == "sign-in-off"
    assert (await app.http.get("/docs")).status_code == 200
    assert (await app.http.get("/metrics")).status_code == 200


async def test_without_an_administrator_the_server_says_what_to_do(tmp_path: Path) -> None:
    async with running(tmp_path, auth="password", rate_limits="off") as app:
        ready = (await app.http.get("/ready")).json()
        assert "perdure users create --admin" in ready["says"]
        await add_people(app)
        assert "says" not in (await app.http.get("/ready")).json()


async def test_every_change_leaves_its_entry_with_who_and_from_where(signed: Running) -> None:
    admin = await as_(signed, ADMIN)
    http = signed.http
    body = {"email": "eve@example.org", "name": "Eve", "role": "member", "password": PASSWORD}
    eve = (await http.post("/api/users", json=body, headers=admin)).json()
    hers = await as_(signed, "eve@example.org")
    key = (await http.post("/api/auth/keys", json={"name": "k", "scopes": ["read"]}, headers=hers)).json()
    await http.delete(f"/api/auth/keys/{key['id']}", headers=hers)
    await http.patch("/api/auth/me", json={"name": "Eva"}, headers=hers)
    await http.patch("/api/auth/me", json={"name": "Eva"}, headers=hers)  # changes nothing
    await http.post("/api/auth/tickets", headers=hers)
    await http.patch(f"/api/users/{eve['id']}", json={"role": "admin"}, headers=admin)
    await http.post(f"/api/users/{eve['id']}/sign-out", headers=admin)
    await http.post("/api/auth/logout", headers=await as_(signed, "eve@example.org"))
    listed = await http.get("/api/audit", params={"limit": 200}, headers=admin)
    entries = [
        (e["action"], e["actor_id"] == eve["id"])
        for e in reversed(listed.json()["entries"])
        if eve["id"] in (e["actor_id"], e["object_id"])
    ]
    assert entries == [
        ("user.create", False),
        ("sign-in.login", True),
        ("key.create", True),
        ("key.revoke", True),
        ("user.update", True),
        ("user.update", False),
        ("user.sign-out", False),
        ("sign-in.login", True),
        ("sign-in.logout", True),
    ]
    own = [e for e in listed.json()["entries"] if e["actor_id"] == eve["id"]]
    assert all(e["source"].startswith("127.0.0.1") for e in own)
    assert PASSWORD not in listed.text
    assert key["key"] not in listed.text
    assert "eve@example.org" not in listed.text


async def test_a_body_with_a_field_that_nobody_knows_is_refused(signed: Running) -> None:
    admin = await as_(signed, ADMIN)
    tries: list[tuple[str, dict[str, Any]]] = [
        ("/api/auth/login", {"email": MEMBER, "password": PASSWORD, "role": "admin"}),
        ("/api/users", {"email": "x@example.org", "name": "X", "is_admin": True}),
        ("/api/auth/keys", {"name": "k", "scopes": ["read"], "user_id": "x"}),
        ("/api/auth/keys", {"name": "k", "scopes": ["everything"]}),
        ("/api/auth/keys", {"name": "k", "scopes": []}),
        ("/api/auth/keys", {"name": "k", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}),
        ("/api/auth/keys", {"name": "k", "scopes": ["read"], "expires_at": "2999-01-01T00:00:00Z"}),
        ("/api/auth/keys", {"name": "k", "scopes": ["read"], "expires_at": "2030-01-01T00:00:00"}),
        ("/api/auth/tickets", {"session_id": "not an id"}),
    ]
    for path, body in tries:
        answer = await signed.http.post(path, json=body, headers=admin)
        assert code(answer, 422) == "invalid-input", path
        assert PASSWORD not in answer.text
