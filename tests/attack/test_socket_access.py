"""Every socket and every frame, sent by everybody: carried out, refused or unknown, as the role table says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

from perdure.ids import new_id
from tests.api.conftest import frame, to_the_end
from tests.attack.access_cases import Right
from tests.attack.access_world import NOT_SIGNED_IN, World, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

RIGHT_OF = {
    "admin": Right.SERVER,
    "owner": Right.OWN,
    "share-admin": Right.SHARE,
    "editor": Right.EDIT,
    "viewer": Right.VIEW,
    "stranger": Right.SIGNED_IN,
    "revoked": Right.SIGNED_IN,
}
FRAMES: dict[str, tuple[Right, dict[str, Any]]] = {
    "watch": (Right.VIEW, {"after": 0}),
    "request_state": (Right.VIEW, {}),
    "message": (Right.EDIT, {"content": "And now?", "on_busy": "enqueue"}),
    "approval_response": (Right.EDIT, {"approval_id": "{approval_id}", "resolution": "approve"}),
    "steer": (Right.EDIT, {"content": "Shorter"}),
    "pause": (Right.EDIT, {}),
    "resume": (Right.EDIT, {}),
    "cancel": (Right.EDIT, {}),
}
MAY_NOT = {"not-found", "forbidden"}
SIGN_IN, NOT_FOUND = 4401, 4404


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One server with sign-in for all of these tests."""
    async with world(tmp_path_factory.mktemp("sockets")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def read_things(everybody: World) -> dict[str, str]:
    """A session that nothing is changed in."""
    return await everybody.things()


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("person", RIGHT_OF)
async def test_a_frame_does_what_the_role_allows(
    everybody: World, read_things: dict[str, str], person: str, kind: str
) -> None:
    needed, fields = FRAMES[kind]
    changes = RIGHT_OF[person] >= needed > Right.VIEW
    things = await everybody.things() if changes else read_things
    given = {key: things.get(str(value).strip("{}"), value) for key, value in fields.items()}
    sent = {"type": kind, "ref": 1, "session_id": things["session_id"], **given}
    async with everybody.running.socket(
        "/ws/sessions", additional_headers=bearer(everybody, person)
    ) as socket:
        await socket.send(json.dumps(sent))
        answer = await answer_to(socket, 1)
    code = answer.get("code")
    if RIGHT_OF[person] >= needed:
        assert code not in MAY_NOT, answer
    elif RIGHT_OF[person] >= Right.VIEW:
        assert code == "forbidden", answer
    else:
        assert code == "not-found", answer


@pytest.mark.parametrize("person", RIGHT_OF)
async def test_a_session_is_watched_by_those_who_may_see_it(
    everybody: World, read_things: dict[str, str], person: str
) -> None:
    things = read_things
    for path in (f"/ws/sessions/{things['session_id']}", f"/ws/{things['task_id']}"):
        async with everybody.running.socket(path, additional_headers=bearer(everybody, person)) as socket:
            if path.startswith("/ws/sessions"):
                seen = await first_or_close(socket)
            else:
                await socket.send(json.dumps({"task": "Say hello", "config": {}, "last_event_id": 0}))
                seen = await first_or_close(socket)
        if RIGHT_OF[person] >= Right.VIEW and path.startswith("/ws/sessions"):
            assert seen["session_id"] == things["session_id"]
        elif RIGHT_OF[person] < Right.VIEW:
            assert things["session_id"] not in json.dumps(seen), "a stranger was let in"


@pytest.mark.parametrize("person", [None, *NOT_SIGNED_IN])
@pytest.mark.parametrize("kind", ["/ws/sessions", "/ws/sessions/{session_id}", "/ws/{task_id}"])
async def test_nobody_gets_a_frame_without_signing_in(
    everybody: World, person: str | None, kind: str
) -> None:
    things = await everybody.things()
    path = kind.format(**things)
    headers = {} if person is None else bearer(everybody, person)
    seen: list[dict[str, Any]] = []
    async with everybody.running.socket(path, additional_headers=headers) as socket:
        if person is None:
            await socket.send(json.dumps({"type": "auth", "ticket": f"pdt_{new_id()}"}))
        with pytest.raises(ConnectionClosed) as closed:
            await to_the_end(socket, seen)
    assert things["session_id"] not in json.dumps(seen)
    assert things["run_id"] not in json.dumps(seen)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == SIGN_IN


async def test_a_stranger_is_told_the_same_of_a_session_as_of_none(
    everybody: World, read_things: dict[str, str]
) -> None:
    things = read_things
    told: list[tuple[Any, ...]] = []
    for session_id in (things["session_id"], new_id()):
        path = f"/ws/sessions/{session_id}"
        async with everybody.running.socket(path, additional_headers=bearer(everybody, "stranger")) as socket:
            seen: list[dict[str, Any]] = []
            with pytest.raises(ConnectionClosed) as closed:
                await to_the_end(socket, seen)
            assert closed.value.rcvd is not None
            frames = [without_time(one).replace(session_id, "ID") for one in seen]
            told.append((closed.value.rcvd.code, closed.value.rcvd.reason, frames))
    assert told[0] == told[1]
    assert told[0][0] == NOT_FOUND


def bearer(everybody: World, person: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {everybody.tokens[person]}"}


def without_time(one: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in one.items() if k != "timestamp"}, sort_keys=True)


async def answer_to(socket: Any, ref: int) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            got = await frame(socket)
            if got.get("ref") == ref:
                return got


async def first_or_close(socket: Any) -> dict[str, Any]:
    try:
        return await frame(socket)
    except ConnectionClosed as closed:
        return {"closed": closed.rcvd.code if closed.rcvd else None}
