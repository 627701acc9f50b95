"""Limits: a warning when most is used, a question when nothing is left, and more when it is raised."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.approvals import Approval
from perdure.errors import InvalidInput
from perdure.store import costs as cost_rows
from tests.engine.conftest import TASK, House


async def start(house: House, limits: dict[str, Any], **config: Any) -> tuple[str, str]:
    """Start a planned task in a session with limits; returns session and run id."""
    session = await house.app.sessions.create(
        LOCAL_ACTOR, mode="planning-control", resource_limits=limits, config=config
    )
    started = await house.app.runs.start(LOCAL_ACTOR, session.id, TASK)
    assert started.run is not None
    return session.id, started.run.id


async def asked(house: House, run_id: str) -> Approval:
    await house.run(run_id, "waiting")
    found, _ = await house.app.approvals.list(LOCAL_ACTOR)
    return next(a for a in found if a.run_id == run_id)


class TestTokens:
    async def test_the_limit_asks_and_raising_it_finishes_the_run(self, house: House) -> None:
        session_id, run_id = await start(house, {"max_tokens": 1000})
        approval = await asked(house, run_id)
        assert approval.request_type == "budget"
        assert approval.request_data["used"] >= 1000
        assert (await house.session(session_id)).status == "active"
        calls = len(house.provider.calls)

        await house.app.approvals.answer(
            LOCAL_ACTOR, approval.id, resolution="approve", answer={"max_tokens": 100_000}
        )
        await house.run(run_id, "completed")

        assert len(house.provider.calls) > calls
        assert (await house.session(session_id)).resource_limits == {"max_tokens": 100_000}
        types = await house.types(session_id)
        assert types.count("budget_warning") == types.count("budget_exceeded") == 1
        assert types.index("budget_exceeded") < types.index("approval_request")
        await self._check_places(house, session_id)
        assert max(house.provider.counts.values()) == 1

    async def _check_places(self, house: House, session_id: str) -> None:
        """Check that the warning follows the call that crossed 800 of 1000 tokens, and the end that over 1000."""
        used, placed = 0, dict[str, tuple[float, int, int]]()
        last = 0
        for event in await house.app.history.events(LOCAL_ACTOR, session_id, limit=1000):
            data = event.payload
            if event.type == "cost_update":
                last = data["input_tokens"] + data["output_tokens"]
                used += last
            elif event.type.startswith("budget_"):
                placed[event.type] = data["used"], used, used - last
        for type_, at in (("budget_warning", 800), ("budget_exceeded", 1000)):
            told, now, before = placed[type_]
            assert told == now, type_
            assert before < at <= now, (type_, placed)

    async def test_changing_the_limit_of_the_session_lets_it_go_on_as_well(self, house: House) -> None:
        session_id, run_id = await start(house, {"max_tokens": 1000})
        approval = await asked(house, run_id)
        await house.app.sessions.update(
            LOCAL_ACTOR, session_id, patch={"resource_limits": {"max_tokens": 50_000}}
        )
        await house.run(run_id, "completed")
        assert (await house.app.approvals.get(LOCAL_ACTOR, approval.id)).status == "approved"

    async def test_an_answer_without_a_number_allows_as_much_again(self, house: House) -> None:
        session_id, run_id = await start(house, {"max_tokens": 1000})
        approval = await asked(house, run_id)
        await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="approve")
        await house.run(run_id, "completed", "waiting")
        limits = (await house.session(session_id)).resource_limits
        assert limits["max_tokens"] == 1000 + approval.request_data["used"]

    async def test_a_limit_that_is_lowered_to_what_it_was_asks_again(self, house: House) -> None:
        session_id, run_id = await start(house, {"max_tokens": 1000})
        approval = await asked(house, run_id)
        house.provider.hold()
        await house.app.approvals.answer(
            LOCAL_ACTOR, approval.id, resolution="approve", answer={"max_tokens": 100_000}
        )
        await house.held()
        await house.app.sessions.update(
            LOCAL_ACTOR, session_id, patch={"resource_limits": {"max_tokens": 1000}}
        )
        house.provider.release()

        again = await asked(house, run_id)
        assert again.id != approval.id
        await house.app.approvals.answer(
            LOCAL_ACTOR, again.id, resolution="approve", answer={"max_tokens": 100_000}
        )
        await house.run(run_id, "completed")

    async def test_a_limit_below_what_is_used_is_refused(self, house: House) -> None:
        _, run_id = await start(house, {"max_tokens": 1000})
        approval = await asked(house, run_id)
        with pytest.raises(InvalidInput, match="max_tokens"):
            await house.app.approvals.answer(
                LOCAL_ACTOR, approval.id, resolution="approve", answer={"max_tokens": 10}
            )
        assert (await house.app.approvals.get(LOCAL_ACTOR, approval.id)).status == "pending"

    async def test_a_person_can_end_the_run_and_go_on_with_it_later(self, house: House) -> None:
        session_id, run_id = await start(house, {"max_tokens": 1000})
        approval = await asked(house, run_id)
        calls = len(house.provider.calls)
        await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="abort")
        failed = await house.run(run_id, "failed")
        assert failed.error is not None
        assert failed.error["code"] == "budget-spent"
        assert len(house.provider.calls) == calls

        await house.app.sessions.update(
            LOCAL_ACTOR, session_id, patch={"resource_limits": {"max_tokens": None}}
        )
        await house.app.sessions.resume(LOCAL_ACTOR, session_id)
        await house.run(run_id, "completed")

    async def test_the_limit_of_a_run_counts_that_run_alone(self, house: House) -> None:
        session, run = await house.submit(resource_limits={"max_tokens": 1000})
        approval = await asked(house, run.id)
        assert approval.request_data["scope"] == "run"
        await house.app.approvals.answer(
            LOCAL_ACTOR, approval.id, resolution="approve", answer={"max_tokens": 90_000}
        )
        await house.run(run.id, "completed")
        assert (await house.session(session.id)).resource_limits == {}

    async def test_a_restart_while_it_is_asked_changes_nothing(self, house: House) -> None:
        _, run_id = await start(house, {"max_tokens": 1000})
        approval = await asked(house, run_id)
        await house.app.stop()
        await house.start()
        await house.app.approvals.answer(
            LOCAL_ACTOR, approval.id, resolution="approve", answer={"max_tokens": 100_000}
        )
        await house.run(run_id, "completed")
        assert max(house.provider.counts.values()) == 1


async def test_a_warning_comes_before_the_question(house: House) -> None:
    session_id, run_id = await start(house, {"max_steps": 5})
    approval = await asked(house, run_id)
    assert approval.request_data["limit"] == "max_steps"
    types = await house.types(session_id)
    placed = [
        (event.type, event.payload.get("key") or event.payload["used"])
        for event in await house.app.history.events(LOCAL_ACTOR, session_id, limit=1000)
        if event.type in ("step_started", "step_completed", "budget_warning", "budget_exceeded")
    ]
    assert placed[-6:] == [
        ("step_completed", "step-2"),
        ("step_started", "step-3"),
        ("budget_warning", 4),
        ("step_completed", "step-3"),
        ("step_started", "report"),
        ("budget_exceeded", 5),
    ]
    assert types.count("budget_warning") == types.count("budget_exceeded") == 1
    assert types.index("budget_exceeded") < types.index("approval_request")
    assert house.provider.count("Write the final text") == 0, "the fifth step waits with its call"


async def test_time_counts_execution_and_not_waiting(house: House) -> None:
    session_id, run_id = await start(house, {}, approval_mode="after_planning")
    approval = await asked(house, run_id)
    waiting = await house.app.runs.get(LOCAL_ACTOR, run_id)
    assert waiting.active_since is None
    assert waiting.active_ms > 0
    await house.app.sessions.update(
        LOCAL_ACTOR, session_id, patch={"resource_limits": {"max_seconds": 0.001}}
    )
    await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="approve")
    budget = await asked(house, run_id)
    assert budget.request_data["limit"] == "max_seconds"


@pytest.mark.parametrize("limits", [{"max_token": 5}, {"max_tokens": -1}, {"max_steps": "many"}])
async def test_limits_that_are_none_are_refused(house: House, limits: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="resource_limits"):
        await house.app.sessions.create(LOCAL_ACTOR, mode="one-shot", resource_limits=limits)


class TestDollars:
    """With a model of the price list: what a call costs is known, and the loopback provider answers in its name."""

    MODEL = "openai-chat:gpt-4"

    async def _costs(self, house: House, session_id: str) -> list[float]:
        """Return what was spent after each call."""
        events = await house.app.history.events(LOCAL_ACTOR, session_id, limit=1000, types=["cost_update"])
        costs = [event.payload["cost_usd"] for event in events]
        assert costs
        assert all(cost > 0 for cost in costs)
        return [round(spent, 6) for spent in accumulate(costs)]

    async def test_warns_at_the_crossing_asks_at_the_limit_and_goes_on_when_raised(
        self, house: House
    ) -> None:
        free, run_id = await start(house, {}, model=self.MODEL)
        await house.run(run_id, "completed")
        spent = await self._costs(house, free)
        house.provider.reset()
        crossing = len(spent) // 2
        allowed = round(spent[crossing] / 0.8 - 2e-6, 6)
        last = next(n for n, so_far in enumerate(spent) if so_far >= allowed)
        assert spent[crossing - 1] < 0.8 * allowed <= spent[crossing] < allowed <= spent[last] < spent[-1]

        session_id, run_id = await start(house, {"max_cost_usd": allowed}, model=self.MODEL)
        question = await asked(house, run_id)
        assert (question.request_data["limit"], question.request_data["used"]) == (
            "max_cost_usd",
            spent[last],
        )
        assert len(house.provider.calls) == last + 1
        told = await house.app.history.events(LOCAL_ACTOR, session_id, limit=1000)
        types = [event.type for event in told]
        updates = [n for n, type_ in enumerate(types) if type_ == "cost_update"]
        assert types.count("budget_warning") == types.count("budget_exceeded") == 1
        assert types.index("budget_warning") == updates[crossing] + 1
        assert types.index("budget_exceeded") == updates[last] + 1
        assert told[updates[crossing] + 1].payload["used"] == spent[crossing]
        assert (await house.session(session_id)).status == "active"

        await house.app.approvals.answer(
            LOCAL_ACTOR, question.id, resolution="approve", answer={"max_cost_usd": 2 * spent[-1]}
        )
        done = await house.run(run_id, "completed", "waiting")
        assert done.status == "completed"
        assert await self._costs(house, session_id) == spent
        assert done.cost_usd_micros == round(spent[-1] * 1e6)
        assert max(house.provider.counts.values()) == 1
        types = await house.types(session_id)
        assert types.count("budget_warning") == types.count("budget_exceeded") == 1

    async def test_of_a_session_counts_over_its_runs(self, house: House) -> None:
        session = await house.app.sessions.create(
            LOCAL_ACTOR,
            mode="copilot",
            # Reminded of nothing, each message costs the same.
            config={"model": self.MODEL, "routing": "minimal", "history_messages": 0},
        )

        async def say() -> str:
            started = await house.app.runs.start(LOCAL_ACTOR, session.id, "What is it?")
            assert started.run is not None
            return started.run.id

        await house.run(await say(), "completed")
        (price,) = await self._costs(house, session.id)
        allowed = round(2.4 * price, 6)
        await house.app.sessions.update(
            LOCAL_ACTOR, session.id, patch={"resource_limits": {"max_cost_usd": allowed}}
        )
        assert "budget_warning" not in await house.types(session.id)

        await house.run(await say(), "completed")
        types = await house.types(session.id)
        assert types.count("budget_warning") == 1
        assert types[types.index("budget_warning") - 1] == "cost_update"
        await house.run(await say(), "completed")
        types = await house.types(session.id)
        assert (types.count("budget_warning"), types.count("budget_exceeded")) == (1, 1)
        assert "approval_request" not in types, "the call that reached the limit was the last of its run"

        run_id = await say()
        question = await asked(house, run_id)
        assert question.request_data == {
            "limit": "max_cost_usd",
            "scope": "session",
            "allowed": allowed,
            "used": pytest.approx(3 * price),
        }
        assert len(house.provider.calls) == 3
        await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution="approve")
        await house.run(run_id, "completed")
        limits = (await house.session(session.id)).resource_limits
        assert limits == {"max_cost_usd": pytest.approx(3 * price + allowed)}
        assert (await house.types(session.id)).count("budget_exceeded") == 1

    async def test_a_call_in_flight_is_booked_before_it_is_asked(self, house: House) -> None:
        house.provider.hold()
        session_id, run_id = await start(house, {}, model=self.MODEL)
        await house.held()
        await house.app.sessions.update(
            LOCAL_ACTOR, session_id, patch={"resource_limits": {"max_cost_usd": 0.000001}}
        )
        house.provider.release()

        question = await asked(house, run_id)
        (spent,) = await self._costs(house, session_id)
        assert question.request_data["used"] == spent
        (entry,) = await house.app.store.read(lambda tx: cost_rows.list_run_calls(tx, run_id))
        assert (entry.finished, entry.cost_usd_micros) == (True, round(spent * 1e6))
        await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution="abort")
        await house.run(run_id, "failed")
        assert len(house.provider.calls) == 1
