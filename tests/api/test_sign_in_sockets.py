"""Sign-in of sockets and streams, and how they end when rights do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from perdure.api.socket import connection
from perdure.core.access import LOCAL_ACTOR, LOCAL_USER_ID, Role
from perdure.core.shares import Share
from perdure.ids import new_id
from perdure.store import shares
from tests.api.conftest import Running, eventually, frame, until
from tests.api.test_sign_in import (
    ADMIN,
    MEMBER,
    as_,
    bearer,
    cheap_hashes,
    code,
    login,
    signed,
)
from tests.factories import STRANGER

__all__ = ["cheap_hashes", "signed"]


async def ticket(app: Running, headers: dict[str, str], **body: Any) -> str:
    answer = await app.http.post("/api/auth/tickets", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["expires_in"] == 30
    return answer.json()["ticket"]


async def show(socket: ClientConnection, ticket: str) -> dict[str, Any]:
    await socket.send(json.dumps({"type": "auth", "ticket": ticket, "ref": 1}))
    return await frame(socket)


async def closed(socket: ClientConnection) -> tuple[int, list[dict[str, Any]]]:
    """Return the close code, and what came before it."""
    seen: list[dict[str, Any]] = []
    try:
        while True:
            seen.append(await frame(socket, 8.0))
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd is not None else 1006, seen


async def session_of(app: Running, headers: dict[str, str]) -> str:
    answer = await app.http.post("/api/sessions", json={"mode": "one-shot"}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["session_id"]


async def test_a_ticket_opens_one_socket_once(signed: Running) -> None:
    headers = await as_(signed)
    mine = await session_of(signed, headers)
    one = await ticket(signed, headers)
    async with signed.socket("/ws/sessions") as socket:
        answer = await show(socket, one)
        assert (answer["type"], answer["ref"], answer["command"]) == ("ack", 1, "auth")
        seen = await until(socket, lambda f: f["type"] == "sessions")
        assert [s["session_id"] for s in seen[-1]["sessions"]] == [mine]
    async with signed.socket("/ws/sessions") as socket:
        await socket.send(json.dumps({"type": "auth", "ticket": one}))
        assert (await closed(socket))[0] == 4401


async def test_a_ticket_is_over_after_half_a_minute_and_with_its_sign_in(signed: Running) -> None:
    got = await login(signed)
    headers = bearer(got["access_token"])
    old = await ticket(signed, headers)
    await signed.perdure.store.write(
        lambda tx: tx.cursor.execute("UPDATE pd_socket_tickets SET expires_at = expires_at - 31000000")
    )
    async with signed.socket("/ws/sessions") as socket:
        await socket.send(json.dumps({"type": "auth", "ticket": old}))
        assert (await closed(socket))[0] == 4401
    new = await ticket(signed, headers)
    await signed.http.post("/api/auth/logout", headers=headers)
    async with signed.socket("/ws/sessions") as socket:
        await socket.send(json.dumps({"type": "auth", "ticket": new}))
        status, seen = await closed(socket)
        assert (status, seen[-1]["code"]) == (4401, "sign-in-expired")


async def test_a_ticket_of_a_session_and_an_origin_is_good_for_those_alone(signed: Running) -> None:
    headers = await as_(signed)
    mine, other = await session_of(signed, headers), await session_of(signed, headers)
    for path in (f"/ws/sessions/{other}", "/ws/sessions", "/ws/a-task"):
        async with signed.socket(path) as socket:
            await socket.send(
                json.dumps({"type": "auth", "ticket": await ticket(signed, headers, session_id=mine)})
            )
            assert (await closed(socket))[0] == 4401
    async with signed.socket(f"/ws/sessions/{mine}") as socket:
        assert (await show(socket, await ticket(signed, headers, session_id=mine)))["type"] == "ack"
        assert (await frame(socket))["session_id"] == mine
    origin = f"http://127.0.0.1:{signed.port}"
    bound = await ticket(signed, {**headers, "Origin": origin})
    async with signed.socket("/ws/sessions") as socket:
        await socket.send(json.dumps({"type": "auth", "ticket": bound}))
        assert (await closed(socket))[0] == 4401
    bound = await ticket(signed, {**headers, "Origin": origin})
    async with signed.socket("/ws/sessions", origin=origin) as socket:
        assert (await show(socket, bound))["type"] == "ack"
    stranger = await as_(signed, ADMIN)
    theirs = await session_of(signed, stranger)
    refused = await signed.http.post("/api/auth/tickets", json={"session_id": theirs}, headers=headers)
    assert code(refused, 404) == "not-found"


@pytest.mark.parametrize("path", ["/ws/sessions", f"/ws/sessions/{STRANGER.user_id}", "/ws/a-task"])
@pytest.mark.parametrize(
    "first",
    [
        {"task": "Do it", "config": {"mode": "one-shot"}},
        {"type": "ping"},
        {"type": "auth"},
        {"type": "auth", "ticket": "pdt_nonsense"},
        {"type": "auth", "ticket": 7},
        {"type": "auth", "token": "pdk_x_y"},
    ],
)
async def test_nothing_is_said_to_a_socket_that_nobody_signed_in(
    signed: Running, path: str, first: dict[str, Any]
) -> None:
    async with signed.socket(path) as socket:
        await socket.send(json.dumps(first))
        status, seen = await closed(socket)
    assert status in ({4400, 4401} if first.get("ticket") == 7 else {4401})
    assert [f["type"] for f in seen] == ["error"]
    runs = await signed.http.get("/api/stats", headers=await as_(signed, ADMIN))
    assert runs.json()["total_sessions"] == 0


async def test_a_socket_that_says_nothing_is_closed(signed: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_FRAME_WITHIN_S", 0.2)
    async with signed.socket("/ws/sessions") as socket:
        status, seen = await closed(socket)
        assert (status, seen[-1]["code"]) == (4401, "sign-in-needed")
    await eventually(lambda: signed.open_readers == 0)


async def test_programs_show_a_token_or_key_at_the_handshake(signed: Running) -> None:
    headers = await as_(signed)
    made = await signed.http.post("/api/auth/keys", json={"name": "k", "scopes": ["work"]}, headers=headers)
    for credential in (headers, bearer(made.json()["key"])):
        async with signed.socket("/ws/a-task", additional_headers=credential) as socket:
            await socket.send(json.dumps({"task": "Hello", "config": {"mode": "one-shot"}}))
            assert (await frame(socket))["task_id"] == "a-task"
    async with signed.socket("/ws/sessions", additional_headers=bearer("nonsense")) as socket:
        assert (await closed(socket))[0] == 4401
    async with signed.socket("/ws/sessions?access_token=" + headers["Authorization"][7:]) as socket:
        await socket.send(json.dumps({"type": "ping"}))
        assert (await closed(socket))[0] == 4401


async def test_a_cookie_alone_opens_no_socket(signed: Running) -> None:
    body = {"email": MEMBER, "password": "correct horse battery", "cookies": True}
    answer = await signed.http.post("/api/auth/login", json=body)
    cookie = "; ".join(f"{k}={v}" for k, v in answer.cookies.items())
    signed.http.cookies.clear()
    origin = f"http://127.0.0.1:{signed.port}"
    async with signed.socket("/ws/sessions", additional_headers={"Cookie": cookie}, origin=origin) as socket:
        await socket.send(json.dumps({"type": "ping"}))
        assert (await closed(socket))[0] == 4401


async def test_without_sign_in_an_auth_frame_is_answered_and_changes_nothing(app: Running) -> None:
    async with app.socket("/ws/a-task") as socket:
        await socket.send(json.dumps({"type": "auth", "ticket": "whatever"}))
        assert (await frame(socket))["command"] == "auth"
        await socket.send(json.dumps({"task": "Hello", "config": {"mode": "one-shot"}}))
        assert (await frame(socket))["type"] == "status"
        await socket.send(json.dumps({"type": "auth", "ticket": "again"}))
        await until(socket, lambda f: f.get("command") == "auth")


@asynccontextmanager
async def everything_open(
    app: Running, credential: dict[str, str], session_id: str
) -> AsyncGenerator[tuple[list[ClientConnection], list[httpx.Response]]]:
    """All kinds of sockets and streams, opened by one credential."""
    async with (
        app.socket("/ws/sessions", additional_headers=credential) as many,
        app.socket(f"/ws/sessions/{session_id}", additional_headers=credential) as one,
        app.http.stream("GET", "/api/sessions/stream", headers=credential, timeout=20) as listing,
        app.http.stream("GET", f"/api/sessions/{session_id}/stream", headers=credential, timeout=20) as log,
    ):
        await until(many, lambda f: f["type"] == "sessions")
        await many.send(json.dumps({"type": "watch", "session_id": session_id, "after": 0}))
        await until(many, lambda f: f["type"] == "sync")
        await until(one, lambda f: f["type"] == "sync")
        assert (listing.status_code, log.status_code) == (200, 200)
        yield [many, one], [listing, log]


async def text_of(stream: httpx.Response) -> str:
    async with asyncio.timeout(8.0):
        return "".join([text async for text in stream.aiter_text()])


@pytest.mark.parametrize("how", ["logout", "everywhere", "disabled", "ended", "password", "admin", "revoked"])
async def test_sockets_and_streams_end_when_the_credential_does(signed: Running, how: str) -> None:
    headers, admin = await as_(signed), await as_(signed, ADMIN)
    user_id = (await signed.http.get("/api/auth/me", headers=headers)).json()["id"]
    mine = await session_of(signed, headers)
    credential = headers
    key_id = ""
    if how == "revoked":
        made = await signed.http.post(
            "/api/auth/keys", json={"name": "k", "scopes": ["read"]}, headers=headers
        )
        credential, key_id = bearer(made.json()["key"]), made.json()["id"]
    sign_ins = (await signed.http.get("/api/auth/sign-ins", headers=headers)).json()["sign_ins"]
    ends: dict[str, tuple[str, str, Any, dict[str, str]]] = {
        "logout": ("POST", "/api/auth/logout", None, headers),
        "everywhere": ("POST", "/api/auth/logout-everywhere", None, headers),
        "disabled": ("PATCH", f"/api/users/{user_id}", {"disabled": True}, admin),
        "ended": ("DELETE", f"/api/auth/sign-ins/{sign_ins[0]['id']}", None, headers),
        "password": ("PATCH", f"/api/users/{user_id}", {"password": "a new long password"}, admin),
        "admin": ("POST", f"/api/users/{user_id}/sign-out", None, admin),
        "revoked": ("DELETE", f"/api/auth/keys/{key_id}", None, headers),
    }
    method, path, body, by = ends[how]
    async with signed.socket("/ws/sessions", additional_headers=admin) as bystander:
        await until(bystander, lambda f: f["type"] == "sessions")
        async with everything_open(signed, credential, mine) as (sockets, streams):
            answer = await signed.http.request(method, path, json=body, headers=by)
            assert answer.status_code == 200, answer.text
            for socket in sockets:
                status, seen = await closed(socket)
                assert status == 4401
                assert (seen[-1]["type"], seen[-1]["code"]) == ("reauth", "sign-in-expired")
            for stream in streams:
                assert '"type":"reauth"' in await text_of(stream)
        await bystander.send(json.dumps({"type": "ping", "ref": 5}))
        assert (await until(bystander, lambda f: f["type"] == "pong"))[-1]["ref"] == 5


async def test_what_another_server_changed_is_seen_within_seconds(signed: Running) -> None:
    headers = await as_(signed)
    mine = await session_of(signed, headers)

    def end_behind_our_back(tx: Any) -> None:
        tx.cursor.execute("UPDATE pd_sign_ins SET ended_at = 1")

    async with everything_open(signed, headers, mine) as (sockets, _streams):
        await signed.perdure.store.write(end_behind_our_back)
        async with asyncio.timeout(5.0):
            assert [(await closed(socket))[0] for socket in sockets] == [4401, 4401]


async def test_a_lost_share_ends_the_watch_and_leaves_the_socket(signed: Running) -> None:
    headers, admin = await as_(signed), await as_(signed, ADMIN)
    user_id = (await signed.http.get("/api/auth/me", headers=headers)).json()["id"]
    owner_id = (await signed.http.get("/api/auth/me", headers=admin)).json()["id"]
    theirs = await session_of(signed, admin)
    store = signed.perdure.store
    share = Share(
        id=new_id(),
        session_id=theirs,
        user_id=user_id,
        role=Role.VIEW,
        created_by=owner_id,
        created_at=store.now(),
        name="max",
        email=MEMBER,
    )
    await store.write(lambda tx: shares.put_share(tx, share))
    async with everything_open(signed, headers, theirs) as ((many, one), (_listing, log)):
        await store.write(lambda tx: shares.delete_share(tx, share))
        signed.perdure.rights.changed()
        seen = await until(many, lambda f: f["type"] == "error")
        assert (seen[-1]["code"], seen[-1]["session_id"]) == ("not-found", theirs)
        status, seen = await closed(one)
        assert (status, seen[-1]["code"]) == (4404, "not-found")
        assert '"code":"not-found"' in await text_of(log)
        await many.send(json.dumps({"type": "watch", "session_id": theirs, "after": 0}))
        again = await until(many, lambda f: f["type"] == "error")
        assert again[-1]["code"] == "not-found"
        await signed.lines(theirs, 1, 1)
        await many.send(json.dumps({"type": "ping", "ref": 9}))
        after = await until(many, lambda f: f["type"] == "pong")
        assert not any(f.get("session_id") == theirs and "seq" in f for f in after)


async def test_who_is_no_administrator_any_more_loses_what_they_saw_as_one(signed: Running) -> None:
    admin = await as_(signed, ADMIN)
    other = await signed.http.post(
        "/api/users",
        json={"email": "b@example.org", "name": "B", "role": "admin", "password": "correct horse battery"},
        headers=admin,
    )
    member = await as_(signed)
    theirs = await session_of(signed, member)
    second = await as_(signed, "b@example.org")
    async with everything_open(signed, second, theirs) as ((many, one), _streams):
        changed = await signed.http.patch(
            f"/api/users/{other.json()['id']}", json={"role": "member"}, headers=admin
        )
        assert changed.status_code == 200
        assert (await until(many, lambda f: f["type"] == "error"))[-1]["code"] == "not-found"
        assert (await closed(one))[0] == 4404


async def test_another_ticket_goes_on_and_somebody_elses_does_not(signed: Running) -> None:
    first, second = await as_(signed), await as_(signed)
    admin = await as_(signed, ADMIN)
    async with signed.socket("/ws/sessions", additional_headers=first) as socket:
        await until(socket, lambda f: f["type"] == "sessions")
        assert (await show(socket, await ticket(signed, admin)))["code"] == "forbidden"
        assert (await show(socket, await ticket(signed, second)))["command"] == "auth"
        await signed.http.post("/api/auth/logout", headers=first)
        await signed.app.state.revocation.look()
        await socket.send(json.dumps({"type": "ping", "ref": 3}))
        assert (await until(socket, lambda f: f["type"] == "pong"))[-1]["ref"] == 3
        await signed.http.post("/api/auth/logout", headers=second)
        assert (await closed(socket))[0] == 4401


async def test_a_stream_takes_a_cookie_from_a_page_of_ours_alone(signed: Running) -> None:
    body = {"email": MEMBER, "password": "correct horse battery", "cookies": True}
    await signed.http.post("/api/auth/login", json=body)
    async with signed.http.stream(
        "GET", "/api/sessions/stream", headers={"Sec-Fetch-Site": "same-origin"}
    ) as stream:
        assert stream.status_code == 200
    for headers in ({"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}):
        answer = await signed.http.get("/api/sessions/stream", headers=headers)
        assert code(answer, 403) == "cross-site-request"


async def test_what_was_made_without_sign_in_belongs_to_the_local_user(signed: Running) -> None:
    made = await signed.perdure.sessions.create(LOCAL_ACTOR, mode="one-shot")
    assert made.owner_id == LOCAL_USER_ID
    headers, admin = await as_(signed), await as_(signed, ADMIN)
    assert code(await signed.http.get(f"/api/sessions/{made.id}", headers=headers), 404) == "not-found"
    everything = await signed.http.get("/api/sessions", params={"user_id": "all"}, headers=admin)
    assert [s["session_id"] for s in everything.json()["sessions"]] == [made.id]
