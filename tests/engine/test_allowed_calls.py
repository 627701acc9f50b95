"""What a person allowed is what runs: one exact call, however it changes before, after or between restarts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.tools import call_hash
from perdure.engine.tool_gate import Call, ToolGate
from perdure.modes.contract import RunContext, ToolCallFailed
from perdure.modes.registry import ModeRegistry
from tests.engine.asking import answer, mission_of
from tests.engine.conftest import House
from tests.engine.test_run_context import mode_of, restart
from tests.engine.test_tools import Probe, asked, give, results, use


@pytest.fixture
def probe(house: House) -> Probe:
    made = Probe()
    give(house, made)
    return made


def _restart_before_it_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the answer that follows be stored, and nothing more before the next start."""

    async def later(_run_id: str) -> None:
        return None

    monkeypatch.setattr(house.app.engine, "enqueue", later)


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_changed_call_asks_anew(
    house: House, probe: Probe, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    """A mode that does not call the same tool alike each time it is carried out gets no more than was allowed."""
    bells = ["big"]

    async def body(ctx: RunContext) -> dict[str, Any]:
        return {"said": await ctx.tool("ring", bell=bells[-1])}

    house.modes = ModeRegistry({"inline": mode_of(body)})
    await restart(house, probe)
    _, run = await house.submit("inline", "Ring")
    first = await asked(house, run.id)
    bells.append("small")
    if restarted:
        _restart_before_it_goes_on(house, monkeypatch)
    await house.app.approvals.answer(LOCAL_ACTOR, first.id, resolution="approve")
    if restarted:
        assert (await house.app.runs.get(LOCAL_ACTOR, run.id)).status == "queued"
        await restart(house, probe)

    second = await _asked_again(house, run.id, first.id)
    assert second.request_data["arguments"] == {"bell": "small"}
    assert second.request_data["call_hash"] == call_hash("ring", {"bell": "small"})
    assert probe.rung == []
    await house.app.approvals.answer(LOCAL_ACTOR, second.id, resolution="approve")
    done = await house.run(run.id, "completed", "failed")
    assert (done.status, probe.rung) == ("completed", ["small"])


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_the_person_made_of_a_call_runs_and_stands_in_its_tool_step(
    house: House, probe: Probe, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    session, run = await house.submit(approval_mode="after_planning", n_plan_reviews=0)
    plan = [{"name": "Ring", "goal": use("ring", bell="big")}]
    await answer(house, run.id, "modify", modifications=plan)
    question = await asked(house, run.id)
    if restarted:
        _restart_before_it_goes_on(house, monkeypatch)
    await house.app.approvals.answer(
        LOCAL_ACTOR, question.id, resolution="modify", modifications={"arguments": {"bell": "small"}}
    )
    if restarted:
        await restart(house, probe)
    await house.run(run.id, "completed")

    assert probe.rung == ["small"]
    mission = await mission_of(house, session.id)
    assert mission is not None
    (step,) = (await house.app.missions.get(LOCAL_ACTOR, mission.id)).tool_steps
    assert (step.status, step.parameters) == ("completed", {"bell": "small"})


@pytest.mark.parametrize("by_mode", [False, True])
@pytest.mark.parametrize("resolution", ["approve", "modify"])
async def test_another_call_than_the_allowed_one_is_not_made(
    house: House, probe: Probe, monkeypatch: pytest.MonkeyPatch, by_mode: bool, resolution: str
) -> None:
    """The stored answer is compared with the call right before it is made, whatever came between."""
    admit = ToolGate.admit

    async def meddling(self: ToolGate, call: Call, **options: Any) -> Call:
        return replace(await admit(self, call, **options), arguments={"bell": "huge"})

    async def body(ctx: RunContext) -> dict[str, Any]:
        with pytest.raises(ToolCallFailed, match="not the call that was allowed"):
            await ctx.tool("ring", bell="big")
        return {}

    monkeypatch.setattr(ToolGate, "admit", meddling)
    house.modes = ModeRegistry({"inline": mode_of(body)}) if by_mode else None
    await restart(house, probe)
    session, run = await house.submit("inline" if by_mode else "one-shot", use("ring", bell="big"))
    question = await asked(house, run.id)
    edited: dict[str, Any] = {"modifications": {"bell": "small"}} if resolution == "modify" else {}
    await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution=resolution, **edited)
    done = await house.run(run.id, "completed", "failed")

    assert (done.status, done.error, probe.rung) == ("completed", None, [])
    (result,) = await results(house, session.id)
    assert (result["ok"], "not the call that was allowed" in result["result"]) == (False, True)


async def _asked_again(house: House, run_id: str, before: str) -> Any:
    question = await asked(house, run_id)
    assert question.id != before
    return question
