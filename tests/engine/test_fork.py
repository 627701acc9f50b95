"""Forks that execute: finished steps are kept, the original is left as it is."""

from __future__ import annotations

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.runs import Run
from perdure.core.sessions import Session
from perdure.services.fork_making import Wish
from tests.engine.conftest import House

_PLAN = "Plan this task"
_STEP_1 = "YOUR STEP (1)"
_STEP_2 = "YOUR STEP (2)"
_STEP_3 = "YOUR STEP (3)"
_ALL = ["plan", "step-1", "step-2", "step-3", "report"]


async def _seq(house: House, session_id: str, type_: str, key: str) -> int:
    events = await house.app.history.events(LOCAL_ACTOR, session_id, limit=1000, types=[type_])
    return next(e.seq for e in events if e.payload["key"] == key)


async def _frames(house: House, session_id: str) -> list[tuple[int, bytes]]:
    return await house.app.history.frames(LOCAL_ACTOR, session_id, 0, 1000)


async def _completed(house: House, run: Run | None) -> Run:
    assert run is not None
    return await house.run(run.id, "completed")


async def _calls(house: House, session_id: str) -> int:
    return (await house.app.costs.summary(LOCAL_ACTOR, session_id))["calls"]


async def _done(house: House, **config: object) -> tuple[Session, Run]:
    session, run = await house.submit(**config)  # type: ignore[arg-type]
    await house.run(run.id, "completed")
    house.provider.reset()
    return session, run


class TestFromAStep:
    async def test_makes_no_call_again_for_what_was_finished_and_leaves_the_original(
        self, house: House
    ) -> None:
        session, run = await _done(house)
        before = await _frames(house, session.id)
        spent = await _calls(house, session.id)

        forked, branch = await house.app.forks.fork(LOCAL_ACTOR, session.id, from_step="step-2")
        ended = await _completed(house, branch)

        assert (house.provider.count(_PLAN), house.provider.count(_STEP_1)) == (0, 0)
        assert (house.provider.count(_STEP_2), house.provider.count(_STEP_3)) == (1, 1)
        assert await house.steps(forked.id, "step_completed") == _ALL
        assert (await house.session(forked.id)).status == "completed"
        assert ended.result is not None
        assert ended.result["steps"][0]["name"] == "Read the text"
        mission = await house.app.missions.for_session(LOCAL_ACTOR, forked.id)
        assert mission is not None
        assert (mission.status, [h.status for h in mission.hops]) == ("completed", ["completed"] * 3)
        assert await _calls(house, forked.id) == len(house.provider.calls)
        assert (await _frames(house, session.id), await _calls(house, session.id)) == (before, spent)

        found = await house.app.comparisons.diff(LOCAL_ACTOR, run.id, ended.id)
        assert [(s["key"], s["same"]) for s in found["steps"]][:2] == [("plan", True), ("step-1", True)]
        assert found["totals"]["right"]["calls"] == len(house.provider.calls)
        assert found["config"]["same"]

    async def test_gives_another_task_to_the_steps_that_are_left(self, house: House) -> None:
        session, run = await _done(house)

        forked, branch = await house.app.forks.fork(
            LOCAL_ACTOR, session.id, from_step="step-3", wish=Wish(input="Rather write a poem on rivers")
        )
        ended = await _completed(house, branch)

        assert ended.task == "Rather write a poem on rivers"
        assert house.provider.count(_PLAN) == 0
        step = next(c for c in house.provider.calls if _STEP_3 in c.text)
        assert step.text.count("Rather write a poem on rivers") == 2, "as the task and as what was added"
        found = await house.app.comparisons.diff(LOCAL_ACTOR, run.id, ended.id)
        assert (found["task"]["same"], found["config"]["differs"]) == (False, ["additional_context"])
        assert found["first_difference"]["key"] == "step-3"
        said = (await house.app.history.messages(LOCAL_ACTOR, forked.id)).messages
        assert [m.text for m in said if m.role == "user"][-1] == "Rather write a poem on rivers"

    async def test_goes_on_with_the_answers_that_were_given_before_it(self, house: House) -> None:
        session, run = await house.submit(approval_mode="after_planning")
        await house.run(run.id, "waiting")
        (asked,), _ = await house.app.approvals.list(LOCAL_ACTOR)
        await house.app.approvals.answer(LOCAL_ACTOR, asked.id, resolution="approve")
        await house.run(run.id, "completed")
        house.provider.reset()

        _, branch = await house.app.forks.fork(LOCAL_ACTOR, session.id, from_step="step-1")
        await _completed(house, branch)

        assert house.provider.count(_PLAN) == 0


class TestFromAPlaceInTheLog:
    async def test_runs_the_step_again_in_which_the_place_is_while_the_original_goes_on(
        self, house: House
    ) -> None:
        house.provider.hold(_STEP_2)
        session, run = await house.submit()
        await house.held()
        planned = house.provider.count(_PLAN)

        forked, branch = await house.app.forks.fork(LOCAL_ACTOR, session.id)
        await house.until(lambda: house.provider.waiting == 2)
        house.provider.release()
        await _completed(house, branch)
        await house.run(run.id, "completed")

        assert (house.provider.count(_PLAN), house.provider.count(_STEP_1)) == (planned, 1)
        assert house.provider.count(_STEP_2) == 2
        for session_id in (session.id, forked.id):
            assert await house.steps(session_id, "step_completed") == _ALL
        assert (await house.types(forked.id)).count("workflow_started") == 1

    async def test_plans_another_task_anew_before_there_was_a_plan(self, house: House) -> None:
        session, _ = await _done(house)
        before_plan = await _seq(house, session.id, "step_started", "plan")

        _, branch = await house.app.forks.fork(
            LOCAL_ACTOR, session.id, from_seq=before_plan, wish=Wish(input="Rather write a poem on rivers")
        )
        await _completed(house, branch)

        planned = [c for c in house.provider.calls if _PLAN in c.text]
        assert planned
        assert all("Rather write a poem on rivers" in c.text for c in planned)
        assert house.provider.count("Summarise the notes") == 0

    async def test_asks_a_question_that_was_open_anew(self, house: House) -> None:
        session, run = await house.submit(approval_mode="after_planning")
        await house.run(run.id, "waiting")

        forked, branch = await house.app.forks.fork(LOCAL_ACTOR, session.id)
        assert branch is not None
        await house.run(branch.id, "waiting")

        (asked,), total = await house.app.approvals.list(LOCAL_ACTOR, session_id=forked.id)
        assert total == 1
        await house.app.approvals.answer(LOCAL_ACTOR, asked.id, resolution="approve")
        await _completed(house, branch)
        assert (await house.app.runs.get(LOCAL_ACTOR, run.id)).status == "waiting"


class TestWithoutARunInside:
    async def test_an_input_is_the_next_run_of_the_copy(self, house: House) -> None:
        session, run = await _done(house, mode="one-shot", task="Say one")
        forked, following = await house.app.forks.fork(LOCAL_ACTOR, session.id, wish=Wish(input="Say two"))
        await _completed(house, following)
        assert len(house.provider.calls) == 1
        runs, total = await house.app.runs.list(LOCAL_ACTOR, forked.id, 10, 0)
        assert (total, [r.task for r in runs]) == (2, ["Say two", "Say one"])
        assert runs[0].parent_run_id == run.id

    async def test_a_run_starts_over_with_another_model_setting(self, house: House) -> None:
        _, run = await _done(house, mode="one-shot", task="Say one")
        forked, branch = await house.app.forks.fork_run(
            LOCAL_ACTOR, run.id, wish=Wish(config={"instructions": "Speak like a pirate."})
        )
        await _completed(house, branch)
        assert house.provider.count("Speak like a pirate.") == 1
        assert await house.steps(forked.id, "step_completed") == ["answer"]

    async def test_steps_that_came_finished_do_not_count_towards_its_limit(self, house: House) -> None:
        session, _ = await _done(house)
        limits = {"resource_limits": {"max_steps": 3}}
        forked, branch = await house.app.forks.fork(
            LOCAL_ACTOR, session.id, from_step="step-3", wish=Wish(config=limits)
        )
        assert branch is not None
        ended = await house.run(branch.id, "completed", "waiting")
        assert ended.status == "completed"
        assert "budget_exceeded" not in await house.types(forked.id)


class TestForksOfFailures:
    async def test_a_failed_run_goes_on_in_the_fork_from_the_step_that_failed(self, house: House) -> None:
        house.provider.hold(_STEP_2)
        session, run = await house.submit(max_attempts=1)
        await house.held()
        house.provider.fail_next(4)
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id, when="now")
        await house.run(run.id, "paused")
        house.provider.release()
        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        await house.run(run.id, "failed")
        house.provider.reset()

        forked, branch = await house.app.forks.fork(LOCAL_ACTOR, session.id, from_step="step-2")
        await _completed(house, branch)

        assert (house.provider.count(_PLAN), house.provider.count(_STEP_1)) == (0, 0)
        assert (await house.session(forked.id)).status == "completed"
        assert (await house.session(session.id)).status == "failed"

    async def test_a_copy_of_a_failed_session_is_resumed_by_itself(self, house: House) -> None:
        house.provider.fail_next(1)
        session, run = await house.submit(max_attempts=1)
        await house.run(run.id, "failed")
        house.provider.reset()
        forked, none = await house.app.forks.fork(LOCAL_ACTOR, session.id)
        assert none is None
        _, again = await house.app.sessions.resume(LOCAL_ACTOR, forked.id)
        await _completed(house, again)
        assert (await house.session(forked.id)).status == "completed"

    async def test_a_fork_survives_a_restart_before_its_run_began(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session, _ = await _done(house)

        async def lost(_run_id: str) -> None:
            return None

        assert house.app.engine is not None
        monkeypatch.setattr(house.app.engine, "enqueue", lost)
        forked, branch = await house.app.forks.fork(LOCAL_ACTOR, session.id, from_step="step-3")
        await house.app.stop()
        await house.start()
        await _completed(house, branch)
        assert await house.steps(forked.id, "step_completed") == _ALL
