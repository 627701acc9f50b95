"""What a mode gets from its run context: tools, memory, and the same results when it is run again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.tools import ToolCategory
from perdure.modes.contract import (
    ApprovalType,
    Mode,
    ModeConfig,
    ModeSpec,
    NotJson,
    Question,
    Resolution,
    RunContext,
    Said,
    StepSpec,
    ToolCallFailed,
    ToolUse,
)
from perdure.modes.registry import ModeRegistry
from tests.engine.conftest import House
from tests.engine.test_tools import Probe, give

Body = Callable[[RunContext], Awaitable[dict[str, Any]]]


def mode_of(body: Body, *, consents: frozenset[ToolCategory] = frozenset()) -> type[Mode]:
    class Inline:
        spec: ClassVar[ModeSpec] = ModeSpec(
            id="inline",
            label="Inline",
            description="Runs what a test gives it.",
            icon="bolt",
            supports_resume=True,
            supports_hitl=True,
            config_model=ModeConfig,
            stays_active=True,
            consents=consents,
        )

        async def run(self, ctx: RunContext) -> dict[str, Any]:
            return {"summary": "done", **await body(ctx)}

    return Inline


async def restart(house: House, probe: Probe) -> None:
    await house.app.stop()
    await house.start()
    give(house, probe)


async def run_to_end(house: House, probe: Probe, body: Body, **spec: Any) -> dict[str, Any]:
    house.modes = ModeRegistry({"inline": mode_of(body, **spec)})
    await restart(house, probe)
    _, run = await house.submit("inline", "Do it")
    done = await house.run(run.id, "completed", "failed", "waiting")
    assert done.status == "completed", done.error
    assert done.result is not None
    return done.result


@pytest.fixture
def probe() -> Probe:
    return Probe()


class TestTools:
    async def test_a_result_comes_back_and_the_call_is_logged(self, house: House, probe: Probe) -> None:
        async def body(ctx: RunContext) -> dict[str, Any]:
            return {"said": await ctx.tool("look", at="it")}

        result = await run_to_end(house, probe, body)
        assert result["said"] == "it is there"
        (session,) = (await house.app.sessions.list(LOCAL_ACTOR, _all())).sessions
        types = await house.types(session.session.id)
        assert [t for t in types if t.startswith("tool_")] == ["tool_call", "tool_result"]

    @pytest.mark.parametrize(
        ("tool", "arguments", "said"),
        [
            ("lokk", {"at": "it"}, "did you mean look"),
            ("look", {"where": "it"}, "do not fit"),
            ("read_file", {"path": "missing.md"}, "missing.md"),
            ("ring", {"bell": "big"}, "denied"),
        ],
    )
    async def test_a_failure_says_why(
        self, house: House, probe: Probe, tool: str, arguments: dict[str, Any], said: str
    ) -> None:
        async def body(ctx: RunContext) -> dict[str, Any]:
            with pytest.raises(ToolCallFailed, match=said):
                await ctx.tool(tool, **arguments)
            return {}

        house.modes = ModeRegistry({"inline": mode_of(body)})
        await restart(house, probe)
        _, run = await house.submit("inline", "Do it", tool_permissions={"shell": "deny"})
        done = await house.run(run.id, "completed", "failed")
        assert done.status == "completed", done.error
        assert probe.rung == []

    async def test_choosing_the_mode_consents_to_what_it_says(self, house: House, probe: Probe) -> None:
        async def body(ctx: RunContext) -> dict[str, Any]:
            return {"said": await ctx.tool("ring", bell="big")}

        result = await run_to_end(house, probe, body, consents=frozenset({ToolCategory.SHELL}))
        assert result["said"] == "big rang"

    async def test_side_by_side_in_order_and_one_fails_alone(self, house: House, probe: Probe) -> None:
        async def body(ctx: RunContext) -> dict[str, Any]:
            uses = [ToolUse("look", {"at": str(n)}) for n in range(6)]
            uses.insert(2, ToolUse("look", {"wrong": 1}))
            outcomes = await ctx.tools(uses, at_once=3)
            return {"ok": [o.ok for o in outcomes], "said": [o.result for o in outcomes]}

        result = await run_to_end(house, probe, body)
        assert result["ok"] == [True, True, False, True, True, True, True]
        assert result["said"][0] == "0 is there"
        assert result["said"][6] == "5 is there"

    async def test_a_pause_in_a_batch_ends_what_began_and_repeats_none(
        self, house: House, probe: Probe
    ) -> None:
        async def body(ctx: RunContext) -> dict[str, Any]:
            outcomes = await ctx.tools([ToolUse("look", {"at": str(n)}) for n in range(8)], at_once=2)
            return {"said": [o.result for o in outcomes]}

        house.modes = ModeRegistry({"inline": mode_of(body)})
        await restart(house, probe)
        probe.go.clear()
        session, run = await house.submit("inline", "Do it")
        await house.until(lambda: len(probe.looked) == 2)
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id)
        probe.go.set()
        await house.run(run.id, "paused")
        assert len(probe.looked) == 2

        await restart(house, probe)
        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        done = await house.run(run.id, "completed")
        assert done.result is not None
        assert done.result["said"] == [f"{n} is there" for n in range(8)]
        assert sorted(probe.looked) == [str(n) for n in range(8)]


class TestMemory:
    async def test_a_run_recalls_what_was_said_before_it(self, house: House, probe: Probe) -> None:
        heard: list[list[tuple[str, str]]] = []

        async def body(ctx: RunContext) -> dict[str, Any]:
            heard.append([(said.role, said.text) for said in await ctx.history()])
            await ctx.say(f"You said: {ctx.task}", key="reply")
            return {}

        house.modes = ModeRegistry({"inline": mode_of(body)})
        await restart(house, probe)
        session, first = await house.submit("inline", "One")
        await house.run(first.id, "completed")
        second = await house.app.runs.start(LOCAL_ACTOR, session.id, "Two")
        assert second.run is not None
        await house.run(second.run.id, "completed")

        assert heard == [[], [("user", "One"), ("assistant", "You said: One")]]

    async def test_an_agent_is_reminded_of_what_it_is_given(self, house: House, probe: Probe) -> None:
        async def body(ctx: RunContext) -> dict[str, Any]:
            said = [Said("user", "My name is Ada."), Said("assistant", "Good day, Ada.")]
            reply = await ctx.agent("engineer", "What is my name?", history=said)
            return {"text": reply.text}

        await run_to_end(house, probe, body)
        roles = [m["role"] for m in house.provider.calls[-1].messages if m["role"] != "system"]
        assert roles == ["user", "assistant", "user"]
        assert "Good day, Ada." in house.provider.calls[-1].text

    async def test_variables_are_kept_merged_and_removed(self, house: House, probe: Probe) -> None:
        async def body(ctx: RunContext) -> dict[str, Any]:
            await ctx.set_variables(colour="blue", size=3)
            await ctx.set_variables(size=None)
            return {"found": await ctx.variables()}

        result = await run_to_end(house, probe, body)
        assert result["found"] == {"colour": "blue"}

    async def test_a_replay_gets_the_same_answers_again(self, house: House, probe: Probe) -> None:
        async def body(ctx: RunContext) -> dict[str, Any]:
            await ctx.write_file("a.txt", "first")
            before = await ctx.read_file("a.txt")
            files = await ctx.files()
            await ctx.tool("look", at="it")
            await ctx.ask(
                Question(key="go", type=ApprovalType.QUESTION, title="Go on?", options=[Resolution.CONTINUE])
            )
            return {"before": before, "files": files}

        house.modes = ModeRegistry({"inline": mode_of(body)})
        await restart(house, probe)
        session, run = await house.submit("inline", "Do it")
        await house.run(run.id, "waiting")
        house.app.files.workspace(session.id).write("a.txt", "changed by somebody")
        house.app.files.workspace(session.id).write("b.txt", "new")
        await restart(house, probe)
        (question,), _ = await house.app.approvals.list(LOCAL_ACTOR)
        await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution="continue")
        done = await house.run(run.id, "completed")

        assert done.result == {"summary": "done", "before": "first", "files": ["a.txt"]}
        assert probe.looked == ["it"]


class TestValuesThatAreNotJson:
    async def test_a_step_that_returns_one_fails_at_once_and_says_where(
        self, house: House, probe: Probe
    ) -> None:
        async def places() -> dict[str, Any]:
            return {"places": [{"at": (52, 13)}]}

        async def body(ctx: RunContext) -> dict[str, Any]:
            return {"found": await ctx.step(StepSpec(key="look", name="Look", phase="execution"), places)}

        house.modes = ModeRegistry({"inline": mode_of(body)})
        await restart(house, probe)
        session, run = await house.submit("inline", "Do it")
        failed = await house.run(run.id, "failed", "completed")

        assert failed.error is not None
        assert failed.error["code"] == "not-json"
        assert "['places'][0]['at'] is a tuple" in failed.error["message"]
        assert await house.steps(session.id, "step_failed") == ["look"]
        assert await house.steps(session.id, "step_completed") == []

    async def test_so_does_what_is_remembered_asked_about_or_given_to_a_tool(
        self, house: House, probe: Probe
    ) -> None:
        async def body(ctx: RunContext) -> dict[str, Any]:
            with pytest.raises(NotJson, match=r"'colours'.* is a set"):
                await ctx.set_variables(colours={"blue"})
            with pytest.raises(NotJson, match="is a set"):
                await ctx.ask(Question("q", ApprovalType.QUESTION, "Which?", {"of": {"a"}}))
            with pytest.raises(NotJson, match=r"look is called with .*'at'.* is a tuple"):
                await ctx.tool("look", at=("a", "b"))
            return {"kept": await ctx.variables()}

        assert (await run_to_end(house, probe, body))["kept"] == {}
        assert probe.looked == []


def _all() -> Any:
    from perdure.store.sessions import SessionQuery

    return SessionQuery()
