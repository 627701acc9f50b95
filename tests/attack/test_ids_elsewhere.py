"""Ids that are not the path's thing, in bodies, queries and second places of a path: those of others are as of nothing.

The one exception is `session_id` of a session to be created: `test_used_ids.py`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from perdure.api.app import describe_app
from perdure.core.sessions import Session
from perdure.ids import new_id
from perdure.store import sessions
from tests.attack.access_cases import Case, Right
from tests.attack.access_world import World, filled, mail, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)")
PLACE = re.compile(r'"position":\d+')
STRANGERS = ("stranger", "revoked")
COMMANDS = ("suspend", "resume", "complete", "archive", "restore", "delete")
_IN = Right.SIGNED_IN
_TASK = {"task": "Say hello", "config": {"mode": "one-shot"}}
_HOP = {"name": "Sort", "goal": "Bring them into order"}

CASES = (
    Case("POST /api/tasks/submit", _IN, {**_TASK, "session_id": "{session_id}"}),
    Case("POST /api/tasks/submit", _IN, {"task": "Go", "config": {"session_id": "{session_id}"}}),
    Case("POST /api/tasks/submit", _IN, {"task": "Go", "config": {"copilotSessionId": "{session_id}"}}),
    Case("POST /api/tasks/submit", _IN, {**_TASK, "task_id": "{run_id}"}),
    Case(
        "POST /api/sessions/{my_session_id}/messages",
        _IN,
        {"content": "Go on", "task_id": "{named_task}", "on_busy": "enqueue"},
    ),
    Case("POST /api/missions", _IN, {"goal": "Know more", "hops": [_HOP], "session_id": "{session_id}"}),
    Case("POST /api/auth/tickets", _IN, {"session_id": "{session_id}"}),
    *(
        Case("POST /api/sessions/bulk", _IN, {"command": command, "session_ids": ["{session_id}"]})
        for command in COMMANDS
    ),
    Case("POST /api/sessions/{my_session_id}/activity", _IN, {"session_ids": ["{session_id}"]}),
    Case("GET /api/approvals", _IN, query="session_id={session_id}&status=pending"),
    Case("GET /api/missions", _IN, query="session_id={session_id}"),
    Case("GET /api/assets", _IN, query="session_id={session_id}"),
    Case("GET /api/assets", _IN, query="hop_id={hop_id}"),
    Case("GET /api/assets", _IN, query="mission_id={my_mission_id}&hop_id={hop_id}"),
    Case("GET /api/sessions/{my_session_id}/steps", _IN, query="run_id={run_id}"),
    Case("POST /api/sessions/{my_session_id}/link-mission/{mission_id}", _IN),
    Case("POST /api/sessions/{session_id}/link-mission/{my_mission_id}", _IN),
    Case("GET /api/runs/{my_run_id}/diff/{run_id}", _IN),
    Case("GET /api/runs/{run_id}/diff/{my_run_id}", _IN),
    Case("PUT /api/missions/{my_mission_id}/hops", _IN, {"hop_ids": ["{my_hop_id}", "{hop_id}"]}),
    Case("PUT /api/hops/{my_hop_id}/tool-steps", _IN, {"tool_step_ids": ["{hop_id}"]}),
    Case("PUT /api/sessions/{my_session_id}/queue", _IN, {"item_ids": ["{my_item_id}", "{item_id}"]}),
)
OTHERWISE = {  # what is not tried here, and why
    ("POST /api/sessions", "session_id"): "told as taken: test_used_ids.py",
    ("POST /api/sessions", "template_id"): "this server has none",
    ("POST /api/sessions/{session_id}/shares", "user_id"): "people are seen: tests/api/test_shares.py",
    ("GET /api/sessions", "user_id"): "for administrators",
    ("GET /api/approvals", "user_id"): "for administrators",
    ("GET /api/missions", "user_id"): "for administrators",
    ("GET /api/audit", "session_id"): "for administrators",
    ("GET /api/audit", "actor_id"): "for administrators",
    ("GET /api/audit", "object_id"): "for administrators",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("elsewhere")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def theirs(everybody: World) -> dict[str, str]:
    """Everything of the owner's; somebody's share was taken back."""
    things = await everybody.things()
    base = f"/api/sessions/{things['session_id']}/shares"
    lost = await everybody.made("owner", "POST", base, {"email": mail("revoked"), "role": "edit"})
    await everybody.made("owner", "DELETE", f"{base}/{lost['id']}")
    named = {**_TASK, "task_id": f"task-{new_id()}"}
    await everybody.made("owner", "POST", "/api/tasks/submit", named)
    return {**things, "named_task": named["task_id"]}


@pytest.mark.parametrize("person", STRANGERS)
async def test_an_id_of_others_is_as_one_of_nothing_wherever_it_stands(
    everybody: World, theirs: dict[str, str], person: str
) -> None:
    mine = await _own_things(everybody, person)
    nothing = {name: UUID.sub(new_id(), value) for name, value in theirs.items()}
    before = await _state(everybody, theirs)
    for case in CASES:
        strange = await everybody.send(person, case, {**theirs, **mine})
        unknown = await everybody.send(person, case, {**nothing, **mine})
        where = f"{case.route} {case.query or case.body}: {strange.text} {unknown.text}"
        assert strange.status_code == unknown.status_code, where
        assert anonymous(strange) == anonymous(unknown), where
        assert list(strange.headers) == list(unknown.headers), where
        if "task_id" in (case.body or {}):  # everybody's are their own
            assert strange.status_code == 202, where
        elif case.path.endswith(("/bulk", "/activity")):
            assert strange.status_code == 200, where
        else:
            assert 400 <= strange.status_code < 500 or strange.json()["total"] == 0, where
        named = set(UUID.findall(filled(case.text, theirs)))
        assert not (set(theirs.values()) & set(UUID.findall(strange.text))) - named, where
    assert await _state(everybody, theirs) == before


async def test_every_id_in_a_body_or_query_is_tried() -> None:
    tried = {(case.route.replace("{my_", "{"), name) for case in CASES for name in _names(case)}
    missing = {(route, name) for route, name in _described() if (route, name) not in tried | OTHERWISE.keys()}
    assert missing == set()


@pytest.mark.parametrize("person", ["viewer", *STRANGERS])
async def test_many_at_once_leaves_what_is_not_for_one_as_it_was(everybody: World, person: str) -> None:
    made = [await everybody.things(Case("GET /api/none", _IN)) for _ in range(4)]
    ids = [things["session_id"] for things in made]
    for session_id, commands in zip(
        ids, ((), ("suspend",), ("complete",), ("complete", "archive")), strict=True
    ):
        for command in commands:
            await everybody.made("owner", "POST", f"/api/sessions/{session_id}/{command}")
    gone = (await everybody.things(Case("GET /api/none", _IN)))["session_id"]
    await everybody.made("owner", "DELETE", f"/api/sessions/{gone}")
    before = await _sessions(everybody, [*ids, gone])
    assert {str(session.status) for session in before} == {
        "active",
        "suspended",
        "completed",
        "archived",
        "deleted",
    }
    for command in COMMANDS:
        body = {"command": command, "session_ids": [*ids, gone]}
        told = (await everybody.made(person, "POST", "/api/sessions/bulk", body))["results"]
        codes = [one["error"]["code"] for one in told if not one["success"]]
        seen = "forbidden" if person == "viewer" else "not-found"
        assert codes[:4] == [seen] * 4, (command, told)
        assert codes[4] in {seen, "not-found"}, (command, told)
        assert await _sessions(everybody, [*ids, gone]) == before, command
    for command in COMMANDS:  # of the owner each of them changes some
        body = {"command": command, "session_ids": [*ids, gone]}
        told = (await everybody.made("owner", "POST", "/api/sessions/bulk", body))["results"]
        assert [one for one in told if one["success"]], command
    assert await _sessions(everybody, [*ids, gone]) != before


async def _own_things(everybody: World, person: str) -> dict[str, str]:
    async def made(path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await everybody.made(person, "POST", path, body)

    session = (await made("/api/sessions", {"mode": "one-shot"}))["id"]
    run = await made(f"/api/sessions/{session}/messages", {"content": "Say hello"})
    item = await made(f"/api/sessions/{session}/queue", {"content": "And now?"})
    mission = (await made("/api/missions", {"goal": "Know more", "hops": [_HOP]}))["id"]
    whole = await everybody.made(person, "GET", f"/api/missions/{mission}")
    return {
        "my_session_id": session,
        "my_run_id": run["run_id"],
        "my_item_id": item["id"],
        "my_mission_id": mission,
        "my_hop_id": whole["hops"][0]["id"],
    }


async def _state(everybody: World, theirs: dict[str, str]) -> list[Any]:
    """Return what the owner sees of what is theirs, and when their session was last active."""
    base = f"/api/sessions/{theirs['session_id']}"
    paths = (f"{base}/queue", f"{base}/runs", f"{base}/approvals", f"/api/missions/{theirs['mission_id']}")
    seen = [(await everybody.made("owner", "GET", path)) for path in paths]
    events = await everybody.made("owner", "GET", f"{base}/events?limit=1000")
    return [seen, events["events"], await _sessions(everybody, [theirs["session_id"]])]


async def _sessions(everybody: World, ids: list[str]) -> list[Session]:
    store = everybody.running.perdure.store
    return await store.read(lambda tx: [sessions.get_session(tx, one) for one in ids])


def anonymous(answer: httpx.Response) -> str:
    """Return what it says without ids, times and places in one's own queue."""
    return PLACE.sub("PLACE", TIME.sub("TIME", UUID.sub("ID", answer.text)))


def _names(case: Case) -> set[str]:
    """The names of the fields and parameters that hold an id of others."""
    return {pair.partition("=")[0] for pair in case.query.split("&") if pair} | set(case.body or {})


def _described() -> Iterator[tuple[str, str]]:
    """Every parameter of a query and field of a body that is named as an id, of every operation."""
    described = describe_app()
    known = described["components"]["schemas"]

    def fields(schema: dict[str, Any]) -> Iterator[str]:
        if "$ref" in schema:
            schema = known[schema["$ref"].rpartition("/")[2]]
        for part in (*schema.get("anyOf", ()), *schema.get("allOf", ())):
            yield from fields(part)
        yield from schema.get("properties", {})

    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                names += fields(content["schema"])
            for name in names:
                if name.endswith(("_id", "_ids")):
                    yield f"{method.upper()} {path}", name
