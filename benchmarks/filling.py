"""A session as a long run leaves it behind: hundreds of planned steps, tens of thousands of events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from perdure.core.access import LOCAL_USER_ID
from perdure.core.clock import utc_now
from perdure.core.events import (
    Console,
    CostUpdate,
    DagUpdate,
    EventData,
    NewEvent,
    PlanUpdate,
    StepCompleted,
    StepFailed,
    StepStarted,
    ToolCall,
    ToolResult,
    WorkflowFailed,
    WorkflowStarted,
)
from perdure.core.hops import Hop, HopStatus
from perdure.core.missions import Mission, MissionStatus, plan_data
from perdure.core.runs import Run, RunStatus, Step, StepStatus
from perdure.core.sessions import Session, SessionStatus
from perdure.ids import new_id
from perdure.services.conversation import message_event
from perdure.services.missions import dag_in
from perdure.store import missions, runs, sessions
from perdure.store.store import Store
from perdure.store.transaction import Tx

_BATCH = 500
_TASK = "Go through the archive, one document after the other."


def fill(store: Store, *, events: int, steps: int) -> str:
    """Store a session whose run failed in the last but one of its planned steps; returns its id.

    The log has `events` events, at least eight for each step; its last lines are printed ones.
    """
    session, run, mission = _new(steps)
    done = [_step(run, hop, hop.position <= steps - 2) for hop in mission.hops[: steps - 1]]

    def begin(tx: Tx) -> dict[str, object]:
        sessions.insert_session(tx, session)
        runs.insert_run(tx, run, LOCAL_USER_ID)
        missions.insert_mission(tx, mission)
        for step in done:
            runs.insert_step(tx, step)
        sessions.set_fields(
            tx, session.id, plan_data=plan_data(mission), current_phase="execution", current_step=steps - 1
        )
        return dag_in(tx, session.id)

    picture = store.write_now(begin)
    told = list(_story(run, mission, done, picture, events))
    for start in range(0, len(told), _BATCH):
        store.append_now(session.id, told[start : start + _BATCH])
    return session.id


def _new(steps: int) -> tuple[Session, Run, Mission]:
    now = utc_now()
    session = Session(
        id=new_id(),
        owner_id=LOCAL_USER_ID,
        name="The whole archive",
        mode="planning-control",
        status=SessionStatus.FAILED,
        created_at=now,
        updated_at=now,
        last_active_at=now,
    )
    run = Run(
        id=new_id(),
        session_id=session.id,
        task=_TASK,
        mode=session.mode,
        model="openai-chat:test",
        status=RunStatus.FAILED,
        error={
            "code": "step-failed",
            "message": "The document is locked.",
            "failed_step": f"step-{steps - 1}",
        },
        created_at=now,
        started_at=now - timedelta(hours=5),
        completed_at=now,
    )
    mission_id = new_id()
    hops = [
        Hop(
            id=new_id(),
            mission_id=mission_id,
            position=number,
            name=f"Document {number}",
            goal=f"Say in a sentence what document {number} is about.",
            agent="researcher",
            is_final=number == steps,
            status=_status_of(number, steps),
        )
        for number in range(1, steps + 1)
    ]
    mission = Mission(
        id=mission_id,
        owner_id=LOCAL_USER_ID,
        session_id=session.id,
        run_id=run.id,
        name="The whole archive",
        goal=_TASK,
        status=MissionStatus.FAILED,
        hops=hops,
        linked_at=now,
        created_at=now,
        updated_at=now,
    )
    return session, run, mission


def _status_of(number: int, steps: int) -> HopStatus:
    if number < steps - 1:
        return HopStatus.COMPLETED
    return HopStatus.FAILED if number == steps - 1 else HopStatus.READY


def _step(run: Run, hop: Hop, done: bool) -> Step:
    began = (run.started_at or run.created_at) + timedelta(seconds=50 * hop.position)
    return Step(
        id=new_id(),
        run_id=run.id,
        session_id=run.session_id,
        key=f"step-{hop.position}",
        position=hop.position,
        phase="execution",
        name=hop.name,
        goal=hop.goal,
        agent=hop.agent,
        hop_id=hop.id,
        status=StepStatus.COMPLETED if done else StepStatus.FAILED,
        summary=f"Document {hop.position} is about one thing." if done else None,
        error=None if done else {"code": "step-failed", "message": "The document is locked."},
        started_at=began,
        completed_at=began + timedelta(seconds=5 + hop.position % 40),
    )


def _story(
    run: Run, mission: Mission, done: list[Step], picture: dict[str, object], events: int
) -> Iterator[NewEvent]:
    def of(data: EventData, step: Step | None = None) -> NewEvent:
        return NewEvent.of(data, run_id=run.id, step_id=step.id if step else None)

    head = [
        message_event("user", _TASK),
        of(WorkflowStarted(task=_TASK, mode=run.mode, model=run.model)),
        of(PlanUpdate(change="accepted", plan=plan_data(mission))),
        of(DagUpdate.model_validate(picture)),
    ]
    yield from head
    left = events - len(head) - 2
    fixed = 6
    for index, step in enumerate(done):
        share = left // (len(done) - index)
        left -= share
        call = new_id()
        named = {"step_id": step.id, "key": step.key, "step_number": step.position, "name": step.name}
        yield of(StepStarted(**named, goal=step.goal, agent=step.agent), step)
        path = f"archive/{step.position}.md"
        yield of(ToolCall(call_id=call, tool="read_file", agent=step.agent, arguments={"path": path}), step)
        yield of(
            ToolResult(call_id=call, tool="read_file", agent=step.agent, result="…" * 60, duration_ms=8), step
        )
        for number in range(share - fixed):
            yield of(
                Console(stream="stdout", lines=[f"document {step.position}: line {number} was read"]), step
            )
        yield of(
            CostUpdate(call_id=call, model="test", agent=step.agent, input_tokens=900, output_tokens=60), step
        )
        yield message_event("assistant", step.summary or "This one cannot be read.", run_id=run.id)
        if step.status is StepStatus.COMPLETED:
            yield of(StepCompleted(**named, summary=step.summary, duration_ms=5000), step)
        else:
            yield of(StepFailed(**named, error=step.error or {}), step)
    yield of(Console(lines=["the last line"]))
    yield of(WorkflowFailed(error=run.error or {}, failed_step=done[-1].key, resumable=True))
