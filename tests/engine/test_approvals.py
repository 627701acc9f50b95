"""Questions to people: parked, answered once, expired by their stated consequence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.approvals import Approval
from perdure.core.runs import Run
from perdure.engine.operations import outside
from perdure.errors import AlreadyAnswered
from perdure.services.progress import RunProgress
from tests.engine.asking import give_up
from tests.engine.conftest import House


async def _asked(house: House, run_id: str) -> Approval:
    await house.run(run_id, "waiting")
    found, _ = await house.app.approvals.list(LOCAL_ACTOR)
    return next(a for a in found if a.run_id == run_id)


async def _answer(house: House, run_id: str, resolution: str, **more: Any) -> None:
    approval = await _asked(house, run_id)
    await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution=resolution, **more)


class TestPlanApproval:
    async def test_waits_without_a_worker_and_goes_on_when_approved(self, house: House) -> None:
        session, run = await house.submit(approval_mode="after_planning")
        approval = await _asked(house, run.id)
        assert approval.options == ["approve", "reject", "revise", "modify"]
        await house.until(lambda: house.app.readiness()["engine"]["active_runs"] == 0)

        await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="approve")
        await house.run(run.id, "completed")

        types = await house.types(session.id)
        assert types.count("approval_request") == types.count("approval_resolved") == 1
        assert max(house.provider.counts.values()) == 1

    async def test_can_be_answered_after_a_restart(self, house: House) -> None:
        _, run = await house.submit(approval_mode="after_planning")
        approval = await _asked(house, run.id)

        await house.app.stop()
        await house.start()
        await house.app.approvals.answer(LOCAL_ACTOR, approval.id, approved=True)
        await house.run(run.id, "completed")

        assert max(house.provider.counts.values()) == 1

    async def test_takes_one_answer_of_many(self, house: House) -> None:
        _, run = await house.submit(approval_mode="after_planning")
        approval = await _asked(house, run.id)

        answers = await asyncio.gather(
            *(house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="approve") for _ in range(20)),
            return_exceptions=True,
        )

        assert sum(isinstance(a, Approval) for a in answers) == 1
        assert sum(isinstance(a, AlreadyAnswered) for a in answers) == 19
        await house.run(run.id, "completed")
        assert max(house.provider.counts.values()) == 1

    async def test_a_rejection_ends_the_run_and_the_mission(self, house: House) -> None:
        session, run = await house.submit(approval_mode="after_planning")
        await _answer(house, run.id, "reject")

        failed = await house.run(run.id, "failed")

        assert failed.error is not None
        assert failed.error["code"] == "rejected"
        mission = await house.app.missions.for_session(LOCAL_ACTOR, session.id)
        assert mission is not None
        assert mission.status == "rejected"

    async def test_a_revision_reaches_the_planner(self, house: House) -> None:
        session, run = await house.submit(approval_mode="after_planning")
        await _answer(house, run.id, "revise", feedback="Fewer words, please.")
        await _answer(house, run.id, "approve")
        await house.run(run.id, "completed")

        assert house.provider.count("Fewer words, please.") > 0
        assert await house.steps(session.id, "step_completed") == [
            "plan",
            "plan-revision-1",
            "step-1",
            "step-2",
            "step-3",
            "report",
        ]

    async def test_an_edited_plan_replaces_the_proposed_one(self, house: House) -> None:
        session, run = await house.submit(approval_mode="after_planning")
        await _answer(
            house, run.id, "modify", modifications={"steps": [{"name": "Only this", "goal": "Do it"}]}
        )
        await house.run(run.id, "completed")

        mission = await house.app.missions.for_session(LOCAL_ACTOR, session.id)
        assert mission is not None
        assert [(h.name, h.status) for h in mission.hops] == [("Only this", "completed")]


class TestSecondAttempt:
    async def test_a_no_holds_at_once(self, house: House) -> None:
        give_up(house.provider, 1)
        session, run = await house.submit(approval_mode="before_each_step", max_attempts=1)
        await _answer(house, run.id, "approve")
        await house.run(run.id, "failed")
        house.provider.reply("YOUR STEP (1)", "Fine now.")
        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        assert (await _asked(house, run.id)).key == "before-step-2"

        await _answer(house, run.id, "reject")
        failed = await house.run(run.id, "failed", "waiting")

        assert failed.error is not None
        assert failed.error["code"] == "rejected"

    async def test_what_was_refused_is_asked_anew_once_more(self, house: House) -> None:
        session, run = await house.submit(approval_mode="before_each_step")
        for _ in range(3):
            await _answer(house, run.id, "reject")
            await house.run(run.id, "failed")
            await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        for _ in range(3):
            await _answer(house, run.id, "approve")
        await house.run(run.id, "completed")


class TestAsIfAtTheSameMoment:
    """A person's command arrives after the run looked for one, and before its question is stored."""

    async def test_a_pause_pauses_and_the_question_waits(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def suspend(run: Run) -> None:
            await house.app.sessions.suspend(LOCAL_ACTOR, run.session_id)

        _before_the_first_question(monkeypatch, suspend)
        session, run = await house.submit(approval_mode="after_planning")
        await house.run(run.id, "paused")
        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        await _answer(house, run.id, "approve")
        await house.run(run.id, "completed")
        assert (await house.types(session.id)).count("workflow_paused") == 1

    async def test_a_cancelled_run_ends_and_asks_nothing(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def cancel(run: Run) -> None:
            await house.app.runs.cancel(LOCAL_ACTOR, run.id)

        _before_the_first_question(monkeypatch, cancel)
        session, run = await house.submit(approval_mode="after_planning")
        await house.run(run.id, "cancelled")
        assert "approval_request" not in await house.types(session.id)


def _before_the_first_question(
    monkeypatch: pytest.MonkeyPatch, command: Callable[[Run], Coroutine[Any, Any, None]]
) -> None:
    ask, given = RunProgress.ask, list[Run]()

    async def late(self: RunProgress, run: Run, approval: Approval) -> Approval:
        if not given:
            given.append(run)
            await outside(command, run)
        return await ask(self, run, approval)

    monkeypatch.setattr(RunProgress, "ask", late)


class TestSilence:
    async def test_pauses_the_session_and_asks_again_after_resume(self, house: House) -> None:
        session, run = await house.submit(approval_mode="after_planning", approval_deadline_s=0.2)
        await _asked(house, run.id)
        await asyncio.sleep(0.3)
        await house.app.sweeps.run_once()

        paused = await house.run(run.id, "paused")
        assert paused.status == "paused"
        assert (await house.session(session.id)).status == "suspended"
        expired, _ = await house.app.approvals.list(LOCAL_ACTOR, status="expired")
        assert [a.run_id for a in expired] == [run.id]

        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        again = await _asked(house, run.id)
        assert again.id != expired[0].id

    async def test_a_late_answer_is_refused_before_any_sweep(self, house: House) -> None:
        _, run = await house.submit(approval_mode="after_planning", approval_deadline_s=0.1)
        approval = await _asked(house, run.id)
        await asyncio.sleep(timedelta(seconds=0.15).total_seconds())

        with pytest.raises(AlreadyAnswered):
            await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="approve")


class TestStepGates:
    async def test_skip_before_and_redo_after(self, house: House) -> None:
        session, run = await house.submit(approval_mode="both")
        await _answer(house, run.id, "approve")
        await _answer(house, run.id, "skip")
        await _answer(house, run.id, "approve")
        await _answer(house, run.id, "redo", feedback="Name the sources.")
        await _answer(house, run.id, "continue")
        await _answer(house, run.id, "approve")
        await _answer(house, run.id, "continue")
        await house.run(run.id, "completed")

        assert house.provider.count("Name the sources.") > 0
        mission = await house.app.missions.for_session(LOCAL_ACTOR, session.id)
        assert mission is not None
        assert [h.status for h in mission.hops] == ["skipped", "completed", "completed"]
