"""Tools as an agent of a run meets them: guarded, logged, and kept as tool steps of its hop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from pydantic_ai import RunContext as AgentContext
from pydantic_ai.exceptions import CallDeferred, ToolFailed
from pydantic_ai.toolsets import ToolsetTool, WrapperToolset

from perdure.agents.tools.box import ToolBox, ToolKind
from perdure.core.approvals import ApprovalType, Resolution
from perdure.core.tools import Permission
from perdure.engine.operations import Stopwatch
from perdure.engine.tool_gate import BrokenOff, Call, CallRefused, OutcomeUnknown, ToolGate, current_call
from perdure.modes.contract import Answer, Question

_CUT_OFF = (
    "This call was cut off before, and nothing says whether it took effect. It was decided not to call it "
    "again: look at what is there before you go on."
)


class CallId(NamedTuple):
    """The name of a call. Some providers count anew in each answer, so the answer's number belongs to it."""

    given: str
    answer: int


class ToolLog(Protocol):
    """Where the calls of an agent are noted."""

    async def tool_began(self, call_id: CallId, call: Call) -> None:
        """Note that a call begins; noted before, nothing happens."""
        ...

    async def tool_edited(self, call_id: CallId, call: Call) -> None:
        """Note that a person gave the call other arguments."""
        ...

    async def tool_ended(self, call_id: CallId, call: Call, ok: bool, result: str, duration_ms: int) -> None:
        """Note what a call answered; noted before, nothing happens."""
        ...


@dataclass
class GuardedTools(WrapperToolset[Any]):
    """Wraps one toolset, outside the durable operation of each call, so that a replay logs nothing twice."""

    box: ToolBox
    gate: ToolGate
    log: ToolLog
    ask: Callable[[Question], Awaitable[Answer]]
    agent: str

    async def get_tools(self, ctx: AgentContext[Any]) -> dict[str, ToolsetTool[Any]]:
        found = await super().get_tools(ctx)
        return {name: self._in_turn(tool) for name, tool in found.items()}

    def _in_turn(self, tool: ToolsetTool[Any]) -> ToolsetTool[Any]:
        """Let a tool that may wait for a person run alone: a run leaves memory with nothing in flight."""
        kind = self.box.kind(tool.tool_def.name, tool.tool_def.metadata)
        if not self._is_alone(kind):
            return tool
        return replace(tool, tool_def=replace(tool.tool_def, sequential=True))

    def _is_alone(self, kind: ToolKind) -> bool:
        return kind.asks or self.gate.may_ask(kind.category, kind.repeatable)

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: AgentContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        kind = self.box.kind(name, tool.tool_def.metadata)
        schema = tool.tool_def.parameters_json_schema
        call = Call(name, tool_args, kind.category, kind.repeatable, self.agent, schema)
        if not self._is_alone(kind) and self.gate.permission(kind.category) is not Permission.DENY:
            # Noting that calls begin may end in any order; their numbers have to be those of a replay.
            call.drawn.append(self.gate.operations.draw())
        call_id = CallId(ctx.tool_call_id or name, ctx.run_step)
        watch = Stopwatch()
        await self.log.tool_began(call_id, call)
        try:
            admitted = await self.gate.admit(call)
            if admitted.arguments != call.arguments:
                await self.log.tool_edited(call_id, admitted)
            call = admitted
            result = await self._carried_out(call, ctx, tool)
        except (BrokenOff, CallRefused) as refusal:
            await self.log.tool_ended(call_id, call, False, str(refusal), watch.ms())
            raise ToolFailed(str(refusal)) from None
        except Exception as error:
            await self.log.tool_ended(call_id, call, False, str(error), watch.ms())
            raise
        await self.log.tool_ended(call_id, call, True, str(result), watch.ms())
        return result

    async def _carried_out(self, call: Call, ctx: AgentContext[Any], tool: ToolsetTool[Any]) -> Any:
        while True:
            await self.gate.hold_to_approval(call)
            token = current_call.set(call)
            try:
                return await super().call_tool(call.tool, call.arguments, ctx, tool)
            except OutcomeUnknown:
                if not await self.gate.repeat(call):
                    raise CallRefused(_CUT_OFF) from None
            except CallDeferred:
                return await self._answered(call, ctx)
            finally:
                current_call.reset(token)

    async def _answered(self, call: Call, ctx: AgentContext[Any]) -> str:
        given = call.arguments.get("options")
        options = [str(option) for option in given] if isinstance(given, list) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        choice: dict[str, Any] = {"type": "string"}
        if options:
            choice["examples"] = options
        answer = await self.ask(
            Question(
                key=f"ask:{ctx.run_id}:{ctx.run_step}:{ctx.tool_call_id}:{call.hash[:16]}",
                type=ApprovalType.QUESTION,
                title=str(call.arguments.get("question") or "A question"),
                data={"agent": self.agent, "question": call.arguments.get("question"), "choices": options},
                options=(Resolution.ANSWER, Resolution.REJECT),
                answer_schema=choice,
            )
        )
        if answer.resolution is Resolution.ANSWER:
            return str(answer.answer if answer.answer is not None else answer.feedback or "")
        return f"The person gave no answer. {answer.feedback or 'Go on as well as you can.'}"
