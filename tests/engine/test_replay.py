"""What a replay meets again stays as it was: nobody sees a step go back from its end."""

from __future__ import annotations

import pytest

from perdure.core.runs import Step
from perdure.services.progress import RunProgress
from tests.engine.asking import answer, give_up, step_statuses
from tests.engine.conftest import House


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
