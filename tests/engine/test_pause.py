"""Pause and resume: at the boundary, at once, and across a restart."""

from __future__ import annotations

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.engine.runtime import EngineRuntime
from tests.engine.conftest import House

_STEP_1 = "YOUR STEP (1)"


class TestPauseAtTheBoundary:
    async def test_finishes_the_call_in_flight_and_starts_nothing_after_it(self, house: House) -> None:
        house.provider.hold(_STEP_1)
        session, run = await house.submit()
        await house.held()

        suspended = await house.app.sessions.suspend(LOCAL_ACTOR, session.id)
        assert suspended.status == "suspended"
        assert (await house.app.runs.get(LOCAL_ACTOR, run.id)).status == "pausing"
        house.provider.release()
        await house.run(run.id, "paused")

        assert (await house.types(session.id)).count("workflow_paused") == 1
        assert await house.steps(session.id, "step_started") == ["plan", "step-1"]
        assert house.provider.finished == len(house.provider.calls)

    async def test_goes_on_without_repeating_a_call(self, house: House) -> None:
        house.provider.hold(_STEP_1)
        session, run = await house.submit()
        await house.held()
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id)
        house.provider.release()
        await house.run(run.id, "paused")

        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        await house.run(run.id, "completed")

        assert max(house.provider.counts.values()) == 1
        assert (await house.session(session.id)).status == "completed"

    async def test_stays_paused_through_a_restart(self, house: House) -> None:
        house.provider.hold(_STEP_1)
        session, run = await house.submit()
        await house.held()
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id)
        house.provider.release()
        await house.run(run.id, "paused")
        calls = len(house.provider.calls)

        await house.app.stop()
        await house.start()
        await house.app.sweeps.run_once()

        assert (await house.app.runs.get(LOCAL_ACTOR, run.id)).status == "paused"
        assert len(house.provider.calls) == calls
        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        await house.run(run.id, "completed")
        assert max(house.provider.counts.values()) == 1

    async def test_a_resume_before_the_boundary_just_lets_it_run(self, house: House) -> None:
        house.provider.hold(_STEP_1)
        session, run = await house.submit()
        await house.held()

        await house.app.sessions.suspend(LOCAL_ACTOR, session.id)
        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        house.provider.release()
        await house.run(run.id, "completed")

        assert "workflow_paused" not in await house.types(session.id)
        assert max(house.provider.counts.values()) == 1


class TestPauseNow:
    async def test_abandons_the_call_and_makes_it_again_on_resume(self, house: House) -> None:
        house.provider.hold(_STEP_1, after_tokens=2)
        session, run = await house.submit()
        await house.held()

        await house.app.sessions.suspend(LOCAL_ACTOR, session.id, when="now")
        await house.run(run.id, "paused")
        house.provider.release()
        await house.app.sessions.resume(LOCAL_ACTOR, session.id, additional_context="Mention the budget.")
        await house.run(run.id, "completed")

        assert sorted(house.provider.counts.values())[-2:] == [1, 2]
        assert await house.steps(session.id, "step_completed") == [
            "plan",
            "step-1",
            "step-2",
            "step-3",
            "report",
        ]
        assert house.provider.count("Mention the budget.") > 0

    async def test_a_resume_in_the_same_moment_makes_the_call_again(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        abort = EngineRuntime.abort

        async def late(self: EngineRuntime, run_id: str) -> None:
            await house.app.sessions.resume(LOCAL_ACTOR, session.id)
            await abort(self, run_id)

        monkeypatch.setattr(EngineRuntime, "abort", late)
        house.provider.hold(_STEP_1)
        session, run = await house.submit()
        await house.held()
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id, when="now")
        house.provider.release()

        done = await house.run(run.id, "completed")

        assert done.unpriced_calls == len(house.provider.calls)  # that of the call broken off is unknown
