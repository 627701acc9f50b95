"""Faults that systems of this kind have had, each named after what must be true instead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from perdure.api.app import create_app
from perdure.api.server import listen, make_server
from perdure.bootstrap import build
from perdure.core.access import LOCAL_ACTOR
from perdure.core.approvals import Resolution, parse_resolution
from perdure.core.clock import utc_now
from perdure.errors import StaleVersion, StartupError, StorageUnavailable
from perdure.ids import new_id
from perdure.services.views import SessionRow
from perdure.store.sessions import SessionQuery
from perdure.store.store import Store
from tests.attack.access_cases import CASES, Right
from tests.attack.access_world import filled
from tests.engine.asking import answer, asked, let_pass, plan_statuses, step_statuses
from tests.engine.conftest import House
from tests.factories import STRANGER

_PLAN = {"steps": [{"name": f"Part {n}", "goal": f"Do part {n}."} for n in range(1, 6)]}


@dataclass
class Served:
    """The house behind a real socket."""

    house: House
    port: int
    http: httpx.AsyncClient

    def socket(self, path: str) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}{path}", proxy=None, compression=None)


@pytest.fixture
async def served(house: House) -> AsyncIterator[Served]:
    await house.app.stop()
    house.app = build(house.settings)
    listening = listen("127.0.0.1", 0)
    server = make_server(create_app(house.app), house.settings)
    task = asyncio.create_task(server._serve(sockets=[listening]))
    while not server.started:
        assert not task.done(), task.result()
        await asyncio.sleep(0.005)
    port = listening.getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        yield Served(house, port, http)
    house.provider.release()
    server.should_exit = True
    await task
    listening.close()
    await house.start()


async def _events(socket: Any, upto: str) -> list[dict[str, Any]]:
    """Read events until one of that type."""
    seen: list[dict[str, Any]] = []
    async with asyncio.timeout(30):
        while not seen or seen[-1]["type"] != upto:
            frame = json.loads(await socket.recv())
            if "seq" in frame and "data" in frame:
                seen.append(frame)
    return seen


async def _row(house: House, session_id: str) -> SessionRow:
    return await house.app.sessions.get(LOCAL_ACTOR, session_id)


async def test_a_socket_killed_mid_run_gets_exactly_the_missing_events_of_one_run(served: Served) -> None:
    house = served.house
    house.provider.hold("YOUR STEP (2)")
    first = {"task": "Do it", "config": {"mode": "planning-control"}}
    async with served.socket("/ws/cut") as socket:
        await socket.send(json.dumps(first))
        status = json.loads(await socket.recv())
        before = await _events(socket, "step_completed")
        socket.transport.abort()
    await house.held()
    house.provider.release()

    async with served.socket("/ws/cut") as socket:
        await socket.send(json.dumps({**first, "last_event_id": before[-1]["seq"]}))
        after = await _events(socket, "workflow_complete")

    numbers = [event["seq"] for event in before + after]
    assert numbers == list(range(1, len(numbers) + 1))
    runs = (await served.http.get(f"/api/sessions/{status['session_id']}/runs")).json()
    assert runs["total"] == 1
    assert max(house.provider.counts.values()) == 1


@pytest.mark.parametrize("restart", [False, True])
async def test_an_approval_survives_a_reload_and_a_restart(house: House, restart: bool) -> None:
    session, run = await house.submit(approval_mode="after_planning")
    question = await asked(house, run.id)
    if restart:
        await house.app.stop()
        await house.start()

    reloaded, total = await house.app.approvals.list(LOCAL_ACTOR, session_id=session.id)
    assert (reloaded, total) == ([question], 1)
    assert (await _row(house, session.id)).pending_approvals == 1
    await house.app.approvals.answer(LOCAL_ACTOR, reloaded[0].id, approved=True)
    await house.run(run.id, "completed")


async def test_two_runs_of_a_session_are_both_in_its_history_and_long_messages_stay_whole(
    house: House,
) -> None:
    text = "Tell me about these: " + " ".join(f"point {n}," for n in range(400))
    assert len(text) > 3_000
    session, first = await house.submit("one-shot", text)
    await house.run(first.id, "completed")
    started = await house.app.runs.start(LOCAL_ACTOR, session.id, "And in short?")
    assert started.run is not None
    await house.run(started.run.id, "completed")

    page = await house.app.history.messages(LOCAL_ACTOR, session.id)
    assert [(m.role, m.run_id) for m in page.messages] == [
        ("user", first.id),
        ("assistant", first.id),
        ("user", started.run.id),
        ("assistant", started.run.id),
    ]
    assert page.messages[0].text == text


async def test_of_two_writers_with_one_version_one_is_told_of_the_other(house: House) -> None:
    session = await house.app.sessions.create(LOCAL_ACTOR, mode="copilot")

    async def write(name: str) -> Any:
        return await house.app.sessions.update(
            LOCAL_ACTOR, session.id, patch={"name": name}, replace=False, if_version=session.version
        )

    outcomes = await asyncio.gather(write("one"), write("two"), return_exceptions=True)
    refused = [o for o in outcomes if isinstance(o, StaleVersion)]
    assert len(refused) == 1
    assert refused[0].fields["current_version"] == session.version + 1
    assert (await house.session(session.id)).version == session.version + 1


async def test_a_suspend_over_rest_stops_the_worker_and_a_resume_never_plans_again(served: Served) -> None:
    house = served.house
    house.provider.hold("YOUR STEP (1)")
    session, run = await house.submit()
    await house.held()

    assert (await served.http.post(f"/api/sessions/{session.id}/suspend")).status_code == 200
    house.provider.release()
    await house.run(run.id, "paused")
    calls = len(house.provider.calls)
    assert await house.steps(session.id, "step_completed") == ["plan", "step-1"]

    assert (await served.http.post(f"/api/sessions/{session.id}/resume")).status_code == 200
    await house.run(run.id, "completed")
    assert not any("Plan this task" in call.prompt for call in house.provider.calls[calls:])
    assert max(house.provider.counts.values()) == 1


async def test_a_failure_at_step_3_of_5_leaves_true_statuses_and_resumes_from_3(house: House) -> None:
    house.provider.reply("Plan this task", json.dumps(_PLAN))
    house.provider.reply("YOUR STEP (3)", "NOT DONE, it cannot be done.")
    session, run = await house.submit(max_attempts=1, n_plan_reviews=0)
    await house.run(run.id, "failed")

    picture = await house.app.missions.dag(LOCAL_ACTOR, session.id)
    statuses = [n["status"] for n in picture["nodes"] if n["type"] == "step"]
    assert statuses[:3] == ["completed", "completed", "failed"]
    assert set(statuses[3:]) <= {"pending", "ready", "skipped"}
    assert (await step_statuses(house, session.id)).get("step-4") in (None, "pending", "skipped")

    house.provider.reset()
    await house.app.sessions.resume(LOCAL_ACTOR, session.id)
    await house.run(run.id, "completed")
    assert [house.provider.count(f"YOUR STEP ({n})") for n in range(1, 6)] == [0, 0, 1, 1, 1]
    assert await plan_statuses(house, session.id) == ("completed", ["completed"] * 5)


async def test_a_step_that_used_up_its_attempts_is_failed_and_never_completed(house: House) -> None:
    house.provider.reply("YOUR STEP (1)", "NOT DONE, again.")
    session, run = await house.submit(max_attempts=3)
    failed = await house.run(run.id, "failed")

    assert house.provider.count("YOUR STEP (1)") == 3
    assert failed.error is not None
    assert failed.error["attempts"] == 3
    assert (await step_statuses(house, session.id))["step-1"] == "failed"
    assert "step-1" not in await house.steps(session.id, "step_completed")
    statuses = await plan_statuses(house, session.id)
    assert statuses is not None
    assert statuses[0] == statuses[1][0] == "failed"


async def test_the_plan_after_one_review_is_the_revised_one(house: House) -> None:
    house.provider.reply("Plan this task", json.dumps(_PLAN))
    house.provider.reply(
        "The reviewer says:\nTwo steps are enough.", json.dumps({"steps": _PLAN["steps"][3:]})
    )
    house.provider.reply("What should change?", "Two steps are enough.")
    session, run = await house.submit(n_plan_reviews=1)
    await house.run(run.id, "completed")

    mission = await house.app.missions.for_session(LOCAL_ACTOR, session.id)
    assert mission is not None
    assert [hop.name for hop in mission.hops] == ["Part 4", "Part 5"]


async def test_the_101st_session_costs_none_of_those_before(house: House) -> None:
    await house.app.stop()
    house.settings = house.settings.model_copy(update={"max_cached_sessions": 10})
    await house.start()
    made = [await house.app.sessions.create(LOCAL_ACTOR, mode="copilot", name=f"s{n}") for n in range(101)]

    page = await house.app.sessions.list(LOCAL_ACTOR, SessionQuery(limit=200))
    assert page.total == 101
    assert (await house.session(made[0].id)).created_at == made[0].created_at
    assert {row.session.id for row in page.sessions} == {session.id for session in made}


async def test_a_database_that_cannot_be_reached_is_named_at_the_start(tmp_path: Path) -> None:
    blocked = tmp_path / "not-a-folder"
    blocked.write_text("a file")
    with pytest.raises((StartupError, StorageUnavailable), match="not-a-folder"):
        Store(f"sqlite:///{blocked}/perdure.db").open()


async def test_a_strangers_id_is_404_on_every_path_and_socket(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = await _one_of_everything(served)
    kinds = {*_IDS, "path"}
    cases = [c for c in CASES if Right.VIEW <= c.right <= Right.OWN and not c.personal]
    paths = (await served.http.get("/openapi.json")).json()["paths"]
    named = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert {c.route for c in cases} >= {r for r in named if any(f"{{{kind}}}" in r for kind in kinds)}
    before = await _all_events(served.house, things)
    monkeypatch.setattr("perdure.api.auth.LOCAL_ACTOR", STRANGER)

    for case in cases:
        address = filled(case.path + (f"?{case.query}" if case.query else ""), things)
        assert "{" not in address, address
        body = json.loads(filled(json.dumps(case.body), things))
        sent: dict[str, Any] = {"content": case.content} if case.content is not None else {"json": body}
        reply = await served.http.request(case.method, address, **sent)
        assert reply.status_code == 404, (case.route, reply.status_code, reply.text)
        assert _NAME not in reply.text, case.route

    in_it = {"session_id": things["session_id"]}
    for address, first in (
        (f"/ws/sessions/{things['session_id']}", None),
        ("/ws/a-name-of-ones-own", {"task": "", "config": in_it}),
        ("/ws/a-name-of-ones-own", {"task": "Do it", "config": in_it}),
    ):
        async with served.socket(address) as socket:
            if first is not None:
                await socket.send(json.dumps(first))
            async with asyncio.timeout(10):
                await socket.wait_closed()
            assert socket.close_code == 4404, (address, first)
    assert await _all_events(served.house, things) == before


_NAME = "The brief that nobody else may see"
_IDS = (
    "session_id",
    "run_id",
    "other_id",
    "task_id",
    "approval_id",
    "item_id",
    "mission_id",
    "hop_id",
    "asset_id",
)


async def _one_of_everything(served: Served) -> dict[str, str]:
    """Return ids of a waiting run, its session and question, and of a mission with a hop and an asset; all exist."""

    async def made(method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = await served.http.request(method, path, json=body)
        assert reply.is_success, reply.text
        return reply.json()

    session, run = await served.house.submit(approval_mode="after_planning")
    question = await asked(served.house, run.id)
    base = f"/api/sessions/{session.id}"
    await made("PATCH", base, {"name": _NAME})
    item = await made("POST", f"{base}/queue", {"content": "Later"})
    file = await served.http.put(f"{base}/files/notes.txt", content=b"secret")
    assert file.status_code == 201
    hops = [{"name": "Read", "goal": "Find the facts", "outputs": ["facts"]}]
    mission = await made("POST", "/api/missions", {"goal": "Know more", "name": _NAME, "hops": hops})
    address = f"/api/missions/{mission['id']}"
    hop = (await served.http.get(f"{address}/hops")).json()["hops"][0]
    asset = (await served.http.get(f"/api/assets?mission_id={mission['id']}")).json()["assets"][0]
    nowhere = new_id()
    return {
        "session_id": session.id,
        "run_id": run.id,
        "other_id": run.id,
        "task_id": str(run.task_id or run.id),
        "approval_id": question.id,
        "item_id": item["id"],
        "mission_id": mission["id"],
        "hop_id": hop["id"],
        "asset_id": asset["id"],
        "path": "notes.txt",
        "category": "code",
        "command": "start",
        "share_id": nowhere,
        "share_link_id": nowhere,
    }


async def _all_events(house: House, things: dict[str, str]) -> list[Any]:
    """Return what a write would have changed: the log of the session, and the mission."""
    mission = await house.app.missions.get(LOCAL_ACTOR, things["mission_id"])
    events = await house.app.history.events(LOCAL_ACTOR, things["session_id"], limit=1000)
    return [[event.seq for event in events], mission]


@pytest.mark.parametrize(
    "spelling", [{"resolution": "approve"}, {"resolution": "approved"}, {"approved": True}]
)
async def test_every_spelling_of_yes_gives_one_result(house: House, spelling: dict[str, Any]) -> None:
    _, run = await house.submit(approval_mode="after_planning")
    question = await asked(house, run.id)
    settled = await house.app.approvals.answer(LOCAL_ACTOR, question.id, **spelling)
    assert (settled.status, settled.resolution) == ("approved", "approve")
    assert parse_resolution(spelling.get("resolution"), spelling.get("approved")) is Resolution.APPROVE
    await house.run(run.id, "completed")


async def test_an_expired_approval_is_not_shown_as_rejected(house: House) -> None:
    session, run = await house.submit(approval_mode="after_planning")
    await let_pass(house, await asked(house, run.id))
    await house.run(run.id, "paused")

    shown, _ = await house.app.approvals.list(LOCAL_ACTOR, status=None, session_id=session.id)
    assert [(a.status, a.resolution) for a in shown] == [("expired", None)]
    gates = [
        n for n in (await house.app.missions.dag(LOCAL_ACTOR, session.id))["nodes"] if n["type"] == "gate"
    ]
    assert [gate["status"] for gate in gates] == ["expired"]


async def test_the_cost_total_is_the_sum_of_the_calls(house: House) -> None:
    session, run = await house.submit()
    await house.run(run.id, "completed")

    costs = await house.app.costs.summary(LOCAL_ACTOR, session.id)
    assert costs["calls"] == len(costs["records"]) == len(house.provider.calls)
    assert costs["input_tokens"] == sum(r["input_tokens"] for r in costs["records"])
    assert costs["output_tokens"] == sum(r["output_tokens"] for r in costs["records"])
    for by in ("by_agent", "by_model", "by_step", "by_run"):
        assert sum(row["calls"] for row in costs[by]) == costs["calls"], by
        assert sum(row["input_tokens"] for row in costs[by]) == costs["input_tokens"], by


async def test_idle_sessions_expire_and_are_archived_and_those_at_work_are_left_alone(house: House) -> None:
    idle = await house.app.sessions.create(LOCAL_ACTOR, mode="copilot")
    waiting, asking = await house.submit(approval_mode="after_planning")
    await asked(house, asking.id)
    house.provider.hold()
    live, running = await house.submit()
    await house.held()

    await house.app.sweeps.run_once(utc_now() + timedelta(hours=23, minutes=30))
    assert (await house.session(idle.id)).status == "active"
    await house.app.sweeps.run_once(utc_now() + timedelta(hours=25))
    assert (await house.session(idle.id)).status == "expired"
    assert (await house.session(waiting.id)).status == (await house.session(live.id)).status == "active"
    await house.app.sweeps.run_once(utc_now() + timedelta(days=9))
    assert (await house.session(idle.id)).status == "archived"
    assert (await house.session(waiting.id)).status == (await house.session(live.id)).status == "active"
    assert (await house.app.runs.get(LOCAL_ACTOR, running.id)).status == "running"
    assert house.provider.waiting == 1
    assert (await house.app.sessions.restore(LOCAL_ACTOR, idle.id)).status == "suspended"
    house.provider.release()
    await answer(house, asking.id, "approve")
    await house.run(asking.id, "completed")
    await house.run(running.id, "completed")
    assert "workflow_resumed" not in await house.types(live.id)


async def test_a_restored_session_has_its_runs_messages_files_and_costs(house: House) -> None:
    session, run = await house.submit()
    await house.run(run.id, "completed")

    async def all_of_it() -> list[Any]:
        messages = await house.app.history.messages(LOCAL_ACTOR, session.id)
        costs = await house.app.costs.summary(LOCAL_ACTOR, session.id)
        return [
            [(m.position, m.role, m.text) for m in messages.messages],
            (await house.app.runs.list(LOCAL_ACTOR, session.id, 10, 0))[0],
            [(f.path, f.sha256) for f in await house.app.files.list(LOCAL_ACTOR, session.id)],
            costs["records"],
            await plan_statuses(house, session.id),
        ]

    before = await all_of_it()
    await house.app.sessions.delete(LOCAL_ACTOR, session.id)
    await house.app.sessions.restore(LOCAL_ACTOR, session.id)
    assert await all_of_it() == before
    assert before[2]


async def test_a_list_counts_truly_and_a_search_looks_beyond_its_first_page(house: House) -> None:
    made = [
        await house.app.sessions.create(LOCAL_ACTOR, mode="copilot", name=f"plain {n}" if n else "heron")
        for n in range(12)
    ]
    page = await house.app.sessions.list(LOCAL_ACTOR, SessionQuery(limit=1))
    assert (len(page.sessions), page.total) == (1, 12)
    third = await house.app.sessions.list(LOCAL_ACTOR, SessionQuery(limit=4, offset=8))
    assert made[0].id in [row.session.id for row in third.sessions]

    found = await house.app.sessions.list(LOCAL_ACTOR, SessionQuery(q="heron", limit=1))
    assert ([row.session.id for row in found.sessions], found.total) == ([made[0].id], 1)
