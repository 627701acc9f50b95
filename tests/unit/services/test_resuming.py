"""Going back to a step: what runs again is blank, what was answered since is asked anew."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.approvals import ApprovalStatus
from perdure.core.missions import HopStatus
from perdure.core.runs import Run, RunStatus, Step, StepStatus
from perdure.errors import NotAllowedNow, NotFound
from perdure.services import plans
from perdure.store import missions, runs
from tests import factories
from tests.factories import OWNER, Clock, Services

_STEPS = [{"name": f"Step {n}", "goal": f"goal {n}"} for n in (1, 2, 3)]


async def _plan(services: Services, run: Run) -> list[str]:
    def body(tx: Any) -> list[str]:
        plans.propose_in(tx, run, OWNER.user_id, name="n", goal="g", steps=_STEPS, change="proposed")
        return [hop.id for hop in plans.accept_in(tx, run).hops]

    return await services.store.write(body)


async def _begin(services: Services, run: Run, number: int, hop_id: str | None) -> Step:
    return await services.progress.begin_step(
        run,
        f"step-{number}",
        phase="execution",
        name=f"Step {number}",
        goal=None,
        agent=None,
        hop_id=hop_id,
        number=number,
    )


async def _do(services: Services, clock: Clock, run: Run, number: int, hop_id: str | None = None) -> None:
    """Carry a step out, with its hop, a second for each move."""
    if hop_id is not None:
        await services.store.write(lambda tx: plans.move_hop_in(tx, run, hop_id, HopStatus.EXECUTING))
    step = await _begin(services, run, number, hop_id)
    clock.move(seconds=1)
    await services.progress.complete_step(
        run, step, checkpoint={"n": number}, summary=f"did {number}", number=number
    )
    if hop_id is not None:
        await services.store.write(lambda tx: plans.move_hop_in(tx, run, hop_id, HopStatus.COMPLETED))
    clock.move(seconds=1)


async def _ask(services: Services, clock: Clock, run: Run, key: str, answer: str | None = "approve") -> str:
    asked = await services.progress.ask(run, factories.approval(run.session_id, run.id, key=key))
    clock.move(seconds=1)
    if answer is not None:
        await services.approvals.answer(OWNER, asked.id, resolution=answer)
        await services.progress.begin(run.id)
    return asked.id


async def _steps(services: Services, session_id: str) -> dict[str, Step]:
    return {s.key: s for s in await services.runs.steps(OWNER, session_id)}


async def test_steps_that_run_again_are_blank_and_their_hops_open(services: Services, clock: Clock) -> None:
    session, run = await services.running()
    hops = await _plan(services, run)
    for number in (1, 2):
        await _do(services, clock, run, number, hops[number - 1])
    step = await _begin(services, run, 3, hops[2])
    await services.progress.fail_step(run, step, {"message": "no"}, 3)
    await services.store.write(lambda tx: plans.move_hop_in(tx, run, hops[2], HopStatus.FAILED))
    await services.progress.fail(run, {"message": "no"}, "step-3")

    await services.runs.retry(OWNER, run.id, from_step="step-2")

    steps = await _steps(services, session.id)
    assert (steps["step-1"].status, steps["step-1"].summary) == (StepStatus.COMPLETED, "did 1")
    for key in ("step-2", "step-3"):
        again = steps[key]
        assert again.status is StepStatus.PENDING
        assert (again.summary, again.checkpoint, again.error) == (None, None, None)
        assert (again.started_at, again.completed_at) == (None, None)
    mission = services.store.read_now(lambda tx: missions.find_mission(tx, run_id=run.id))
    assert mission is not None
    assert [h.status for h in mission.hops] == ["completed", "ready", "ready"]
    events = await services.history.events(OWNER, session.id, limit=1000)
    shown = [e for e in events if e.type == "dag_update"][-1].payload["nodes"]
    assert {n["id"]: n["status"] for n in shown} == {hops[1]: "ready", hops[2]: "ready"}
    assert events[-2].payload["attempt"] == 2

    run = await services.progress.begin(run.id)
    await _do(services, clock, run, 2, hops[1])
    done = (await _steps(services, session.id))["step-2"]
    assert (done.status, done.attempt, done.summary) == (StepStatus.COMPLETED, 2, "did 2")
    assert done.started_at is not None
    assert done.completed_at is not None
    assert done.started_at < done.completed_at
    started = [
        (e.payload["key"], e.payload["attempt"])
        for e in await services.history.events(OWNER, session.id, limit=1000, types=["step_started"])
    ]
    assert started == [("step-1", 1), ("step-2", 1), ("step-3", 1), ("step-2", 2)]


async def test_answers_given_before_the_step_stand_and_later_ones_are_asked_anew(
    services: Services, clock: Clock
) -> None:
    session, run = await services.running()
    await _ask(services, clock, run, "plan-0")
    run = await services.progress.begin(run.id)
    await _do(services, clock, run, 1)
    after = await _ask(services, clock, run, "after-1-0")
    run = await services.progress.begin(run.id)
    await services.progress.fail(run, {"message": "no"}, None)

    await services.runs.retry(OWNER, run.id, from_step="step-1")
    run = await services.progress.begin(run.id)

    stands = await services.progress.ask(run, factories.approval(session.id, run.id, key="plan-0"))
    assert stands.status is ApprovalStatus.APPROVED
    anew = await services.progress.ask(run, factories.approval(session.id, run.id, key="after-1-0"))
    assert (anew.status, anew.id == after) == (ApprovalStatus.PENDING, False)
    asked = await services.history.events(OWNER, session.id, limit=1000, types=["approval_request"])
    assert asked[-1].payload["approval_id"] == anew.id
    assert (await services.approvals.get(OWNER, after)).status is ApprovalStatus.APPROVED


async def test_a_paused_run_goes_back_to_the_step_named(services: Services, clock: Clock) -> None:
    session, run = await services.running()
    for number in (1, 2):
        await _do(services, clock, run, number)
    waiting = await _ask(services, clock, run, "after-2-0", answer=None)
    await services.sessions.suspend(OWNER, session.id)

    with pytest.raises(NotFound) as unknown:
        await services.sessions.resume(OWNER, session.id, from_step="step-9")
    assert unknown.value.fields["steps"] == ["step-1", "step-2"]
    assert await services.status(session.id) == "suspended"

    _, again = await services.sessions.resume(OWNER, session.id, "mind the gap", from_step="step-2")

    assert again is not None
    assert (again.status, again.attempt) == (RunStatus.QUEUED, 2)
    assert again.config["additional_context"] == ["mind the gap"]
    assert (await services.approvals.get(OWNER, waiting)).status is ApprovalStatus.CANCELLED
    statuses = {key: step.status for key, step in (await _steps(services, session.id)).items()}
    assert statuses == {"step-1": "completed", "step-2": "pending"}
    events = await services.history.events(OWNER, session.id, limit=1000)
    assert [e.type for e in events[-4:]] == [
        "session_update",
        "approval_resolved",
        "agent_message",
        "workflow_resumed",
    ]
    assert events[-1].payload["additional_context"] == "mind the gap"


async def test_a_run_that_has_not_stopped_yet_or_was_never_interrupted_goes_back_nowhere(
    services: Services, clock: Clock
) -> None:
    session, run = await services.running()
    await _do(services, clock, run, 1)
    await services.sessions.suspend(OWNER, session.id)
    with pytest.raises(NotAllowedNow):
        await services.sessions.resume(OWNER, session.id, from_step="step-1")
    assert (await services.runs.get(OWNER, run.id)).status is RunStatus.PAUSING

    idle = await services.session()
    await services.sessions.suspend(OWNER, idle.id)
    with pytest.raises(NotAllowedNow):
        await services.sessions.resume(OWNER, idle.id, from_step="step-1")
    assert await services.status(idle.id) == "suspended"


async def test_a_plain_retry_blanks_only_what_had_not_finished(services: Services, clock: Clock) -> None:
    session, run = await services.running()
    await _do(services, clock, run, 1)
    step = await _begin(services, run, 2, None)
    await services.progress.fail_step(run, step, {"message": "no"}, 2)
    await services.progress.fail(run, {"message": "no"}, "step-2")
    await services.runs.retry(OWNER, run.id)
    kept = services.store.read_now(lambda tx: runs.list_steps(tx, run_id=run.id))
    assert [(s.key, s.status, s.summary, s.completed_at is None) for s in kept] == [
        ("step-1", "completed", "did 1", False),
        ("step-2", "pending", None, True),
    ]
    assert await services.status(session.id) == "active"
