"""What a replay meets again stays as it was: nobody sees a step go back from its end."""

from __future__ import annotations

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.hops import ToolStep
from perdure.core.runs import Step
from perdure.services.progress import RunProgress
from tests.engine.asking import answer, asked, give_up, mission_of, step_statuses
from tests.engine.conftest import House
from tests.engine.test_tools import Probe, give, use


async def test_a_failed_step_stays_failed_while_its_run_is_recovered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(house.provider, 1)
    session, run = await house.submit(
        "hitl-interactive", n_plan_reviews=0, variant="error_recovery", max_attempts=1
    )
    house.provider.hold("YOUR STEP (2)")
    await answer(house, run.id, "skip")
    await house.held()
    assert (await step_statuses(house, session.id))["step-1"] == "failed"
    await house.app.stop()

    seen: list[str] = []
    begin = RunProgress.begin_step

    async def watched(self: RunProgress, *args: object, **named: object) -> Step:
        step = await begin(self, *args, **named)  # type: ignore[arg-type]
        if step.key == "step-1":
            seen.append((await step_statuses(house, session.id))["step-1"])
        return step

    monkeypatch.setattr(RunProgress, "begin_step", watched)
    house.provider.release()
    await house.start()
    await house.run(run.id, "completed")

    assert seen == ["failed"]
    assert (await house.types(session.id)).count("step_failed") == 1
    assert (await step_statuses(house, session.id))["step-1"] == "failed"


async def test_a_refused_call_stays_as_it_ended_while_its_run_goes_on(house: House) -> None:
    give(house, Probe())
    session, run = await house.submit(approval_mode="after_planning", n_plan_reviews=0)
    goal = f"{use('ring', bell='one')} {use('ring', bell='two')}"
    await answer(house, run.id, "modify", modifications=[{"name": "Ring", "goal": goal}])
    await answer(house, run.id, "reject")
    await asked(house, run.id)
    (refused, waiting) = await _tool_steps(house, session.id)
    assert (refused.status, waiting.status) == ("failed", "executing")

    await house.app.stop()
    await house.start()
    give(house, Probe())
    await answer(house, run.id, "approve")
    await house.run(run.id, "completed")

    assert (await _tool_steps(house, session.id))[0] == refused


async def _tool_steps(house: House, session_id: str) -> list[ToolStep]:
    mission = await mission_of(house, session_id)
    assert mission is not None
    return list((await house.app.missions.get(LOCAL_ACTOR, mission.id)).tool_steps)
