"""Every socket and every frame, sent by everybody: carried out, refused or unknown, as the role table says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any, get_args

import pytest
import pytest_asyncio
from starlette.routing import WebSocketRoute
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from perdure.api.socket import protocol
from perdure.ids import new_id
from tests.api.conftest import frame, to_the_end, until
from tests.attack.access_cases import Right
from tests.attack.access_world import World, mail, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

RIGHT_OF = {
    "admin": Right.SERVER,
    "owner": Right.OWN,
    "share-admin": Right.SHARE,
    "editor": Right.EDIT,
    "viewer": Right.VIEW,
    "stranger": Right.SIGNED_IN,
    "revoked": Right.SIGNED_IN,
    "lapsed": Right.SIGNED_IN,
    "anonymous": Right.PUBLIC,
    "expired": Right.PUBLIC,
    "signed-out": Right.PUBLIC,
    "disabled": Right.PUBLIC,
    "revoked key": Right.PUBLIC,
}
"""`revoked` lost their share, that of `lapsed` is over, and `expired` shows a token of an hour ago."""
FRAMES: dict[str, tuple[Right, dict[str, Any]]] = {
    "auth": (Right.SIGNED_IN, {"ticket": "{ticket}"}),
    "ping": (Right.SIGNED_IN, {}),
    "pong": (Right.SIGNED_IN, {}),
    "watch": (Right.VIEW, {"after": 0}),
    "request_state": (Right.VIEW, {"since": 0}),
    "unwatch": (Right.SIGNED_IN, {}),
    "message": (Right.EDIT, {"content": "And now?", "on_busy": "enqueue"}),
    "steer": (Right.EDIT, {"content": "Shorter"}),
    "approval_response": (Right.EDIT, {"approval_id": "{approval_id}", "resolution": "approve"}),
    "cancel": (Right.EDIT, {}),
    "pause": (Right.EDIT, {}),
    "resume": (Right.EDIT, {}),
}
"""Every frame that a client may send, and the right to the session that it asks for; the order they are sent in."""
ANSWERS = {"ping": "pong", "pong": None}
"""What answers a frame when it is not `ack`; None: nothing does."""
SOCKETS: dict[str, set[str]] = {
    "/ws/sessions": set(),
    "/ws/sessions/{session_id}": {"watch", "unwatch"},
    "/ws/{task_id}": {"watch", "unwatch"},
}
"""Every socket, and the frames that it has no use for."""
MAY_NOT = {"not-found", "forbidden"}
BAD_FRAME, SIGN_IN, NOT_FOUND = 4400, 4401, 4404


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One server with sign-in for all of these tests."""
    async with world(tmp_path_factory.mktemp("sockets")) as made:
        made.tokens["lapsed"] = made.tokens["friend"]
        body = {"name": "gone", "scopes": ["manage"]}
        key = await made.made("owner", "POST", "/api/auth/keys", body)
        await made.made("owner", "DELETE", f"/api/auth/keys/{key['key_id']}")
        made.tokens["revoked key"] = key["key"]
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def read_things(everybody: World) -> dict[str, str]:
    """A session that nothing is changed in; two people could see it once."""
    things = await everybody.things()
    base = f"/api/sessions/{things['session_id']}/shares"
    body = {"email": mail("revoked"), "role": "edit"}
    lost = await everybody.made("owner", "POST", base, body)
    await everybody.made("owner", "DELETE", f"{base}/{lost['share_id']}")
    soon = (everybody.running.perdure.store.now() + timedelta(minutes=30)).isoformat()
    body = {"email": mail("friend"), "role": "edit", "expires_at": soon}
    over = await everybody.made("owner", "POST", base, body)
    query = f"UPDATE pd_shares SET expires_at = expires_at - {3600 * 1_000_000} WHERE id = ?"
    await everybody.running.perdure.store.write(lambda tx: tx.cursor.execute(query, (over["share_id"],)))
    return things


async def test_every_socket_and_every_frame_has_its_entry(everybody: World) -> None:
    routes = [route for route in everybody.running.app.routes if isinstance(route, WebSocketRoute)]
    assert {route.path for route in routes} == set(SOCKETS)
    union = get_args(get_args(protocol.ClientFrame)[0])
    assert {get_args(kind.model_fields["type"].annotation)[0] for kind in union} == set(FRAMES)


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize("person", [person for person, right in RIGHT_OF.items() if right >= Right.VIEW])
async def test_a_frame_does_what_the_role_allows(
    everybody: World, read_things: dict[str, str], person: str, path: str
) -> None:
    right = RIGHT_OF[person]
    things = read_things if right is Right.VIEW else await everybody.things()
    async with everybody.running.socket(
        path.format(**things), additional_headers=bearer(everybody, person)
    ) as socket:
        assert await opened(socket, path, things) == things["session_id"]
        for kind, (needed, _) in FRAMES.items():
            answer = await said(everybody, socket, person, kind, things)
            if kind in SOCKETS[path]:
                assert answer["code"] == "bad-frame", (kind, answer)
            elif right >= needed:
                assert answer.get("code") not in MAY_NOT, (kind, answer)
                assert answer["type"] in {ANSWERS.get(kind) or "ack", "error"}, (kind, answer)
                assert needed > Right.VIEW or answer["type"] != "error", (kind, answer)
            else:
                assert answer["code"] == "forbidden", (kind, answer)


@pytest.mark.parametrize("person", [p for p, right in RIGHT_OF.items() if right is Right.SIGNED_IN])
async def test_a_stranger_is_told_the_same_of_a_session_as_of_none(
    everybody: World, read_things: dict[str, str], person: str
) -> None:
    nothing = {name: new_id() for name in read_things}
    told: list[list[str]] = []
    for things in (read_things, nothing):
        seen: list[dict[str, Any]] = []
        async with everybody.running.socket(
            "/ws/sessions", additional_headers=bearer(everybody, person)
        ) as socket:
            await until(socket, lambda frame: frame["type"] == "sessions")
            for kind, (needed, _) in FRAMES.items():
                seen.append(await said(everybody, socket, person, kind, things))
                if needed >= Right.VIEW:
                    assert seen[-1]["code"] == "not-found", seen[-1]
        told.append([anonymous(one, things) for one in seen])
    assert told[0] == told[1]


@pytest.mark.parametrize("person", [p for p, right in RIGHT_OF.items() if right is Right.SIGNED_IN])
@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("/ws/sessions/{session_id}", None),
        ("/ws/{task_id}", {"task": ""}),
        ("/ws/{run_id}", {"task": ""}),
        ("/ws/a-name-of-ones-own", {"task": "", "config": {"session_id": "{session_id}"}}),
        ("/ws/a-name-of-ones-own", {"task": "Do it", "config": {"session_id": "{session_id}"}}),
        ("/ws/a-name-of-ones-own", {"task": "", "config": {"copilotSessionId": "{session_id}"}}),
    ],
)
async def test_no_socket_opens_on_what_a_stranger_may_not_see(
    everybody: World, read_things: dict[str, str], person: str, path: str, first: dict[str, Any] | None
) -> None:
    nothing = {name: new_id() for name in read_things}
    told: list[tuple[Any, ...]] = []
    for things in (read_things, nothing):
        seen: list[dict[str, Any]] = []
        async with everybody.running.socket(
            path.format(**things), additional_headers=bearer(everybody, person)
        ) as socket:
            if first is not None:
                await socket.send(json.dumps(first).replace("{session_id}", things["session_id"]))
            with pytest.raises(ConnectionClosed) as closed:
                await to_the_end(socket, seen)
            assert closed.value.rcvd is not None
            reason = closed.value.rcvd.reason.replace(things["session_id"], "ID")
            told.append((closed.value.rcvd.code, reason, [anonymous(one, things) for one in seen]))
    assert told[0] == told[1]
    assert told[0][0] in ({BAD_FRAME} if first == {"task": ""} else {NOT_FOUND})


@pytest.mark.parametrize("person", [person for person, right in RIGHT_OF.items() if right >= Right.VIEW])
async def test_a_run_is_a_task_for_everybody_who_may_see_it(
    everybody: World, read_things: dict[str, str], person: str
) -> None:
    path = f"/ws/{read_things['run_id']}"
    async with everybody.running.socket(path, additional_headers=bearer(everybody, person)) as socket:
        await socket.send(json.dumps({"task": ""}))
        status = await frame(socket)
        assert (status["session_id"], status["run_id"]) == (read_things["session_id"], read_things["run_id"])


async def test_a_task_of_anothers_name_is_ones_own(everybody: World) -> None:
    things = await everybody.things()
    for name in ("task_id", "run_id"):
        path = f"/ws/{things[name]}"
        async with everybody.running.socket(path, additional_headers=bearer(everybody, "stranger")) as socket:
            await socket.send(json.dumps({"task": "Say hello", "config": {"mode": "one-shot"}}))
            status = await frame(socket)
            assert status["task_id"] == things[name]
            assert status["session_id"] != things["session_id"]
            for kind, (needed, _) in FRAMES.items():
                if needed >= Right.VIEW:
                    answer = await said(everybody, socket, "stranger", kind, things)
                    assert answer["code"] in {"bad-frame", "not-found"}, (kind, answer)


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize("person", [p for p, right in RIGHT_OF.items() if right is Right.PUBLIC])
async def test_nobody_gets_a_frame_without_signing_in(
    everybody: World, read_things: dict[str, str], person: str, path: str
) -> None:
    things = {**read_things, "ticket": f"pdt_{new_id()}"}
    headers = {} if person == "anonymous" else bearer(everybody, person)
    for kind, (_, fields) in FRAMES.items():
        seen: list[dict[str, Any]] = []
        async with everybody.running.socket(path.format(**things), additional_headers=headers) as socket:
            with suppress(ConnectionClosed):  # it may be closed already
                await socket.send(request(kind, fields, things, 1))
            with pytest.raises(ConnectionClosed) as closed:
                await to_the_end(socket, seen)
        assert [one["type"] for one in seen] in ([], ["error"])
        assert not {things["session_id"], things["run_id"]} & set(json.dumps(seen).split('"'))
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == SIGN_IN, kind


def bearer(everybody: World, person: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {everybody.tokens[person]}"}


async def opened(socket: ClientConnection, path: str, things: dict[str, str]) -> str:
    """Wait until a socket has told what it is about, and return the session that it is on."""
    if path == "/ws/sessions":
        await until(socket, lambda frame: frame["type"] == "sessions")
        return things["session_id"]
    if path == "/ws/{task_id}":
        await socket.send(json.dumps({"task": "", "config": {"session_id": things["session_id"]}}))
    return (await until(socket, lambda frame: frame["type"] == "status"))[-1]["session_id"]


async def said(
    everybody: World, socket: ClientConnection, person: str, kind: str, things: dict[str, str]
) -> dict[str, Any]:
    """Send a frame and return its answer; of what is not answered, that the next one is."""
    ref, fields = new_id(), FRAMES[kind][1]
    if kind == "auth":
        ticket = (await everybody.made(person, "POST", "/api/auth/tickets", {}))["ticket"]
        things = {**things, "ticket": ticket}
    await socket.send(request(kind, fields, things, ref))
    if ANSWERS.get(kind, "ack") is None:
        ref = new_id()
        await socket.send(json.dumps({"type": "ping", "ref": ref}))
        assert (await answer_to(socket, ref))["type"] == "pong"
        return {"type": "ack"}
    return await answer_to(socket, ref)


def request(kind: str, fields: dict[str, Any], things: dict[str, str], ref: str | int) -> str:
    given = {key: things.get(str(value).strip("{}"), value) for key, value in fields.items()}
    return json.dumps({"type": kind, "ref": ref, "session_id": things["session_id"], **given})


def anonymous(one: dict[str, Any], things: dict[str, str]) -> str:
    """Return a frame without what differs from one request to the next."""
    text = json.dumps({k: v for k, v in one.items() if k not in {"timestamp", "ref"}}, sort_keys=True)
    for value in things.values():
        text = text.replace(value, "ID") if len(value) > 30 else text
    return text


async def answer_to(socket: ClientConnection, ref: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            got = await frame(socket)
            if got.get("ref") == ref:
                return got
