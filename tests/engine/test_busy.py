"""Inputs to a busy session, and cancelling: interrupted, steered, broken off within seconds."""

from __future__ import annotations

import asyncio

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.runs import Run
from tests.engine.conftest import House

_STEP_1 = "YOUR STEP (1)"
_STEP_2 = "YOUR STEP (2)"
_SOON_S = 10.0
"""Far less than a held call takes, which is for ever."""


async def _gone(house: House, run: Run) -> None:
    """Wait for the cancelled run's last event while the provider still holds its call."""
    async with asyncio.timeout(_SOON_S):
        await house.run(run.id, "cancelled")
        while "workflow_cancelled" not in await house.types(run.session_id):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _nothing_more(house: House, run: Run) -> None:
    """Let everything that is held or parked go on, and see that no call is made for the run."""
    calls = len(house.provider.calls)
    events = await house.types(run.session_id)
    house.provider.release()
    await house.app.sweeps.run_once()
    await asyncio.sleep(0.3)
    assert len(house.provider.calls) == calls
    assert await house.types(run.session_id) == events
    assert events.count("workflow_cancelled") == 1
    assert events[-1] == "workflow_cancelled"


class TestInterrupt:
    @pytest.mark.parametrize("mode", ["one-shot", "planning-control"])
    async def test_breaks_off_the_call_and_runs_the_new_input_next(self, house: House, mode: str) -> None:
        house.provider.hold("the first task", after_tokens=1)
        session, run = await house.submit(mode, task="Do the first task")
        await house.held()
        waiting = await house.app.runs.start(LOCAL_ACTOR, session.id, "Do the last one", on_busy="enqueue")
        assert waiting.queue_item is not None

        result = await house.app.runs.start(LOCAL_ACTOR, session.id, "Do the urgent one", on_busy="interrupt")

        assert result.run is None
        await _gone(house, run)
        async with asyncio.timeout(_SOON_S):
            await house.until(lambda: house.provider.count("Do the urgent one") > 0)
        runs, _ = await house.app.runs.list(LOCAL_ACTOR, session.id, 10, 0)
        assert [r.task for r in runs][-2:] == ["Do the urgent one", "Do the first task"]
        house.provider.release()
        await house.run(runs[0].id, "completed")
        runs, total = await house.app.runs.list(LOCAL_ACTOR, session.id, 10, 0)
        assert (total, runs[0].task) == (3, "Do the last one")
        await house.run(runs[0].id, "completed")
        assert (await house.session(session.id)).status == "completed"

    async def test_of_a_waiting_run_starts_the_input_at_once(self, house: House) -> None:
        session, run = await house.submit(approval_mode="after_planning")
        await house.run(run.id, "waiting")
        result = await house.app.runs.start(LOCAL_ACTOR, session.id, "Rather this", on_busy="interrupt")
        assert result.run is not None
        assert (await house.app.runs.get(LOCAL_ACTOR, run.id)).status == "cancelled"
        await house.run(result.run.id, "waiting")
        assert house.provider.count("Rather this") > 0


class TestSteer:
    async def test_is_heard_at_the_next_step_and_not_in_the_middle_of_one(self, house: House) -> None:
        house.provider.hold(_STEP_1)
        session, run = await house.submit()
        await house.held()
        steered = await house.app.runs.start(LOCAL_ACTOR, session.id, "Think of the budget", on_busy="steer")
        assert steered.steered
        assert steered.run is not None
        assert steered.run.id == run.id
        assert house.provider.count("Think of the budget") == 0
        house.provider.release()
        await house.run(run.id, "completed")

        heard = [call for call in house.provider.calls if "Think of the budget" in call.text]
        assert not any(_STEP_1 in call.text for call in heard)
        assert any(_STEP_2 in call.text for call in heard)
        said = (await house.app.history.messages(LOCAL_ACTOR, session.id)).messages
        assert "Think of the budget" in [m.text for m in said if m.role == "user"]


class TestCancel:
    @pytest.mark.parametrize(
        ("mode", "held"),
        [("one-shot", ""), ("planning-control", "Plan this task"), ("planning-control", _STEP_2)],
    )
    async def test_comes_within_seconds_in_the_middle_of_a_call(
        self, house: House, mode: str, held: str
    ) -> None:
        house.provider.hold(held, after_tokens=1)
        _, run = await house.submit(mode)
        await house.held()

        answered = await house.app.runs.cancel(LOCAL_ACTOR, run.id)

        assert answered.status == "cancelling"
        await _gone(house, run)
        assert house.provider.finished < len(house.provider.calls)
        await _nothing_more(house, run)
        costs = await house.app.costs.summary(LOCAL_ACTOR, run.session_id)
        assert costs["calls"] == len(house.provider.calls)
        assert sum(row["unpriced_calls"] for row in costs["by_step"]) == costs["unpriced_calls"] >= 1
        assert (await house.app.runs.cancel(LOCAL_ACTOR, run.id)).status == "cancelled"

    async def test_while_it_waits_for_a_person(self, house: House) -> None:
        _, run = await house.submit(approval_mode="after_planning")
        await house.run(run.id, "waiting")
        (asked,), _ = await house.app.approvals.list(LOCAL_ACTOR)
        await house.app.runs.cancel(LOCAL_ACTOR, run.id)
        await _gone(house, run)
        await _nothing_more(house, run)
        assert (await house.app.approvals.get(LOCAL_ACTOR, asked.id)).status == "cancelled"

    async def test_while_it_is_paused(self, house: House) -> None:
        house.provider.hold(_STEP_1)
        session, run = await house.submit()
        await house.held()
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id)
        house.provider.release()
        await house.run(run.id, "paused")
        await house.app.runs.cancel(LOCAL_ACTOR, run.id)
        await _gone(house, run)
        assert (await house.session(session.id)).status == "active"
        calls = len(house.provider.calls)
        await house.app.sweeps.run_once()
        await asyncio.sleep(0.3)
        assert len(house.provider.calls) == calls
        types = await house.types(session.id)
        assert types.index("workflow_cancelled") > types.index("workflow_paused")

    async def test_while_it_is_pausing_in_the_middle_of_a_call(self, house: House) -> None:
        house.provider.hold(_STEP_1, after_tokens=1)
        session, run = await house.submit()
        await house.held()
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id)
        await house.app.runs.cancel(LOCAL_ACTOR, run.id)
        await _gone(house, run)
        assert (await house.session(session.id)).status == "active"


class TestCompletingABusySession:
    async def test_breaks_its_run_off_and_starts_nothing_that_waits(self, house: House) -> None:
        house.provider.hold(_STEP_1, after_tokens=1)
        session, run = await house.submit()
        await house.held()
        await house.app.queue.add(LOCAL_ACTOR, session.id, "Then this")
        await house.app.sessions.complete(LOCAL_ACTOR, session.id)
        await _gone(house, run)
        house.provider.release()
        await house.app.sweeps.run_once()
        await asyncio.sleep(0.3)
        assert house.provider.count("Then this") == 0
        assert [i["content"] for i in await house.app.queue.list(LOCAL_ACTOR, session.id)] == ["Then this"]
        assert (await house.session(session.id)).status == "completed"


class TestGoingBack:
    async def test_a_paused_run_is_resumed_from_an_earlier_step_with_a_word(self, house: House) -> None:
        house.provider.hold(_STEP_2)
        session, run = await house.submit()
        await house.held()
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id, when="now")
        await house.run(run.id, "paused")
        house.provider.reset()

        await house.app.sessions.resume(LOCAL_ACTOR, session.id, "Mention the budget.", from_step="step-1")
        await house.run(run.id, "completed")

        assert house.provider.count("Plan this task") == 0
        assert house.provider.count(_STEP_1) == 1
        first = next(c for c in house.provider.calls if _STEP_1 in c.text)
        assert "Mention the budget." in first.text
        completed = await house.steps(session.id, "step_completed")
        assert completed == ["plan", "step-1", "step-1", "step-2", "step-3", "report"]
        steps = await house.app.runs.steps(LOCAL_ACTOR, session.id)
        assert {s.key: (s.status, s.attempt) for s in steps}["step-1"] == ("completed", 2)
        mission = await house.app.missions.for_session(LOCAL_ACTOR, session.id)
        assert mission is not None
        assert [h.status for h in mission.hops] == ["completed"] * 3


async def test_an_agent_at_work_hears_a_steer_before_its_next_call(house: House) -> None:
    house.provider.hold("Look around", after_tokens=0)
    session, run = await house.submit("one-shot", "Look around. [[call list_files {}]]")
    await house.held()
    result = await house.app.runs.start(LOCAL_ACTOR, session.id, "Mind the gap", on_busy="steer")
    assert result.steered
    house.provider.release()
    await house.run(run.id, "completed")

    first, second = house.provider.calls
    assert "Mind the gap" not in first.text
    assert "Mind the gap" in second.text
