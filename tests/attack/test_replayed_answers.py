"""An answer that is kept for the repeat of a request is for whoever could ask for it now, and for nobody else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from perdure.ids import new_id
from tests.api.conftest import until
from tests.attack.access_world import World, mail, world

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("replayed")) as made:
        yield made


async def shared(everybody: World) -> tuple[str, dict[str, str]]:
    """Return a session that somebody may work in, and the share by which they may."""
    things = await everybody.things()
    base = f"/api/sessions/{things['session_id']}"
    share = await everybody.made("owner", "POST", f"{base}/shares", {"email": mail("friend"), "role": "edit"})
    return f"{base}/shares/{share['share_id']}", things


REQUESTS: list[tuple[str, Any]] = [
    ("/api/sessions/{session_id}/queue", {"content": "Later"}),
    ("/api/sessions/{session_id}/suspend", None),
    ("/api/approvals/{approval_id}", {"resolution": "approve"}),
    ("/api/missions/{mission_id}/propose", None),
    ("/api/missions", {"goal": "More", "session_id": "{session_id}"}),
]


@pytest.mark.parametrize(("path", "body"), REQUESTS)
async def test_whoever_lost_their_share_gets_no_answer_again(everybody: World, path: str, body: Any) -> None:
    share, things = await shared(everybody)
    asked = path.format(**things)
    said = body and json.loads(json.dumps(body).replace("{session_id}", things["session_id"]))
    key = {"Idempotency-Key": new_id()}
    first = await everybody.ask("friend", "POST", asked, said, more_headers=key)
    assert first.is_success, first.text
    again = await everybody.ask("friend", "POST", asked, said, more_headers=key)
    assert again.json() == first.json()
    await everybody.made("owner", "DELETE", share)
    lost = await everybody.ask("friend", "POST", asked, said, more_headers=key)
    assert (lost.status_code, lost.json()["code"]) == (404, "not-found")
    assert "idempotency-replayed" not in lost.headers


async def test_nobody_gets_the_answer_of_anothers_key(everybody: World) -> None:
    key, body = {"Idempotency-Key": new_id()}, {"mode": "one-shot", "name": "Mine"}
    mine = (await everybody.ask("owner", "POST", "/api/sessions", body, more_headers=key)).json()
    theirs = (await everybody.ask("stranger", "POST", "/api/sessions", body, more_headers=key)).json()
    assert mine["session_id"] != theirs["session_id"]
    assert mine["user_id"] != theirs["user_id"]


async def test_a_message_is_not_acknowledged_again_to_whoever_lost_their_share(everybody: World) -> None:
    share, things = await shared(everybody)
    headers = {"Authorization": f"Bearer {everybody.tokens['friend']}"}
    sent = {"type": "message", "session_id": things["session_id"], "content": "Hello", "on_busy": "enqueue"}
    answers: list[dict[str, Any]] = []
    async with everybody.running.socket("/ws/sessions", additional_headers=headers) as socket:
        for ref in (1, 2):
            await socket.send(json.dumps({**sent, "client_id": "one", "ref": ref}))
            answers.append((await until(socket, lambda frame, ref=ref: frame.get("ref") == ref))[-1])
            if ref == 1:
                await everybody.made("owner", "DELETE", share)
    assert [answer["type"] for answer in answers] == ["ack", "error"]
    assert answers[1]["code"] == "not-found"
