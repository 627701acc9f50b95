"""Missions on every store: their parts move together, hops change places, tool calls exist once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.core.hops import HopStatus, ToolStep, ToolStepStatus
from perdure.core.missions import Mission, MissionCommand, MissionOrigin, MissionStatus
from perdure.core.runs import Run, RunStatus
from perdure.core.sessions import Session
from perdure.errors import NotAllowedNow, NotFound
from perdure.ids import new_id
from perdure.services import files, lifecycle, plans
from perdure.services import tool_steps as calls
from perdure.services.mission_moves import move_mission_in
from perdure.store import assets, missions, runs, sessions, tool_steps
from perdure.store.missions import MissionQuery
from perdure.store.store import Store
from perdure.store.transaction import Tx
from perdure.store.workspace import FileInfo
from tests import factories
from tests.factories import OWNER, START

STEPS = [
    {"name": "read", "goal": "g", "outputs": ["facts.txt", "notes"]},
    {"name": "write", "goal": "g", "inputs": ["notes"], "outputs": ["report.md"]},
]


@pytest.fixture
def run(store: Store, session: Session) -> Run:
    """A running run in the store."""
    made = factories.run(session.id, status=RunStatus.RUNNING)
    store.write_now(lambda tx: runs.insert_run(tx, made, OWNER.user_id))
    return made


def propose(store: Store, run: Run, steps: list[dict[str, Any]] = STEPS) -> Mission:
    return store.write_now(
        lambda tx: plans.propose_in(
            tx, run, OWNER.user_id, name="n", goal="g", steps=steps, change="proposed"
        )
    )


def accepted(store: Store, run: Run) -> Mission:
    propose(store, run)
    return store.write_now(lambda tx: plans.accept_in(tx, run))


def move(store: Store, run: Run, number: int, status: HopStatus) -> Mission:
    def body(tx: Tx) -> Mission:
        mission = missions.find_mission(tx, run_id=run.id)
        assert mission is not None
        return plans.move_hop_in(tx, run, mission.hops[number].id, status)

    return store.write_now(body)


def asset_statuses(store: Store, mission: Mission) -> dict[str, str]:
    return {a.name: str(a.status) for a in store.write_now(lambda tx: assets.list_of_mission(tx, mission.id))}


def call_statuses(store: Store, mission: Mission) -> list[str]:
    found = store.write_now(lambda tx: tool_steps.list_of_mission(tx, mission.id))
    return [str(step.status) for step in found]


def written(path: str, sha256: str = "00") -> FileInfo:
    return FileInfo(path=path, size_bytes=3, sha256=sha256, media_type="text/plain")


def test_a_mission_comes_back_as_it_was_written(store: Store, session: Session) -> None:
    hop = plans.hop_of("m", 1, STEPS[0], final=True)
    made = Mission(
        id=new_id(),
        owner_id=OWNER.user_id,
        session_id=session.id,
        origin=MissionOrigin.PERSON,
        name="n",
        goal="g",
        metadata={"k": [1, None]},
        feedback="f",
        error={"code": "c"},
        linked_at=START,
        created_at=START,
        updated_at=START,
    )
    made = made.model_copy(update={"hops": [hop.model_copy(update={"mission_id": made.id})]})
    store.write_now(lambda tx: missions.insert_mission(tx, made))
    assert store.write_now(lambda tx: missions.get_mission(tx, made.id)) == made
    with pytest.raises(NotFound):
        store.write_now(lambda tx: missions.get_mission(tx, new_id()))


def test_a_purged_session_takes_its_missions_with_it(store: Store, session: Session, run: Run) -> None:
    mission = accepted(store, run)
    store.write_now(lambda tx: sessions.purge_session(tx, session.id))
    with pytest.raises(NotFound):
        store.write_now(lambda tx: missions.get_mission(tx, mission.id))
    assert asset_statuses(store, mission) == {}


def test_acceptance_moves_the_mission_its_hops_and_its_assets(store: Store, run: Run) -> None:
    mission = propose(store, run)
    assert asset_statuses(store, mission) == dict.fromkeys(("facts.txt", "notes", "report.md"), "proposed")
    mission = store.write_now(lambda tx: plans.accept_in(tx, run))
    assert (mission.status, {h.status for h in mission.hops}) == ("accepted", {HopStatus.READY})
    assert set(asset_statuses(store, mission).values()) == {"pending"}
    stored = store.write_now(lambda tx: missions.get_mission(tx, mission.id))
    assert stored.hops == mission.hops


def test_a_hop_that_completes_settles_what_it_makes(store: Store, session: Session, run: Run) -> None:
    mission = accepted(store, run)
    first, second = mission.hops
    with pytest.raises(NotAllowedNow):
        move(store, run, 0, HopStatus.COMPLETED)
    move(store, run, 0, HopStatus.EXECUTING)
    store.write_now(
        lambda tx: files.record_file_in(
            tx,
            session.id,
            written("out/facts.txt"),
            role="output",
            run_id=run.id,
            mission_id=mission.id,
            hop_id=first.id,
        )
    )
    assert asset_statuses(store, mission)["facts.txt"] == "ready"
    move(store, run, 0, HopStatus.COMPLETED)
    assert asset_statuses(store, mission) == {"facts.txt": "ready", "notes": "error", "report.md": "pending"}
    move(store, run, 1, HopStatus.EXECUTING)
    store.write_now(
        lambda tx: files.record_file_in(
            tx,
            session.id,
            written("report.md"),
            role="output",
            run_id=run.id,
            mission_id=mission.id,
            hop_id=second.id,
        )
    )
    move(store, run, 1, HopStatus.FAILED)
    assert asset_statuses(store, mission)["report.md"] == "ready"
    plan = store.write_now(lambda tx: sessions.get_session(tx, session.id)).plan_data
    assert plan is not None
    assert [s["status"] for s in plan["steps"]] == ["completed", "failed"]


def test_what_a_step_found_is_what_its_hop_makes_save_files(store: Store, run: Run) -> None:
    mission = accepted(store, run)
    move(store, run, 0, HopStatus.EXECUTING)
    first = mission.hops[0].id
    for _ in range(2):
        store.write_now(
            lambda tx: plans.move_hop_in(tx, run, first, HopStatus.COMPLETED, result="Two doors.")
        )

    found = {a.name: a for a in store.write_now(lambda tx: assets.list_of_mission(tx, mission.id))}
    assert (found["notes"].status, found["notes"].value, found["notes"].version) == ("ready", "Two doors.", 1)
    assert (found["facts.txt"].status, found["facts.txt"].value) == ("error", None)
    assert found["report.md"].status == "pending"


def test_a_file_that_nobody_promised_belongs_to_the_hop_that_wrote_it(
    store: Store, session: Session, run: Run
) -> None:
    mission = accepted(store, run)
    hop = mission.hops[0]
    upload = written("data.csv", "11")
    store.write_now(lambda tx: files.record_file_in(tx, session.id, upload, role="input"))
    for sha in ("22", "22", "33"):
        store.write_now(
            lambda tx, sha=sha: files.record_file_in(
                tx, session.id, written("data.csv", sha), role="output", hop_id=hop.id
            )
        )
    found = store.write_now(lambda tx: assets.list_of_mission(tx, mission.id))
    (file,) = [a for a in found if a.path == "data.csv"]
    assert (file.hop_id, file.role, file.version, file.status) == (hop.id, "output", 3, "ready")
    events = store.write_now(lambda tx: sessions.get_session(tx, session.id)).last_seq
    store.write_now(
        lambda tx: files.record_file_in(
            tx, session.id, written("data.csv", "33"), role="output", hop_id=hop.id
        )
    )
    assert store.write_now(lambda tx: sessions.get_session(tx, session.id)).last_seq == events


def test_a_file_that_was_there_before_keeps_a_promise(store: Store, session: Session, run: Run) -> None:
    mission = accepted(store, run)
    upload = written("in/facts.txt", "11")
    store.write_now(lambda tx: files.record_file_in(tx, session.id, upload, role="input"))
    move(store, run, 0, HopStatus.EXECUTING)
    move(store, run, 0, HopStatus.COMPLETED)
    found = store.write_now(lambda tx: assets.list_of_mission(tx, mission.id))
    (facts,) = [a for a in found if a.name == "facts.txt"]
    assert (facts.status, facts.path, facts.sha256) == ("ready", "in/facts.txt", "11")


def test_a_tool_call_exists_once_whatever_is_repeated(store: Store, run: Run) -> None:
    mission = accepted(store, run)
    hop = mission.hops[0]

    def begin(key: str) -> ToolStep:
        return store.write_now(
            lambda tx: calls.begin_in(tx, run, hop.id, key, "read_file", {"path": "a"}, call_id=key)
        )

    def end(key: str, ok: bool) -> ToolStep:
        error = None if ok else {"code": "tool-failed"}
        return store.write_now(
            lambda tx: calls.end_in(tx, run, hop.id, key, ok=ok, result="r" if ok else None, error=error)
        )

    first = begin("k1")
    assert begin("k1") == first
    assert (first.position, first.status, first.call_id) == (1, ToolStepStatus.EXECUTING, "k1")
    assert begin("k2").position == 2
    done = end("k1", True)
    assert (done.status, done.result) == (ToolStepStatus.COMPLETED, "r")
    assert end("k1", False).status is ToolStepStatus.COMPLETED
    assert begin("k1").status is ToolStepStatus.COMPLETED
    assert end("k2", False).status is ToolStepStatus.FAILED
    assert (begin("k2").status, begin("k2").position) == (ToolStepStatus.FAILED, 2)
    with pytest.raises(NotFound):
        end("k3", True)
    with pytest.raises(NotFound):
        store.write_now(lambda tx: calls.begin_in(tx, run, new_id(), "k", "t", {}))


def test_a_call_takes_the_place_of_the_planned_one(store: Store, run: Run) -> None:
    hop = accepted(store, run).hops[0]
    for position, tool in enumerate(("search", "read_file", "read_file"), 1):
        step = ToolStep(id=new_id(), hop_id=hop.id, position=position, tool=tool, status=ToolStepStatus.READY)
        store.write_now(lambda tx, step=step: tool_steps.insert_tool_step(tx, step))
    made = store.write_now(lambda tx: calls.begin_in(tx, run, hop.id, "k", "read_file", {"path": "b"}))
    assert (made.position, made.parameters) == (2, {"path": "b"})
    other = store.write_now(lambda tx: calls.begin_in(tx, run, hop.id, "l", "fetch", {}))
    assert other.position == 4
    ordered = store.write_now(
        lambda tx: tool_steps.order_tool_steps(tx, tool_steps.list_tool_steps(tx, hop.id)[::-1])
    )
    assert [s.tool for s in ordered] == ["fetch", "read_file", "read_file", "search"]
    assert store.write_now(lambda tx: tool_steps.list_tool_steps(tx, hop.id)) == ordered


@pytest.mark.parametrize(
    ("command", "hop_status", "call", "promised"),
    [
        ("cancel", HopStatus.CANCELLED, "cancelled", {"error"}),
        ("fail", HopStatus.FAILED, "failed", {"error", "pending"}),
        ("complete", HopStatus.SKIPPED, "cancelled", {"error"}),
    ],
)
def test_the_end_of_a_mission_is_the_end_of_its_parts(
    store: Store, run: Run, command: str, hop_status: HopStatus, call: str, promised: set[str]
) -> None:
    mission = accepted(store, run)
    move(store, run, 0, HopStatus.EXECUTING)
    store.write_now(lambda tx: calls.begin_in(tx, run, mission.hops[0].id, "k", "t", {}))
    moved = store.write_now(lambda tx: lifecycle.move_mission(tx, run.id, MissionCommand(command)))
    assert moved is not None
    stored = store.write_now(lambda tx: missions.get_mission(tx, mission.id))
    assert stored.hops == moved.hops
    assert stored.hops[0].status is hop_status
    later = {"cancel": HopStatus.CANCELLED, "fail": HopStatus.READY, "complete": HopStatus.SKIPPED}[command]
    assert stored.hops[1].status is later
    assert call_statuses(store, mission) == [call]
    assert set(asset_statuses(store, mission).values()) == promised
    again = store.write_now(lambda tx: lifecycle.move_mission(tx, run.id, MissionCommand(command)))
    assert again is None


def test_a_retry_brings_cancelled_hops_and_their_promises_back(store: Store, run: Run) -> None:
    mission = accepted(store, run)
    store.write_now(lambda tx: lifecycle.move_mission(tx, run.id, MissionCommand.CANCEL))
    store.write_now(lambda tx: lifecycle.move_mission(tx, run.id, MissionCommand.RETRY))
    stored = store.write_now(lambda tx: missions.get_mission(tx, mission.id))
    assert (stored.status, {h.status for h in stored.hops}) == (
        MissionStatus.IN_PROGRESS,
        {HopStatus.READY},
    )
    assert set(asset_statuses(store, mission).values()) == {"pending"}


def test_hops_change_places_and_are_replaced_with_their_promises(store: Store, run: Run) -> None:
    steps = [{"name": name, "goal": "g"} for name in "abc"]
    mission = propose(store, run, steps)
    a, b, c = mission.hops
    store.write_now(lambda tx: missions.order_hops(tx, [c, a, b]))
    found = store.write_now(lambda tx: missions.list_hops(tx, mission.id))
    assert [(h.name, h.position, h.is_final) for h in found] == [
        ("c", 1, False),
        ("a", 2, False),
        ("b", 3, True),
    ]
    revised = propose(store, run, STEPS)
    assert (revised.id, revised.revision) == (mission.id, 2)
    assert set(asset_statuses(store, mission)) == {"facts.txt", "notes", "report.md"}
    propose(store, run, STEPS[:1])
    assert set(asset_statuses(store, mission)) == {"facts.txt", "notes"}


def linked(store: Store, session: Session, status: MissionStatus, **values: Any) -> Mission:
    def body(tx: Tx) -> Mission:
        mission = Mission(
            id=new_id(),
            owner_id=OWNER.user_id,
            session_id=session.id,
            origin=values.pop("origin", MissionOrigin.PERSON),
            name="n",
            goal="g",
            linked_at=tx.now,
            created_at=tx.now,
            updated_at=tx.now,
            **values,
        )
        hop = plans.hop_of(mission.id, 1, STEPS[0], final=True)
        mission = mission.model_copy(update={"hops": [hop]})
        missions.insert_mission(tx, mission)
        if status is MissionStatus.ACCEPTED:
            return move_mission_in(tx, mission, MissionCommand.ACCEPT)
        return mission

    return store.write_now(body)


def test_a_run_adopts_the_mission_that_was_accepted_for_its_session(
    store: Store, session: Session, run: Run
) -> None:
    assert store.write_now(lambda tx: plans.adopt_in(tx, run)) is None
    mission = linked(store, session, MissionStatus.ACCEPTED)
    adopted = store.write_now(lambda tx: plans.adopt_in(tx, run))
    assert adopted is not None
    assert (adopted.id, adopted.run_id) == (mission.id, run.id)
    again = store.write_now(lambda tx: plans.adopt_in(tx, run))
    assert again is not None
    assert again.id == mission.id
    assert move(store, run, 0, HopStatus.EXECUTING).status is MissionStatus.IN_PROGRESS


@pytest.mark.parametrize(
    "values",
    [
        {"status": MissionStatus.PROPOSED},
        {"status": MissionStatus.ACCEPTED, "origin": MissionOrigin.RUN},
        {"status": MissionStatus.ACCEPTED, "archived_at": START},
        {"status": MissionStatus.ACCEPTED, "run_id": new_id()},
    ],
    ids=["not accepted", "of a run", "archived", "taken"],
)
def test_other_missions_are_not_adopted(
    store: Store, session: Session, run: Run, values: dict[str, Any]
) -> None:
    linked(store, session, **values)
    assert store.write_now(lambda tx: plans.adopt_in(tx, run)) is None


def test_a_plan_of_a_run_archives_what_nobody_finished(store: Store, session: Session, run: Run) -> None:
    mission = linked(store, session, MissionStatus.PROPOSED)
    own = propose(store, run)
    assert store.write_now(lambda tx: missions.get_mission(tx, mission.id)).archived_at == START
    current = store.write_now(lambda tx: missions.find_mission(tx, session_id=session.id))
    assert current is not None
    assert current.id == own.id


async def test_of_several_decisions_at_once_exactly_one_holds(store: Store) -> None:
    services = factories.Services(store)
    made = (await services.mission_commands.create(OWNER, goal="g", hops=STEPS)).mission
    commands = services.mission_commands
    outcomes = await asyncio.gather(
        *(commands.accept(OWNER, made.id) for _ in range(4)),
        *(commands.reject(OWNER, made.id) for _ in range(4)),
        return_exceptions=True,
    )
    refused = [o for o in outcomes if isinstance(o, NotAllowedNow)]
    assert len(refused) == 7
    (done,) = [o for o in outcomes if not isinstance(o, BaseException)]
    found = (await services.missions.get(OWNER, made.id)).mission
    assert (found.status, found.hops) == (done.mission.status, done.mission.hops)


async def test_of_several_missions_linked_at_once_one_is_the_current(store: Store) -> None:
    services = factories.Services(store)
    made = await services.session()
    missions_ = [(await services.mission_commands.create(OWNER, goal=str(n))).mission for n in range(5)]
    await asyncio.gather(*(services.mission_commands.link(OWNER, made.id, m.id) for m in missions_))
    in_use, total = await services.missions.list(OWNER, MissionQuery(session_id=made.id))
    assert total == 1
    everything = await services.missions.list(OWNER, MissionQuery(session_id=made.id, archived=True))
    assert everything[1] == 5
    current = await services.missions.for_session(OWNER, made.id)
    assert current is not None
    assert current.id == in_use[0].id
    shown = (await services.sessions.get(OWNER, made.id)).session.plan_data
    assert shown is not None
    assert shown["mission_id"] == current.id
