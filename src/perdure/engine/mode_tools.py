"""Tools as a mode calls them: by name, one after another or side by side."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_ai import RunContext as AgentContext
from pydantic_ai.exceptions import CallDeferred, ModelRetry, ToolFailed
from pydantic_ai.models import Model
from pydantic_ai.usage import RunUsage

from perdure.agents.tools.box import ToolBox, ToolGroup
from perdure.agents.tools.tool import Tool
from perdure.core.events import NewEvent, ToolCall, ToolResult
from perdure.core.tools import ToolCategory
from perdure.engine.limits import LimitKeeper, TimeSpent
from perdure.engine.operations import Operations, Stopwatch
from perdure.engine.tool_deps import ToolDeps
from perdure.engine.tool_gate import Call, CallRefused, ToolGate
from perdure.errors import PerdureError
from perdure.modes.contract import NotJson, ToolCallFailed, ToolOutcome, ToolUse
from perdure.redaction import redactor

_RESULT_SHOWN = 4_000


@dataclass(frozen=True)
class ModeTools:
    """The tool calls of one mode in one execution of a run."""

    operations: Operations
    box: ToolBox
    gate: ToolGate
    consents: frozenset[ToolCategory]
    model: Model
    limits: LimitKeeper

    async def call(self, use: ToolUse, deps: ToolDeps) -> Any:
        """Call a tool and return its result.

        Raises:
            ToolCallFailed: when it fails, is refused, or the arguments do not fit it.
        """
        (outcome,) = await self.call_each([use], deps, 1)
        if not outcome.ok:
            raise ToolCallFailed(outcome.error or f"{use.tool} failed.", tool=use.tool)
        return outcome.result

    async def call_each(self, uses: Sequence[ToolUse], deps: ToolDeps, at_once: int) -> list[ToolOutcome]:
        """Call tools side by side; outcomes in the order of `uses`."""
        planned = [await self._admitted(use) for use in uses]
        admitted = [call for call in planned if isinstance(call, Call)]
        records = await self.operations.recorded_each(
            "tool", [self._body(call, deps) for call in admitted], at_once
        )
        settled: list[ToolOutcome] = []
        for call, record in zip(admitted, records, strict=True):
            settled.append(await self._settled(call, record, deps))
        known = iter(settled)
        return [item if isinstance(item, ToolOutcome) else next(known) for item in planned]

    async def _admitted(self, use: ToolUse) -> Call | ToolOutcome:
        tool, _ = self._find(use.tool)
        NotJson.check(f"What {use.tool} is called with", use.arguments)
        call = Call(use.tool, use.arguments, tool.category, tool.repeatable)
        try:
            return await self.gate.admit(call, consented=self.consents)
        except CallRefused as refusal:
            return ToolOutcome(False, error=str(refusal))

    def _body(self, call: Call, deps: ToolDeps) -> Any:
        async def body(number: int) -> dict[str, Any]:
            run, key = self.operations.run, f"{self.operations.run.id}:{self.operations.run.attempt}:{number}"
            began = ToolCall.of(key, call.tool, redactor.value(call.arguments, shapes=False))
            await self.operations.progress.log(
                run, NewEvent.of(began, run_id=run.id, step_id=deps.step_id, dedupe=f"{key}:call")
            )
            watch = Stopwatch()
            try:
                await self.gate.hold_to_approval(call)
            except CallRefused as refusal:
                return {"out": {"ok": False, "error": str(refusal)}, "key": key, "duration_ms": watch.ms()}

            async def carry_out() -> Any:
                out = await self.limits.within_time(lambda: self._call(call, deps))
                return redactor.value(out, shapes=False)

            record: dict[str, Any]
            if call.repeatable:
                try:
                    record = {"out": await carry_out()}
                except TimeSpent as spent:
                    record = {"broken_off": str(spent)}
            else:
                record = await self.gate.carried_out(call, number, carry_out)
            return {**record, "key": key, "duration_ms": watch.ms()}

        return body

    async def _call(self, call: Call, deps: ToolDeps) -> dict[str, Any]:
        tool, group = self._find(call.tool)
        try:
            result = await _invoke(group, tool, call.arguments, deps, self.model)
        except (ModelRetry, ToolFailed) as error:
            return {"ok": False, "error": error.message}
        except CallDeferred:
            return {"ok": False, "error": f"{call.tool} is for agents; a mode asks with a question."}
        except PerdureError as error:
            return {"ok": False, "error": error.message}
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors())
            return {"ok": False, "error": f"The arguments do not fit {call.tool}: {wrong}"}
        return {"ok": True, "result": result}

    async def _settled(self, call: Call, record: dict[str, Any], deps: ToolDeps) -> ToolOutcome:
        while "out" not in record:
            if "broken_off" in record:
                await self._log_result(call, record, deps, False, record["broken_off"])
                await self.limits.check(f"tool:{record['key']}")
            if "unknown" in record and not await self.gate.repeat(call):
                record = {
                    **record,
                    "out": {"ok": False, "error": f"It is not known whether {call.tool} ran."},
                }
                break
            (record,) = await self.operations.recorded_each("tool", [self._body(call, deps)], 1)
        out: dict[str, Any] = record["out"]
        shown = out["error"] if not out["ok"] else _shown(out["result"])
        await self._log_result(call, record, deps, out["ok"], str(shown))
        return ToolOutcome(out["ok"], out.get("result"), out.get("error"))

    async def _log_result(
        self, call: Call, record: dict[str, Any], deps: ToolDeps, ok: bool, shown: str
    ) -> None:
        run = self.operations.run
        data = ToolResult(
            call_id=record["key"],
            tool=call.tool,
            ok=ok,
            result=redactor.text(shown[: 2 * _RESULT_SHOWN])[:_RESULT_SHOWN],
            duration_ms=record["duration_ms"],
        )
        event = NewEvent.of(data, run_id=run.id, step_id=deps.step_id, dedupe=f"{record['key']}:result")
        await self.operations.progress.log(run, event)

    def _find(self, name: str) -> tuple[Tool, ToolGroup]:
        found = self.box.find(name)
        if found is None:
            near = difflib.get_close_matches(name, self.box.names, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(self.box.names)}."
            raise ToolCallFailed(f"This server has no tool {name!r}{hint}", tool=name)
        return found


async def _invoke(
    group: ToolGroup, tool: Tool, arguments: dict[str, Any], deps: ToolDeps, model: Model
) -> Any:
    context: AgentContext[Any] = AgentContext(deps=deps, model=model, usage=RunUsage())
    toolset = group.toolset(agents=False)
    offered = (await toolset.get_tools(context))[tool.name]
    checked = offered.args_validator.validate_json(json.dumps(arguments), context=None)
    return await toolset.call_tool(tool.name, checked, context, offered)


def _shown(result: Any) -> str:
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
