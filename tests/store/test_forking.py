"""Forks on all three databases: the past comes along under new ids, and the original is only read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from perdure.core.access import Actor
from perdure.core.approvals import ApprovalStatus
from perdure.core.assets import Asset
from perdure.core.events import Event
from perdure.core.missions import HopStatus
from perdure.core.runs import Run, RunStatus, StepStatus
from perdure.core.sessions import Session
from perdure.errors import InvalidInput, NotFound, StorageUnavailable, UnknownConfigKey
from perdure.ids import new_id
from perdure.services import plans
from perdure.services.files import FileService, record_file_in
from perdure.services.fork_making import Wish
from perdure.services.forking import ForkService
from perdure.store import assets, missions, runs, sessions
from perdure.store.assets import AssetQuery
from perdure.store.store import Store
from perdure.store.tables import metadata, shares
from perdure.store.transaction import Tx
from tests import factories
from tests.factories import OWNER, STRANGER, VIEWER, Clock, RecordingEngine, Services

_STEPS: list[dict[str, Any]] = [
    {"name": f"Step {n}", "goal": f"goal {n}", "bullet_points": [f"point {n}"], "outputs": outputs}
    for n, outputs in ((1, []), (2, ["out.md"]), (3, ["late.md"]))
]


class World:
    """One planned run, told step by step, and the forks made of it."""

    def __init__(self, store: Store, clock: Clock, folder: Path) -> None:
        self.services = Services(store)
        self.clock = clock
        self.files = FileService(store, folder)
        self.forks = ForkService(
            store, self.services.modes, self.services.engine, self.services.limits, self.files
        )
        self.marks: dict[str, int] = {}

    async def tell(self, *, until: str = "end") -> tuple[Session, Run]:
        """Carry the run out: plan, question, step 1, step 2 with a file, a question after it, step 3, end."""
        services = self.services
        self.session = await services.session("task", name="Original", config={"max_rounds": 7}, tags=["t"])
        await self.files.upload(OWNER, self.session.id, "notes.md", _bytes(b"the notes"), 100)
        started = await services.runs.start(OWNER, self.session.id, "Write a report")
        assert started.run is not None
        await self.mark("queued")
        self.run = await services.progress.begin(started.run.id)
        for part in (self._plan, self._one, self._two, self._three):
            name = await part()
            if name == until:
                return self.session, self.run
        await services.progress.finish(self.run, {"summary": "done"})
        await self.mark("end")
        return self.session, self.run

    async def _plan(self) -> str:
        await self.services.progress.enter_phase(self.run, "planning", None, "planning")
        await self.step("plan", "planning", {"steps": _STEPS})
        await self.change(
            lambda tx: plans.propose_in(
                tx, self.run, OWNER.user_id, name="Plan", goal="Report", steps=_STEPS, change="proposed"
            )
        )
        await self.ask("plan-0")
        await self.mark("planned")
        await self.answer("approve")
        await self.change(lambda tx: plans.accept_in(tx, self.run))
        mission = await self.mission(self.run.id)
        self.hops = [hop.id for hop in mission.hops]
        await self.mark("accepted")
        return "plan"

    async def _one(self) -> str:
        await self.hop(0, HopStatus.EXECUTING)
        await self.step("step-1", "execution", {"result": "one"}, self.hops[0])
        await self.hop(0, HopStatus.COMPLETED)
        await self.mark("one")
        return "one"

    async def _two(self) -> str:
        await self.services.progress.enter_phase(self.run, "execution", 2, "execution:2")
        await self.hop(1, HopStatus.EXECUTING)
        step = await self.begin("step-2", "execution", self.hops[1])
        info = self.files.workspace(self.session.id).write("out.md", "first")
        await self.services.store.write(
            lambda tx: record_file_in(tx, self.session.id, info, role="output", run_id=self.run.id)
        )
        await self.mark("inside two")
        await self.services.progress.complete_step(
            self.run, step, checkpoint={"result": "two", "hop": self.hops[1]}, summary="two", number=2
        )
        await self.hop(1, HopStatus.COMPLETED)
        await self.mark("two")
        await self.ask("after-2-0")
        await self.mark("asked")
        return "two"

    async def _three(self) -> str:
        await self.answer("continue")
        await self.hop(2, HopStatus.EXECUTING)
        info = self.files.workspace(self.session.id).write("out.md", "second")
        await self.services.store.write(
            lambda tx: record_file_in(tx, self.session.id, info, role="output", run_id=self.run.id)
        )
        late = self.files.workspace(self.session.id).write("late.md", "late")
        await self.services.store.write(
            lambda tx: record_file_in(
                tx, self.session.id, late, role="output", run_id=self.run.id, hop_id=self.hops[2]
            )
        )
        await self.step("step-3", "execution", {"result": "three"}, self.hops[2])
        await self.hop(2, HopStatus.COMPLETED)
        return "three"

    async def begin(self, key: str, phase: str, hop_id: str | None = None) -> Any:
        return await self.services.progress.begin_step(
            self.run,
            key,
            phase=phase,
            name=key,
            goal=None,
            agent="engineer",
            hop_id=hop_id,
            number=None,
        )

    async def step(self, key: str, phase: str, checkpoint: Any, hop_id: str | None = None) -> None:
        """Carry a step out with one paid call."""
        step = await self.begin(key, phase, hop_id)
        call = factories.call(self.run, f"{self.run.id}:1:{key}:1", step_id=step.id)
        said = factories.message(f"about {key}", role="assistant")
        await self.services.progress.finish_call(self.run, call, [said])
        self.clock.move(seconds=1)
        await self.services.progress.complete_step(
            self.run, step, checkpoint=checkpoint, summary=f"did {key}", number=None
        )

    async def change(self, body: Callable[[Tx], Any]) -> None:
        await self.services.progress.write(self.run, body)
        self.clock.move(seconds=1)

    async def hop(self, number: int, status: HopStatus) -> None:
        await self.change(lambda tx: plans.move_hop_in(tx, self.run, self.hops[number], status))

    async def ask(self, key: str) -> None:
        question = factories.approval(
            self.session.id,
            self.run.id,
            key=key,
            created_at=self.clock.now,
            request_data={"about": self.run.id},
        )
        self.asked = await self.services.progress.ask(self.run, question)

    async def answer(self, resolution: str) -> None:
        await self.services.approvals.answer(OWNER, self.asked.id, resolution=resolution)
        self.run = await self.services.progress.begin(self.run.id)

    async def mark(self, name: str) -> None:
        self.marks[name] = (await self.services.sessions.get(OWNER, self.session.id)).session.last_seq

    async def log(self, session_id: str, actor: Actor = OWNER) -> list[Event]:
        return await self.services.history.events(actor, session_id, limit=1000)

    async def mission(self, run_id: str) -> Any:
        found = await self.services.store.read(lambda tx: missions.find_mission(tx, run_id=run_id))
        assert found is not None
        return found

    async def steps(self, run_id: str) -> dict[str, Any]:
        found = await self.services.store.read(lambda tx: runs.list_steps(tx, run_id=run_id))
        return {step.key: step for step in found}

    async def kept(self, run: Run) -> dict[str, Any]:
        """Return the checkpoints that the run goes on from, by step."""
        found = await self.steps(run.id)
        return {key: s.checkpoint for key, s in found.items() if s.status is StepStatus.COMPLETED}

    async def fork(self, **point: Any) -> tuple[Session, Run | None]:
        return await self.forks.fork(OWNER, self.session.id, **point)

    async def begin_branch(self, run: Run | None) -> Run:
        assert run is not None
        assert self.services.engine.enqueued[-1] == run.id
        return await self.services.progress.begin(run.id)


@pytest.fixture
def world(store: Store, clock: Clock, tmp_path: Path) -> World:
    return World(store, clock, tmp_path / "workspaces")


async def _chunks(data: bytes) -> Any:
    yield data


def _bytes(data: bytes) -> Any:
    return _chunks(data)


def _everything(store: Store, session_id: str) -> str:
    """Export every row of a session, and of what stands under its rows."""
    under = {"pd_hops": ("mission_id", "pd_missions"), "pd_tool_steps": ("hop_id", "pd_hops")}
    under["pd_effects"] = ("run_id", "pd_runs")

    def body(tx: Tx) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for table in sorted(
            metadata.sorted_tables, key=lambda t: list(under).index(t.name) if t.name in under else -1
        ):
            if table.name in under:
                column, parent = under[table.name]
                condition = table.c[column].in_([row["id"] for row in found[parent]])
            elif table.name == "pd_sessions":
                condition = table.c.id == session_id
            elif (
                "session_id" in table.c and table.name != "pd_audit_entries"
            ):  # which says that it was forked
                condition = table.c.session_id == session_id
            else:
                continue
            rows = tx.db.execute(select(table).where(condition).order_by(*table.primary_key)).mappings()
            found[table.name] = [dict(row) for row in rows]
        return found

    found = store.read_now(body)
    assert {name for name, rows in found.items() if rows} >= {"pd_events", "pd_hops", "pd_cost_records"}
    return repr(found)


def _ids(value: Any) -> set[str]:
    text = json.dumps(value, default=str)
    return {part for part in text.replace(":", '"').split('"') if len(part) == 36 and part.count("-") == 4}


async def test_the_original_is_left_byte_for_byte_as_it_was(world: World, store: Store) -> None:
    session, run = await world.tell()
    before = _everything(store, session.id)
    files = {p: world.files.workspace(session.id).read_bytes(p) for p in ("notes.md", "out.md", "late.md")}

    for seq in (world.marks["planned"], world.marks["inside two"], world.marks["end"]):
        await world.fork(from_seq=seq, wish=Wish(input="Something else"))
    await world.fork(from_step="step-2")
    _, branch = await world.forks.fork_run(OWNER, run.id)
    await world.services.progress.finish(await world.services.progress.begin(branch.id), {"summary": "x"})

    assert _everything(store, session.id) == before
    assert {p: world.files.workspace(session.id).read_bytes(p) for p in files} == files


async def test_events_come_along_with_their_numbers_and_times_and_none_of_the_old_ids(world: World) -> None:
    session, _ = await world.tell()
    cut = world.marks["two"]
    forked, branch = await world.fork(from_seq=cut)
    assert branch is not None

    old, new = await world.log(session.id), await world.log(forked.id)

    assert [e.seq for e in new] == list(range(1, len(new) + 1))
    assert [(e.seq, e.type, e.created_at) for e in new[:cut]] == [
        (e.seq, e.type, e.created_at) for e in old[:cut]
    ]
    taken = {session.id, *(i for e in old for i in _ids([e.run_id, e.step_id, e.payload]))}
    console = [line for e in new if e.type == "console" for line in e.payload["lines"]]
    named = {
        i for e in new if e.type != "console" for i in _ids([e.session_id, e.run_id, e.step_id, e.payload])
    }
    assert named & taken == {OWNER.user_id}  # people keep their ids
    assert session.id in " ".join(console)
    assert {e.run_id for e in new if e.run_id} == {branch.id}
    ours = {s.id for s in (await world.steps(branch.id)).values()}
    assert {e.step_id for e in new if e.step_id} <= ours
    said = (await world.services.history.messages(OWNER, forked.id)).messages
    assert [m.text for m in said] == ["Write a report", "about plan", "about step-1"]
    assert [m.position for m in said] == [1, 2, 3]
    await world.services.history.add(OWNER, forked.id, [{"role": "user", "content": "more"}])
    assert (await world.services.history.messages(OWNER, forked.id)).messages[-1].position == 4


async def test_a_fork_says_where_it_is_from_and_starts_at_zero(world: World) -> None:
    session, run = await world.tell()
    forked, branch = await world.fork(from_step="step-2", wish=Wish(name="Another way"))
    assert branch is not None

    assert (forked.forked_from_session, forked.forked_from_seq) == (session.id, world.marks["one"] + 2)
    assert (forked.name, forked.mode, forked.status, forked.owner_id) == (
        "Another way",
        "task",
        "active",
        OWNER.user_id,
    )
    assert (forked.config, forked.tags) == (session.config, ["t"])
    assert (branch.is_branch, branch.parent_run_id, branch.forked_from_step) == (True, run.id, "step-2")
    assert (branch.status, branch.attempt, branch.task) == (RunStatus.QUEUED, 2, "Write a report")
    spent = await world.services.costs.summary(OWNER, forked.id)
    assert (spent["calls"], spent["total_cost_usd"]) == (0, 0)
    assert (await world.services.costs.summary(OWNER, session.id))["calls"] == 3
    lines = [line for e in await world.log(forked.id) if e.type == "console" for line in e.payload["lines"]]
    assert any("starts at zero" in line for line in lines)


async def test_before_a_step_its_past_is_kept_and_it_runs_again(world: World) -> None:
    _, run = await world.tell()
    forked, branch = await world.fork(from_step="step-2")
    begun = await world.begin_branch(branch)

    assert await world.kept(begun) == {"plan": {"steps": _STEPS}, "step-1": {"result": "one"}}
    steps = await world.steps(begun.id)
    assert list(steps) == ["plan", "step-1"]
    mission = await world.mission(begun.id)
    assert (mission.status, mission.owner_id, mission.session_id) == ("in_progress", OWNER.user_id, forked.id)
    assert [h.status for h in mission.hops] == ["completed", "executing", "ready"]
    assert steps["step-1"].hop_id == mission.hops[0].id
    assert [h.success_criteria for h in mission.hops] == [["point 1"], ["point 2"], ["point 3"]]
    assert (forked.current_phase, forked.current_step) == ("execution", 2)
    assert forked.plan_data is not None
    assert forked.plan_data["mission_id"] == mission.id
    original = await world.mission(run.id)
    assert {h.id for h in original.hops} & {h.id for h in mission.hops} == set()
    answered = await world.services.progress.ask(begun, factories.approval(forked.id, begun.id, key="plan-0"))
    assert answered.status is ApprovalStatus.APPROVED
    assert answered.request_data == {"about": begun.id}


async def test_in_the_middle_of_a_step_that_step_runs_again(world: World) -> None:
    await world.tell()
    _, branch = await world.fork(from_seq=world.marks["inside two"])
    assert branch is not None
    assert branch.forked_from_step == "step-2"
    steps = await world.steps(branch.id)
    assert {k: (s.status, s.completed_at is None) for k, s in steps.items()} == {
        "plan": (StepStatus.COMPLETED, False),
        "step-1": (StepStatus.COMPLETED, False),
        "step-2": (StepStatus.PENDING, True),
    }
    world.run = await world.begin_branch(branch)
    again = await world.begin("step-2", "execution", (await world.mission(branch.id)).hops[1].id)
    await world.services.progress.complete_step(world.run, again, checkpoint={}, summary=None, number=2)
    seen = [
        (e.type, e.payload["attempt"])
        for e in await world.log(branch.session_id)
        if e.step_id == steps["step-2"].id and e.type.startswith("step_")
    ]
    assert seen == [("step_started", 1), ("step_started", 2), ("step_completed", 2)]
    types = [e.type for e in await world.log(branch.session_id)]
    assert (types.count("workflow_started"), types.count("workflow_resumed")) == (1, 1)


async def test_a_question_that_was_open_is_asked_anew(world: World) -> None:
    await world.tell()
    forked, branch = await world.fork(from_seq=world.marks["asked"])
    begun = await world.begin_branch(branch)
    resolved = [e for e in await world.log(forked.id) if e.type == "approval_resolved"][-1]
    assert resolved.payload["status"] == "cancelled"
    waiting, total = await world.services.approvals.list(OWNER, session_id=forked.id)
    assert (waiting, total) == ([], 0)

    asked = await world.services.progress.ask(
        begun, factories.approval(forked.id, begun.id, key="after-2-0", created_at=world.clock.now)
    )

    assert asked.status is ApprovalStatus.PENDING
    assert asked.id != resolved.payload["approval_id"]
    assert [e.type for e in await world.log(forked.id)][-1] == "approval_request"
    assert (await world.services.approvals.get(OWNER, resolved.payload["approval_id"])).status == "cancelled"


async def test_files_of_the_point_come_along_as_they_are_now(world: World) -> None:
    session, _ = await world.tell()
    world.files.workspace(session.id).write("unlogged.txt", "there before")
    forked, _ = await world.fork(from_seq=world.marks["inside two"])
    workspace = world.files.workspace(forked.id)

    assert workspace.list() == ["notes.md", "out.md", "unlogged.txt"]
    assert workspace.read_text("out.md") == "second"
    lines = " ".join(
        line for e in await world.log(forked.id) if e.type == "console" for line in e.payload["lines"]
    )
    assert "out.md was changed after this point" in lines
    assert "notes.md" not in lines
    workspace.write("notes.md", "changed in the fork")
    assert world.files.workspace(session.id).read_text("notes.md") == "the notes"
    info = workspace.info("out.md")
    await world.services.store.write(lambda tx: record_file_in(tx, forked.id, info, role="output"))
    assert (await world.log(forked.id))[-1].type != "file_update", "the fork knows the file as it is"


async def test_outputs_are_promised_again_when_the_fork_has_to_make_them(world: World) -> None:
    await world.tell()
    forked, branch = await world.fork(from_seq=world.marks["two"])
    assert branch is not None
    mission = await world.mission(branch.id)

    def named(tx: Tx) -> dict[str, Asset]:
        return {a.name: a for a in assets.list_assets(tx, AssetQuery(session_id=forked.id))[0]}

    found = await world.services.store.read(named)
    assert set(found) == {"notes.md", "out.md", "late.md"}
    promised = found["late.md"]
    assert (promised.status, promised.path, promised.sha256) == ("pending", None, None)
    assert (promised.mission_id, promised.hop_id) == (mission.id, mission.hops[2].id)
    assert forked.plan_data is not None
    assert [step["status"] for step in forked.plan_data["steps"]] == ["completed", "completed", "ready"]

    info = world.files.workspace(forked.id).write("late.md", "made in the fork")
    await world.services.store.write(
        lambda tx: record_file_in(tx, forked.id, info, role="output", hop_id=mission.hops[2].id)
    )
    made = (await world.services.store.read(named))["late.md"]
    assert (made.id, made.status, made.path) == (promised.id, "ready", "late.md")


async def test_a_link_in_the_workspace_is_not_followed_out_of_it(world: World, tmp_path: Path) -> None:
    session, _ = await world.tell()
    (tmp_path / "secret.txt").write_text("secret")
    (world.files.workspace(session.id).root / "link.txt").symlink_to(tmp_path / "secret.txt")
    forked, _ = await world.fork()
    assert "link.txt" not in world.files.workspace(forked.id).list()


async def test_another_task_before_the_plan_stands_plans_again(world: World) -> None:
    await world.tell()
    _, branch = await world.fork(from_seq=world.marks["planned"], wish=Wish(input="Write a poem"))
    begun = await world.begin_branch(branch)
    assert begun.task == "Write a poem"
    assert "additional_context" not in begun.config
    assert await world.kept(begun) == {}
    log = await world.log(begun.session_id)
    assert [e.payload["content"] for e in log if e.type == "agent_message"][-1] == "Write a poem"


async def test_another_task_after_the_plan_stands_is_context_as_well(world: World) -> None:
    await world.tell()
    _, branch = await world.fork(from_step="step-2", wish=Wish(input="Write a poem"))
    begun = await world.begin_branch(branch)
    assert (begun.task, begun.config["additional_context"]) == ("Write a poem", ["Write a poem"])
    assert list(await world.kept(begun)) == ["plan", "step-1"]
    resumed = [e for e in await world.log(begun.session_id) if e.type == "workflow_resumed"][-1]
    assert (resumed.payload["reason"], resumed.payload["additional_context"]) == ("forked", "Write a poem")


async def test_a_plan_that_was_revised_after_the_point_is_the_older_one_in_the_fork(world: World) -> None:
    session = await world.services.session("task")
    started = await world.services.runs.start(OWNER, session.id, "Write")
    assert started.run is not None
    world.session, world.run = session, await world.services.progress.begin(started.run.id)
    run = world.run

    async def propose(steps: list[dict[str, Any]], change: str) -> None:
        await world.change(
            lambda tx: plans.propose_in(
                tx, run, OWNER.user_id, name="Plan", goal="Report", steps=steps, change=change
            )
        )

    await propose(_STEPS, "proposed")
    await world.mark("first")
    await propose([{"name": "Only", "goal": "one"}], "revised")

    _, branch = await world.fork(from_seq=world.marks["first"])
    assert branch is not None
    mission = await world.mission(branch.id)

    assert (mission.status, mission.revision) == ("proposed", 1)
    assert [(h.name, h.goal, h.status) for h in mission.hops] == [
        (f"Step {n}", f"goal {n}", "proposed") for n in (1, 2, 3)
    ]
    assert mission.hops[1].outputs == ["out.md"]
    assert [h.is_final for h in mission.hops] == [False, False, True]
    assert [h.name for h in (await world.mission(run.id)).hops] == ["Only"]


async def test_what_was_said_after_the_point_is_not_known_in_the_fork(world: World) -> None:
    session, _ = await world.tell(until="one")
    await world.services.runs.steer(OWNER, session.id, "Be brief")
    await world.mark("steered")
    await world.services.runs.steer(OWNER, session.id, "Be long")
    _, branch = await world.fork(from_seq=world.marks["steered"])
    assert branch is not None
    assert branch.config["additional_context"] == ["Be brief"]


async def test_config_changes_are_checked_and_merged(world: World) -> None:
    session, _ = await world.tell()
    forked, branch = await world.fork(from_step="step-2", wish=Wish(config={"model": "x:y"}))
    assert branch is not None
    assert (forked.config, branch.config) == (
        {"max_rounds": 7, "model": "x:y"},
        {"max_rounds": 7, "model": "x:y"},
    )
    assert branch.model == "x:y"
    with pytest.raises(UnknownConfigKey):
        await world.fork(wish=Wish(config={"modle": "x:y"}))
    with pytest.raises(InvalidInput):
        await world.fork(wish=Wish(input=" "))
    assert len(list(world.files.workspace(session.id).root.parent.iterdir())) == 2


async def test_after_the_end_a_fork_is_a_copy_and_an_input_is_its_next_run(world: World) -> None:
    _session, run = await world.tell()
    copy, none = await world.fork()
    assert (none, copy.status, copy.current_run_id is not None) == (None, "completed", True)
    (kept,), _ = await world.services.runs.list(OWNER, copy.id, 10, 0)
    assert (kept.status, kept.result, kept.cost_usd_micros) == ("completed", {"summary": "done"}, 0)
    assert (kept.is_branch, kept.id != run.id, kept.task_id) == (False, True, None)
    assert [h.status for h in (await world.mission(kept.id)).hops] == ["completed"] * 3

    other, following = await world.fork(wish=Wish(input="And a poem"))
    begun = await world.begin_branch(following)
    assert (begun.task, begun.parent_run_id, begun.attempt) == ("And a poem", run.id, 1)
    assert await world.kept(begun) == {}
    assert [e.type for e in await world.log(other.id)][-1] == "workflow_started"
    await world.services.progress.finish(begun, {"summary": "poem"})
    assert await world.services.status(other.id) == "completed"


async def test_a_run_is_forked_from_its_very_start(world: World) -> None:
    _session, run = await world.tell()
    forked, branch = await world.forks.fork_run(OWNER, run.id, wish=Wish(input="Another"))
    begun = await world.begin_branch(branch)
    assert (begun.task, begun.attempt, begun.parent_run_id) == ("Another", 1, run.id)
    said = (await world.services.history.messages(OWNER, forked.id)).messages
    assert [m.text for m in said] == ["Another"]
    types = [e.type for e in await world.log(forked.id)]
    assert types[-2:] == ["agent_message", "workflow_started"]
    assert forked.forked_from_seq == world.marks["queued"] - 1


@pytest.mark.parametrize("end", ["failed", "cancelled", "suspended", "running"])
async def test_sources_of_every_status_can_be_forked(world: World, end: str) -> None:
    session, run = await world.tell(until="one")
    services = world.services
    if end == "failed":
        step = await world.begin("step-2", "execution", world.hops[1])
        await services.progress.fail_step(run, step, {"message": "no"}, 2)
        await services.progress.fail(run, {"message": "no"}, "step-2")
    elif end == "cancelled":
        await services.runs.cancel(OWNER, run.id)
        await services.progress.stopped(run)
    elif end == "suspended":
        await services.sessions.suspend(OWNER, session.id)
        await services.progress.park(run)

    forked, branch = await world.fork()
    _, before = await world.fork(from_step="step-1")

    begun = await world.begin_branch(before)
    assert list(await world.kept(begun)) == ["plan"]
    if end in ("suspended", "running"):
        assert branch is not None
        assert (forked.status, branch.status) == ("active", "queued")
        assert list(await world.steps(branch.id)) == ["plan", "step-1"]
        return
    assert branch is None
    (copied,), _ = await services.runs.list(OWNER, forked.id, 10, 0)
    assert copied.status == end
    if end == "failed":
        assert forked.status == "failed"
        statuses = [s.status for s in (await world.steps(copied.id)).values()]
        assert statuses == ["completed", "completed", "failed"]
        _, again = await services.sessions.resume(OWNER, forked.id)
        resumed = await world.begin_branch(again)
        assert list(await world.kept(resumed)) == ["plan", "step-1"]
        started = [e for e in await world.log(forked.id) if e.type == "workflow_started"]
        assert len(started) == 1
    else:
        assert forked.status == "active"


async def test_a_failed_run_at_a_point_it_later_went_on_from_is_failed_in_the_copy(world: World) -> None:
    _session, run = await world.tell(until="one")
    step = await world.begin("step-2", "execution", world.hops[1])
    await world.services.progress.fail_step(run, step, {"message": "no"}, 2)
    await world.services.progress.fail(run, {"code": "x", "message": "no"}, "step-2")
    await world.mark("failed")
    await world.services.runs.retry(OWNER, run.id, from_step="step-1")
    world.run = await world.services.progress.begin(run.id)
    await world.step("step-1", "execution", {"result": "one again"}, world.hops[0])

    forked, branch = await world.fork(from_seq=world.marks["failed"])

    assert (branch, forked.status) == (None, "failed")
    (copied,), _ = await world.services.runs.list(OWNER, forked.id, 10, 0)
    assert (copied.status, copied.attempt, copied.error) == ("failed", 1, {"code": "x", "message": "no"})
    # Its checkpoint of then was written over since: nobody has it any more, so the step runs again.
    statuses = {key: s.status for key, s in (await world.steps(copied.id)).items()}
    assert statuses == {"plan": "completed", "step-1": "pending", "step-2": "failed"}


async def test_a_step_finished_anew_after_the_point_runs_again_in_the_fork(world: World) -> None:
    session, run = await world.tell(until="two")
    cut = world.marks["two"]
    await world.services.sessions.suspend(OWNER, session.id)
    await world.services.sessions.resume(OWNER, session.id, from_step="step-1")
    world.run = await world.services.progress.begin(run.id)
    await world.step("step-1", "execution", {"result": "one again"}, world.hops[0])

    forked, branch = await world.fork(from_seq=cut)

    begun = await world.begin_branch(branch)
    assert list(await world.kept(begun)) == ["plan"]
    assert [h.status for h in (await world.mission(begun.id)).hops] == ["ready", "ready", "ready"]
    lines = [line for e in await world.log(forked.id) if e.type == "console" for line in e.payload["lines"]]
    assert any("step-1, step-2" in line for line in lines)


async def test_readers_fork_into_a_session_of_their_own(world: World) -> None:
    session, run = await world.tell()
    await world.services.store.write(
        lambda tx: tx.db.execute(
            shares.insert().values(
                id=new_id(),
                session_id=session.id,
                user_id=VIEWER.user_id,
                role="view",
                created_by=OWNER.user_id,
                created_at=tx.now,
            )
        )
    )
    forked, branch = await world.forks.fork(VIEWER, session.id, from_step="step-2")
    assert branch is not None
    assert forked.owner_id == VIEWER.user_id
    assert (await world.mission(branch.id)).hops[0].status == "completed"
    with pytest.raises(NotFound):
        await world.services.sessions.get(STRANGER, forked.id)
    for call in (
        world.forks.fork(STRANGER, session.id),
        world.forks.fork_run(STRANGER, run.id),
        world.forks.fork(OWNER, new_id()),
        world.forks.fork_run(OWNER, new_id()),
    ):
        with pytest.raises(NotFound):
            await call


async def test_permissions_given_for_one_session_do_not_go_along(world: World) -> None:
    session, _ = await world.tell()
    await world.services.store.write(
        lambda tx: tx.db.execute(
            metadata.tables["pd_sessions"]
            .update()
            .where(metadata.tables["pd_sessions"].c.id == session.id)
            .values(context_variables={"_tool_grants": ["shell"], "topic": "rivers"})
        )
    )
    forked, _ = await world.fork()
    assert forked.context_variables == {"topic": "rivers"}


@pytest.mark.parametrize("seq", [0, -1, 10_000])
async def test_points_that_are_none_are_refused_with_what_there_is(world: World, seq: int) -> None:
    await world.tell()
    with pytest.raises(InvalidInput) as outside:
        await world.fork(from_seq=seq)
    assert outside.value.fields["last_seq"] == world.marks["end"]
    with pytest.raises(NotFound) as unknown:
        await world.fork(from_step="step-9")
    assert unknown.value.fields["steps"] == ["plan", "step-1", "step-2", "step-3"]
    with pytest.raises(InvalidInput):
        await world.fork(from_step="step-1", from_seq=3)


async def test_a_deleted_source_is_gone(world: World) -> None:
    session, run = await world.tell()
    await world.services.sessions.delete(OWNER, session.id)
    for call in (world.fork(), world.forks.fork_run(OWNER, run.id)):
        with pytest.raises(NotFound):
            await call


class Behind:
    """A store with something that happens between the copying of files and the writing of rows."""

    def __init__(self, store: Store, then: Callable[[], Awaitable[None]]) -> None:
        self.store = store
        self.then = then

    async def read(self, body: Callable[[Tx], Any]) -> Any:
        return await self.store.read(body)

    async def write(self, body: Callable[[Tx], Any]) -> Any:
        await self.then()
        return await self.store.write(body)


async def test_a_fork_that_cannot_be_stored_leaves_nothing(world: World, store: Store) -> None:
    session, _ = await world.tell()
    root = world.files.workspace(session.id).root.parent
    copied: list[int] = []

    async def full() -> None:
        copied.append(len(list(root.iterdir())))
        raise StorageUnavailable("The disk is full.")

    services = world.services
    failing: Any = Behind(store, full)
    forks = ForkService(failing, services.modes, services.engine, services.limits, world.files)
    told = list(services.engine.enqueued)
    with pytest.raises(StorageUnavailable):
        await forks.fork(OWNER, session.id, wish=Wish(input="More"))

    assert copied == [2]
    assert [path.name for path in root.iterdir()] == [session.id]
    counts = store.read_now(lambda tx: sessions.count_by_status(tx, OWNER.user_id))
    assert sum(counts.values()) == 1
    assert services.engine.enqueued == told


async def test_a_fork_whose_caller_goes_away_while_it_is_stored_keeps_its_files(
    world: World, store: Store
) -> None:
    session, _ = await world.tell()
    root = world.files.workspace(session.id).root.parent
    stored, answered = asyncio.Event(), asyncio.Event()

    class Slow(Behind):
        async def write(self, body: Callable[[Tx], Any]) -> Any:
            result = await self.store.write(body)
            stored.set()
            await answered.wait()
            return result

    class Heard(RecordingEngine):
        async def enqueue(self, run_id: str) -> None:
            told.set()

    async def nothing() -> None: ...

    services, told = world.services, asyncio.Event()
    slow: Any = Slow(store, nothing)
    forks = ForkService(slow, services.modes, Heard(), services.limits, world.files)
    asking = asyncio.create_task(forks.fork(OWNER, session.id, wish=Wish(input="More")))
    await stored.wait()

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    answered.set()
    async with asyncio.timeout(10):
        await told.wait()

    (forked,) = [path.name for path in root.iterdir() if path.name != session.id]
    assert store.read_now(lambda tx: sessions.get_session(tx, forked)).forked_from_session == session.id
    assert "notes.md" in world.files.workspace(forked).list()


async def test_a_sweep_leaves_the_files_of_a_fork_that_is_being_made(world: World, store: Store) -> None:
    source, _ = await world.tell()
    removed: list[int] = []

    async def sweep() -> None:
        removed.append(await world.files.remove_orphans())

    services = world.services
    slow: Any = Behind(store, sweep)
    forks = ForkService(slow, services.modes, services.engine, services.limits, world.files)
    forked, _ = await forks.fork(OWNER, source.id)

    assert removed == [0]
    assert world.files.workspace(forked.id).list() == ["late.md", "notes.md", "out.md"]
    assert await world.files.remove_orphans() == 0


async def test_a_fork_can_be_forked(world: World) -> None:
    await world.tell()
    first, branch = await world.fork(from_step="step-2")
    world.run = await world.begin_branch(branch)
    world.session = first
    second, again = await world.fork(from_step="step-1", wish=Wish(name="Second"))
    begun = await world.begin_branch(again)
    assert branch is not None
    assert (begun.parent_run_id, second.forked_from_session) == (branch.id, first.id)
    assert list(await world.kept(begun)) == ["plan"]
