"""Cancel, fail and retry, queue and steer, restarts in the middle."""

from __future__ import annotations

import asyncio

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.errors import NotFound, RunInProgress
from tests.engine.asking import plan_statuses
from tests.engine.conftest import House

_STEP_1 = "YOUR STEP (1)"
_STEP_2 = "YOUR STEP (2)"
_STEP_3 = "YOUR STEP (3)"


class TestCancel:
    async def test_aborts_the_call_in_flight_and_spends_nothing_after(self, house: House) -> None:
        house.provider.hold(_STEP_1, after_tokens=1)
        session, run = await house.submit()
        await house.held()

        await house.app.runs.cancel(LOCAL_ACTOR, run.id)
        await house.run(run.id, "cancelled")
        calls = len(house.provider.calls)
        house.provider.release()
        await asyncio.sleep(0.3)

        assert len(house.provider.calls) == calls
        assert (await house.types(session.id))[-1] == "workflow_cancelled"
        assert (await house.session(session.id)).status == "active"
        mission = await house.app.missions.for_session(LOCAL_ACTOR, session.id)
        assert mission is not None
        assert mission.status == "cancelled"
        costs = await house.app.costs.summary(LOCAL_ACTOR, session.id)
        assert costs["calls"] == calls
        assert costs["unpriced_calls"] >= 1

    async def test_of_a_waiting_run_is_at_once(self, house: House) -> None:
        _, run = await house.submit(approval_mode="after_planning")
        await house.run(run.id, "waiting")

        cancelled = await house.app.runs.cancel(LOCAL_ACTOR, run.id)

        assert cancelled.status == "cancelled"
        found, total = await house.app.approvals.list(LOCAL_ACTOR)
        assert (found, total) == ([], 0)


class TestFailure:
    async def test_only_the_step_that_failed_is_failed_and_resume_goes_on_from_it(self, house: House) -> None:
        house.provider.hold(_STEP_2)
        session, run = await house.submit(max_attempts=1)
        await house.held()
        house.provider.cut_next(1, after_tokens=0)
        house.provider.fail_next(4)
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id, when="now")
        await house.run(run.id, "paused")
        house.provider.release()
        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        failed = await house.run(run.id, "failed")
        assert failed.error is not None
        assert failed.error["code"] == "step-failed"
        steps = await house.app.runs.steps(LOCAL_ACTOR, session.id)
        assert [(s.key, s.status) for s in steps] == [
            ("plan", "completed"),
            ("step-1", "completed"),
            ("step-2", "failed"),
        ]
        assert (await house.session(session.id)).status == "failed"
        planned = house.provider.count("Plan this task")

        house.provider.reset()
        _, again = await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        assert again is not None
        assert again.attempt == 2
        await house.run(run.id, "completed")

        assert planned > 0
        assert house.provider.count("Plan this task") == 0
        assert house.provider.count(_STEP_1) == 0
        assert (await house.session(session.id)).status == "completed"

    async def test_a_retry_from_a_step_keeps_what_was_before_it_and_does_the_rest_again(
        self, house: House
    ) -> None:
        house.provider.reply(_STEP_1, "Two doors.")
        house.provider.reply(_STEP_2, "They are blue.")
        house.provider.reply(_STEP_3, "NOT DONE, it is dark.")
        session, run = await house.submit(max_attempts=1)
        await house.run(run.id, "failed")
        before = {s.key: s for s in await house.app.runs.steps(LOCAL_ACTOR, session.id)}
        assert before["step-2"].status == "completed"

        house.provider.reset()
        house.provider.reply(_STEP_2, "They are green.")
        with pytest.raises(NotFound):
            await house.app.runs.retry(LOCAL_ACTOR, run.id, from_step="step-9")
        retried = await house.app.runs.retry(LOCAL_ACTOR, run.id, from_step="step-2")
        assert (retried.id, retried.attempt) == (run.id, 2)
        await house.run(run.id, "completed")

        told = [call.prompt for call in house.provider.calls]
        assert [[mark in text for mark in (_STEP_2, _STEP_3, "Write the final text")] for text in told] == [
            [True, False, False],
            [False, True, False],
            [False, False, True],
        ], "the plan and the first step are kept, and what was finished from the second on is not"
        assert all("Two doors." in text for text in told)
        assert "They are green." in told[1]
        assert not any("They are blue." in text for text in told)
        after = {s.key: s for s in await house.app.runs.steps(LOCAL_ACTOR, session.id)}
        assert (after["plan"], after["step-1"]) == (before["plan"], before["step-1"])
        assert [(s.key, s.status, s.attempt) for s in after.values()] == [
            ("plan", "completed", 1),
            ("step-1", "completed", 1),
            ("step-2", "completed", 2),
            ("step-3", "completed", 2),
            ("report", "completed", 2),
        ]
        assert await plan_statuses(house, session.id) == ("completed", ["completed"] * 3)
        assert (await house.session(session.id)).status == "completed"


class TestBusySessions:
    async def test_reject_is_the_default(self, house: House) -> None:
        house.provider.hold(_STEP_1)
        session, _ = await house.submit()
        await house.held()

        with pytest.raises(RunInProgress):
            await house.app.runs.start(LOCAL_ACTOR, session.id, "Another one")

    async def test_enqueue_runs_the_input_after_the_open_run(self, house: House) -> None:
        house.provider.hold(_STEP_1)
        session, run = await house.submit()
        await house.held()
        queued = await house.app.runs.start(LOCAL_ACTOR, session.id, "Then do this", on_busy="enqueue")
        assert queued.run is None
        house.provider.release()
        await house.run(run.id, "completed")

        runs, total = await house.app.runs.list(LOCAL_ACTOR, session.id, 10, 0)

        assert total == 2
        assert runs[0].task == "Then do this"
        await house.run(runs[0].id, "completed")
        assert await house.app.queue.list(LOCAL_ACTOR, session.id) == []

    async def test_steer_reaches_the_next_step(self, house: House) -> None:
        house.provider.hold(_STEP_1)
        session, run = await house.submit()
        await house.held()
        await house.app.runs.steer(LOCAL_ACTOR, session.id, "Think of the budget")
        house.provider.release()
        await house.run(run.id, "completed")

        steered = [c for c in house.provider.calls if "Think of the budget" in c.text]
        assert any(_STEP_2 in c.text for c in steered)


class TestRestart:
    async def test_in_the_middle_of_a_call_ends_in_the_same_result(self, house: House) -> None:
        house.provider.hold(_STEP_2)
        session, run = await house.submit()
        await house.held()

        await house.app.stop()
        house.provider.release()
        await house.start()
        await house.run(run.id, "completed")

        assert await house.steps(session.id, "step_completed") == [
            "plan",
            "step-1",
            "step-2",
            "step-3",
            "report",
        ]
        assert sorted(house.provider.counts.values())[-2:] in ([1, 1], [1, 2])
        events = await house.app.history.events(LOCAL_ACTOR, session.id, limit=1000)
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
