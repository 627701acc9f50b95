"""The limit of time breaks off what is in flight, and the limit of money says when it cannot be kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.tools import ToolCategory
from perdure.engine import limits
from perdure.errors import StorageUnavailable
from perdure.modes.contract import RunContext, ToolUse
from perdure.modes.registry import ModeRegistry
from perdure.services import budgets
from perdure.store.transaction import Tx
from tests.engine.conftest import House
from tests.engine.test_budgets import asked, start
from tests.engine.test_run_context import mode_of, restart
from tests.engine.test_tools import Probe, give, results, use


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Probe:
    monkeypatch.setattr(limits, "_LOOK_S", 0.05)
    probe = Probe()
    probe.go.clear()
    return probe


async def run_out(house: House, session_id: str) -> None:
    """End the time of a session's run, whatever it is doing."""
    await house.app.sessions.update(
        LOCAL_ACTOR, session_id, patch={"resource_limits": {"max_seconds": 0.001}}
    )


async def allow_more(house: House, run_id: str) -> None:
    question = await asked(house, run_id)
    assert question.request_type == "budget"
    assert question.request_data["limit"] == "max_seconds"
    await house.app.approvals.answer(
        LOCAL_ACTOR, question.id, resolution="approve", answer={"max_seconds": 10_000}
    )


async def test_a_model_call_is_broken_off_and_made_again_when_there_is_more(
    house: House, probe: Probe
) -> None:
    house.provider.hold(after_tokens=1)
    session, run = await house.submit("one-shot", "Say it")
    await house.held()
    await run_out(house, session.id)
    waiting = await house.run(run.id, "waiting", "failed")

    assert waiting.status == "waiting", waiting.error
    assert "budget_exceeded" in await house.types(session.id)
    assert len(house.provider.calls) == 1
    house.provider.release()
    await allow_more(house, run.id)
    done = await house.run(run.id, "completed")
    assert len(house.provider.calls) == 2
    assert done.unpriced_calls == 2


async def test_a_tool_of_an_agent_is_broken_off_and_the_agent_told_so(house: House, probe: Probe) -> None:
    give(house, probe)
    session, run = await house.submit("one-shot", use("look", at="it"))
    await house.until(lambda: probe.looked == ["it"])
    await run_out(house, session.id)
    await allow_more(house, run.id)
    await house.run(run.id, "completed")

    (result,) = await results(house, session.id)
    assert result["ok"] is False
    assert "was broken off" in result["result"]
    assert "was broken off" in house.provider.calls[-1].text
    types = await house.types(session.id)
    assert types.index("budget_exceeded") < types.index("tool_result") < types.index("approval_request")


async def test_a_command_that_is_broken_off_is_not_called_again_in_silence(
    house: House, probe: Probe
) -> None:
    give(house, probe)
    allowed = {"tool_permissions": {"shell": "auto_allow"}}
    session, run = await house.submit("one-shot", use("ring", bell="big"), **allowed)
    await house.until(lambda: probe.rung == ["big"])
    await run_out(house, session.id)
    await allow_more(house, run.id)
    await house.run(run.id, "completed")

    (result,) = await results(house, session.id)
    assert "Nothing says whether it took effect" in result["result"]
    assert probe.rung == ["big"]


@pytest.mark.parametrize("survives", [False, True])
async def test_tools_of_a_mode_are_broken_off_and_called_again(
    house: House, probe: Probe, survives: bool
) -> None:
    async def body(ctx: RunContext) -> dict[str, Any]:
        outcomes = await ctx.tools([ToolUse("look", {"at": name}) for name in ("a", "b")], at_once=2)
        return {"said": [outcome.result for outcome in outcomes]}

    run_id, session_id = await begin(house, probe, body)
    await house.until(lambda: sorted(probe.looked) == ["a", "b"])
    await run_out(house, session_id)
    question = await asked(house, run_id)
    if survives:
        await restart(house, probe)
    probe.go.set()
    assert (await asked(house, run_id)).id == question.id
    await allow_more(house, run_id)
    done = await house.run(run_id, "completed", "failed")

    assert done.error is None
    assert done.result is not None
    assert done.result["said"] == ["a is there", "b is there"]
    assert sorted(probe.looked) == ["a", "a", "b", "b"]
    assert [r["ok"] for r in await results(house, session_id)].count(False) == 2
    assert (await house.types(session_id)).count("approval_request") == 1


async def test_a_command_of_a_mode_that_is_broken_off_is_asked_about(house: House, probe: Probe) -> None:
    async def body(ctx: RunContext) -> dict[str, Any]:
        return {"said": await ctx.tool("ring", bell="big")}

    run_id, session_id = await begin(house, probe, body)
    await house.until(lambda: probe.rung == ["big"])
    await run_out(house, session_id)
    await allow_more(house, run_id)
    question = await asked(house, run_id)
    assert question.request_data["outcome"] == "unknown"
    probe.go.set()
    await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution="retry")
    done = await house.run(run_id, "completed", "failed")
    assert done.result is not None
    assert done.result["said"] == "big rang"


async def test_more_time_given_meanwhile_lets_a_call_go_on(house: House, probe: Probe) -> None:
    give(house, probe)
    session, run = await house.submit("one-shot", use("look", at="it"))
    await house.until(lambda: probe.looked == ["it"])
    await house.app.sessions.update(
        LOCAL_ACTOR, session.id, patch={"resource_limits": {"max_seconds": 10_000}}
    )
    probe.go.set()
    await house.run(run.id, "completed")
    assert (await results(house, session.id))[0]["ok"] is True


async def test_a_cost_limit_that_a_model_without_a_price_never_reaches_says_so_once(house: House) -> None:
    session_id, run_id = await start(house, {"max_cost_usd": 0.01})
    await house.run(run_id, "completed")

    assert len(house.provider.calls) > 1
    events = await house.app.history.events(LOCAL_ACTOR, session_id, limit=1000, types=["error"])
    (said,) = [e.payload for e in events]
    assert said["code"] == "cost-limit-unpriced"
    assert "cost limit of this session cannot be kept: model test is unpriced" in said["message"]


async def begin(
    house: House, probe: Probe, body: Callable[[RunContext], Awaitable[dict[str, Any]]]
) -> tuple[str, str]:
    house.modes = ModeRegistry({"inline": mode_of(body, consents=frozenset({ToolCategory.SHELL}))})
    await restart(house, probe)
    session, run = await house.submit("inline", "Do it")
    return run.id, session.id


async def test_a_call_is_not_broken_off_because_the_clock_could_not_be_looked_at(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    time_left_in = budgets.time_left_in

    def sometimes_away(tx: Tx, run_id: str) -> float | None:
        looks.append(run_id)
        if len(looks) == 2:  # the first while the call is under way
            raise StorageUnavailable("The database cannot be used now.")
        return time_left_in(tx, run_id)

    monkeypatch.setattr(budgets, "time_left_in", sometimes_away)
    house.provider.hold()
    _, run = await house.submit("one-shot")
    await house.held()
    await house.until(lambda: len(looks) >= 2)
    await asyncio.sleep(0.05)  # what would break the call off does so at once
    house.provider.release()

    assert (await house.run(run.id, "completed", "failed")).status == "completed"
    assert len(house.provider.calls) == 1
