"""A run that began under an older program goes on under the new one, from its last finished step."""

from __future__ import annotations

import pytest

from perdure.agents.models import ModelCatalog
from perdure.agents.profiles import STARTER, ModelProfile
from perdure.core.access import LOCAL_ACTOR
from perdure.engine import runtime
from perdure.ids import new_id
from perdure.store import approvals as approval_rows
from tests.engine.asking import asked
from tests.engine.conftest import House
from tests.engine.test_tools import Probe, give, use


async def test_goes_on_in_a_new_attempt_with_its_finished_steps(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.provider.hold("YOUR STEP (2)")
    session, run = await house.submit()
    await house.held()
    await house.app.stop()
    house.provider.release()
    monkeypatch.setattr(runtime, "_VERSION", "another")
    await house.start()

    done = await house.run(run.id, "completed")

    assert done.attempt == 2
    started = await house.steps(session.id, "step_started")
    assert (started.count("plan"), started.count("step-1"), started.count("step-2")) == (1, 1, 2)
    assert await house.steps(session.id, "step_completed") == ["plan", "step-1", "step-2", "step-3", "report"]


async def test_a_question_that_was_open_is_answered_under_the_new_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, run = await house.submit(approval_mode="after_planning")
    await house.run(run.id, "waiting")
    await house.app.stop()
    monkeypatch.setattr(runtime, "_VERSION", "another")
    await house.start()
    (question,), _ = await house.app.approvals.list(LOCAL_ACTOR)
    await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution="approve")
    await house.run(run.id, "completed")
    assert (await house.steps(session.id, "step_completed")).count("plan") == 1
    assert (await house.types(session.id)).count("approval_request") == 1


async def test_another_default_model_is_for_the_runs_to_come(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.provider.hold("YOUR STEP (1)")
    session, run = await house.submit()
    await house.held()
    await house.app.stop()
    house.provider.release()
    profile = ModelCatalog.profile

    def small(self: ModelCatalog, name: str) -> ModelProfile:
        return STARTER if name == "openai-chat:small" else profile(self, name)

    monkeypatch.setattr(ModelCatalog, "profile", small)
    house.settings = house.settings.model_copy(update={"model": "openai-chat:small"})
    await house.start()

    done = await house.run(run.id, "completed", "failed")

    assert done.error is None
    assert {call.model for call in house.provider.calls} == {"test"}
    assert done.attempt == 1
    assert (await house.steps(session.id, "step_completed")).count("step-1") == 1


async def test_a_retry_says_the_model_that_it_runs_with(house: House) -> None:
    house.provider.fail_next(20)
    _, run = await house.submit(max_attempts=1)
    failed = await house.run(run.id, "failed")
    assert failed.model == "openai-chat:test"
    await house.app.stop()
    house.provider.reset()
    house.settings = house.settings.model_copy(update={"model": "openai-chat:other"})
    await house.start()
    await house.app.runs.retry(LOCAL_ACTOR, run.id)
    done = await house.run(run.id, "completed")

    assert done.model == "openai-chat:other"
    assert {call.model for call in house.provider.calls} == {"other"}


async def test_a_run_says_the_model_that_its_config_names_for_all_roles(house: House) -> None:
    _, run = await house.submit("one-shot", default_model="openai-chat:other")
    done = await house.run(run.id, "completed")
    assert done.model == "openai-chat:other"
    assert {call.model for call in house.provider.calls} == {"other"}


async def test_a_question_that_a_later_attempt_asks_anew_does_not_outlive_the_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does its deadline suspend a conversation that has long gone on."""
    give(house, Probe())
    session, run = await house.submit("copilot", use("ring", bell="big"), routing="minimal")
    left = await asked(house, run.id)
    await house.app.sessions.suspend(LOCAL_ACTOR, session.id)
    await house.run(run.id, "paused")
    await house.app.stop()
    monkeypatch.setattr(runtime, "_VERSION", "another")
    await house.start()
    give(house, Probe())
    await house.app.sessions.resume(LOCAL_ACTOR, session.id)
    await house.run(run.id, "waiting")
    open_ones, _ = await house.app.approvals.list(LOCAL_ACTOR)
    for question in open_ones:
        if question.id != left.id:
            await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution="approve")
    await house.run(run.id, "completed")

    assert (await house.app.approvals.get(LOCAL_ACTOR, left.id)).status == "cancelled"
    types = await house.types(session.id)
    assert types.count("approval_request") == types.count("approval_resolved") == 2
    late = left.model_copy(update={"id": new_id(), "key": "late", "deadline": left.created_at})
    await house.app.store.write(lambda tx: approval_rows.insert_approval(tx, late))
    await house.app.sweeps.run_once()
    assert (await house.app.approvals.get(LOCAL_ACTOR, late.id)).status == "expired"
    assert (await house.session(session.id)).status == "active"
