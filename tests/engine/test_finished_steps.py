"""A finished step is not carried out again: not in another attempt, and not when its run is replayed."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.modes.contract import ApprovalType, Question, Resolution, RunContext, StepFailed, StepSpec
from perdure.modes.registry import ModeRegistry
from tests.engine.asking import answer, answer_all, asked
from tests.engine.conftest import House
from tests.engine.test_run_context import mode_of, restart
from tests.engine.test_tools import Probe, use


@pytest.fixture
def probe() -> Probe:
    return Probe()


async def test_what_a_body_does_itself_is_done_once_and_gives_the_same(house: House, probe: Probe) -> None:
    """Questions and turns are numbered on where they were: what was answered is not asked again."""
    done: list[str] = []

    async def body(ctx: RunContext) -> dict[str, Any]:
        async def work() -> dict[str, Any]:
            seen = await ctx.tool("look", at="it")
            await ctx.tool("ring", bell="first")
            reply = await ctx.agent("engineer", f"Look around {use('look', at='that')}", tools=True)
            done.append("worked")  # after the last question, for which the body has to begin again
            return {"time": len(done), "seen": seen, "text": reply.text}

        async def ring() -> str:
            await ctx.agent("engineer", use("ask_them", question="Which bell?"), tools=True)
            return await ctx.tool("ring", bell="big")

        first = await ctx.step(StepSpec(key="work", name="Work", phase="execution"), work)
        await ctx.ask(Question("go", ApprovalType.QUESTION, "Go on?", options=[Resolution.CONTINUE]))
        rung = await ctx.step(StepSpec(key="ring", name="Ring", phase="execution"), ring)
        await ctx.ask(Question("end", ApprovalType.QUESTION, "End?", options=[Resolution.CONTINUE]))
        return {"first": first, "rung": rung}

    house.modes = ModeRegistry({"inline": mode_of(body)})
    await restart(house, probe)
    session, run = await house.submit("inline", "Do it")
    await answer_all(house, run.id, "approve", "continue")
    await answer(house, run.id, "answer", answer="The big one")
    await answer(house, run.id, "approve")
    assert (await asked(house, run.id)).key == "end"
    await restart(house, probe)
    await answer(house, run.id, "continue")
    ended = await house.run(run.id, "completed", "failed")

    assert ended.result is not None, ended.error
    assert ended.result["first"]["time"] == 1
    assert ended.result["rung"] == "big rang"
    assert (done, probe.looked, probe.rung) == (["worked"], ["it", "that"], ["first", "big"])
    assert (await house.types(session.id)).count("approval_request") == 5
    assert await house.steps(session.id, "step_started") == ["work", "ring"]
    stored = {s.key: s.checkpoint for s in await house.app.runs.steps(LOCAL_ACTOR, session.id)}
    assert stored["work"] == ended.result["first"]


async def test_one_that_failed_first_fails_again_and_then_gives_what_it_gave(
    house: House, probe: Probe
) -> None:
    done: list[str] = []

    async def body(ctx: RunContext) -> dict[str, Any]:
        async def work() -> int:
            done.append("worked")
            if (await ctx.variables()).get("tried") is None:
                await ctx.set_variables(tried=True)
                raise StepFailed("Not this time.")
            return len(done)

        spec = StepSpec(key="work", name="Work", phase="execution")
        tries = 0
        while True:
            tries += 1
            try:
                found = await ctx.step(spec, work)
                break
            except StepFailed:
                continue
        await ctx.ask(Question("go", ApprovalType.QUESTION, "Go on?", options=[Resolution.CONTINUE]))
        return {"found": found, "tries": tries}

    house.modes = ModeRegistry({"inline": mode_of(body)})
    await restart(house, probe)
    session, run = await house.submit("inline", "Do it")
    await asked(house, run.id)
    assert done == ["worked"] * 2
    await restart(house, probe)
    await answer(house, run.id, "continue")
    ended = await house.run(run.id, "completed", "failed")

    assert ended.result == {"summary": "done", "found": 2, "tries": 2}, ended.error
    assert done == ["worked"] * 3, "what failed is not finished, and its body is not skipped"
    types = await house.types(session.id)
    assert (types.count("step_failed"), types.count("step_completed")) == (1, 1)
