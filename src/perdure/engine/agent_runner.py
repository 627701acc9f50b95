"""Running one agent inside a run: its model calls in the ledger, its words streamed, its tools logged."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_ai import Agent, UsageLimits
from pydantic_ai import RunContext as AgentContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelAPIError,
    ModelHTTPError,
    UnexpectedModelBehavior,
    UserError,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.usage import RequestUsage

from perdure.agents.models import LOCAL
from perdure.agents.prices import LOCAL_PRICES, price_call
from perdure.agents.profiles import ModelProfile
from perdure.agents.roles import Role
from perdure.core.clock import utc_now
from perdure.core.costs import CostRecord, MadeCall
from perdure.core.events import NewEvent, ToolCall, ToolResult
from perdure.core.limits import LimitState
from perdure.core.text import storable
from perdure.engine.agent_tools import CallId
from perdure.engine.durability import PerdureDurability
from perdure.engine.limits import LimitKeeper, TimeSpent
from perdure.engine.operations import Operations, Stopwatch
from perdure.engine.tool_deps import ToolDeps
from perdure.engine.tool_gate import BrokenOff, Call, OutcomeUnknown, ToolGate, current_call
from perdure.ids import new_id
from perdure.live.deltas import Deltas
from perdure.modes.contract import ModelCallFailed, Reply, Said
from perdure.redaction import redactor
from perdure.services import tool_steps
from perdure.services.conversation import message_event
from perdure.store.transaction import Tx

Output = TypeVar("Output")

_RESULT_SHOWN = 4_000
_BROKEN_OFF = "perdure:broken-off"
"""The one key of the record of a call that the end of the run's time broke off."""
_OUTPUT_TOOL = "final_result"
"""How pydantic-ai names the call by which a model hands over structured output: an answer, not a tool."""


@dataclass
class AgentRunner:
    """One agent at work inside one step. Not shared between steps."""

    operations: Operations
    deltas: Deltas
    role: Role
    model: Model
    model_name: str
    profile: ModelProfile
    instructions: str
    step_id: str | None
    hop_id: str | None
    turn: str
    """Names this use of an agent inside its run and attempt."""
    say: bool
    gate: ToolGate
    limits: LimitKeeper
    more: Sequence[AbstractCapability[Any]] = ()
    _message_id: str | None = field(default=None)

    async def run(
        self,
        prompt: str,
        *,
        output: type[Any] | None,
        toolsets: Sequence[AbstractToolset[Any]],
        history: Sequence[Said],
        deps: ToolDeps,
        max_tokens: int | None,
        max_rounds: int,
    ) -> Reply:
        """Let the agent work on the prompt until it answers.

        Raises:
            ModelCallFailed: when the provider fails, or the answer never takes the shape asked for.
        """
        agent: Agent[ToolDeps, Any] = Agent(
            self.model,
            name=self.role.id,
            instructions=self.instructions,
            deps_type=ToolDeps,
            output_type=output or str,
            toolsets=toolsets,
            capabilities=[*self.more, PerdureDurability(self, event_stream_handler=self._stream)],
            model_settings=_settings(self.profile, max_tokens),
            # What a tool refuses is told and weighed; only rounds and limits bound how often an agent is refused.
            retries={"tools": max_rounds, "output": 2},
        )
        try:
            # Whatever ends first, errors come in the order of the calls: a replay meets the same one.
            with agent.parallel_tool_call_execution_mode("parallel_ordered_events"):
                result = await agent.run(
                    prompt,
                    message_history=_recalled(history),
                    deps=deps,
                    usage_limits=UsageLimits(request_limit=max_rounds),
                    run_id=self.turn,
                    conversation_id=self.operations.run.session_id,
                )
        except (ModelAPIError, UnexpectedModelBehavior, AgentRunError, UserError) as error:
            raise ModelCallFailed(
                f"{self.model_name} did not answer as needed: {redactor.text(str(error))}",
                model=self.model_name,
            ) from error
        last = next((m for m in reversed(result.new_messages()) if isinstance(m, ModelResponse)), None)
        text = result.output if isinstance(result.output, str) else ""
        return Reply(result.output, text, last.finish_reason if last is not None else None)

    async def model_request(self, name: str, body: Callable[[], Awaitable[Any]]) -> Any:
        """Make one model call as a durable operation: ledger row before, usage and events after."""
        run, tries = self.operations.run, count(1)

        async def call(step_number: int) -> dict[str, Any]:
            reached = await self.limits.reached()
            if reached is not None:
                return {"limit": reached.model_dump()}
            call_id = str(MadeCall(run.id, run.attempt, step_number, run.fence, next(tries)))
            self._message_id = new_id() if self.say else None
            await self.operations.progress.open_call(run, self._begun(call_id))
            watch = Stopwatch()
            try:
                out = _recordable(await self.limits.within_time(body))
            except TimeSpent as spent:
                return {"limit": spent.state.model_dump()}
            except (ModelAPIError, UserError) as error:
                return {
                    "failed": redactor.text(_sentence(error)),
                    "call_id": call_id,
                    "duration_ms": watch.ms(),
                }
            finally:
                if self._message_id is not None:
                    self.deltas.end(run.session_id, self._message_id)
            return {
                "out": out,
                "call_id": call_id,
                "message_id": self._message_id,
                "duration_ms": watch.ms(),
            }

        while True:
            record, number = await self.operations.recorded(name, call)
            if "limit" not in record:
                break
            await self.limits.ask(LimitState.model_validate(record["limit"]), number)
        if "failed" in record:
            raise ModelCallFailed(f"{self.model_name}: {record['failed']}", model=self.model_name)
        await self._settle(record, number)
        return record["out"]

    async def other(self, name: str, body: Callable[[], Awaitable[Any]]) -> Any:
        """Carry out a tool call, or the like, as a durable operation.

        Raises:
            OutcomeUnknown: when the call is no repeatable one and was cut off by a crash.
            BrokenOff: when the run's time ended first; the agent is asked next, and its limit before that.
        """
        call = current_call.get()

        async def result() -> Any:
            return _recordable(await (body() if call is None else self.limits.within_time(body)))

        async def repeatable(_number: int) -> Any:
            try:
                return await result()
            except TimeSpent as spent:
                return {_BROKEN_OFF: str(spent)}

        if call is None or call.repeatable:
            drawn = call.drawn.pop() if call and call.drawn else None
            out, _ = await self.operations.recorded_now(name, repeatable, drawn)
            broken_off = _broken_off(out)
            if broken_off is not None:
                raise BrokenOff(broken_off)
            return out
        record, _ = await self.operations.recorded_now(
            name, lambda number: self.gate.carried_out(call, number, result)
        )
        if "broken_off" in record:
            raise BrokenOff(record["broken_off"])
        if "unknown" in record:
            raise OutcomeUnknown
        return record["out"]

    async def tool_began(self, call_id: CallId, call: Call) -> None:
        """Note the call as a tool step of the hop that is being carried out."""
        run, hop_id = self.operations.run, self.hop_id
        if hop_id is None:
            return
        await self.operations.progress.write(
            run,
            lambda tx: tool_steps.begin_in(
                tx,
                run,
                hop_id,
                self._key(call_id),
                call.tool,
                call.arguments,
                step_id=self.step_id,
                call_id=call_id.given,
            ),
        )

    async def tool_edited(self, call_id: CallId, call: Call) -> None:
        """Write into the tool step what is called in place of what the agent wanted."""
        run, hop_id, key = self.operations.run, self.hop_id, self._key(call_id)
        if hop_id is not None:
            shown = redactor.value(call.arguments, shapes=False)
            await self.operations.progress.write(
                run, lambda tx: tool_steps.edit_in(tx, run, hop_id, key, shown)
            )

    async def tool_ended(self, call_id: CallId, call: Call, ok: bool, result: str, duration_ms: int) -> None:
        """Log a tool's answer, once."""
        run, hop_id = self.operations.run, self.hop_id
        shown, key = redactor.text(result[: 2 * _RESULT_SHOWN])[:_RESULT_SHOWN], self._key(call_id)
        data = ToolResult(
            call_id=call_id.given,
            tool=call.tool,
            agent=self.role.id,
            ok=ok,
            result=shown,
            duration_ms=duration_ms,
        )
        event = NewEvent.of(data, run_id=run.id, step_id=self.step_id, dedupe=f"{run.id}:{key}:result")

        def change(tx: Tx) -> None:
            if hop_id is not None:
                tool_steps.end_in(
                    tx,
                    run,
                    hop_id,
                    key,
                    ok=ok,
                    result=shown if ok else None,
                    error=None if ok else {"message": shown},
                )
            tx.append(run.session_id, event)

        await self.operations.progress.write(run, change)

    def _key(self, call_id: CallId) -> str:
        return f"{self.operations.run.attempt}:{self.turn}:{call_id.answer}:{call_id.given}"

    async def _stream(self, _ctx: AgentContext[Any], events: AsyncIterable[Any]) -> None:
        session_id = self.operations.run.session_id
        started, pieces = False, redactor.pieces()
        async for event in events:
            if self._message_id is None:
                continue
            text = ""
            if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                text = event.part.content
            elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                text = event.delta.content_delta
            if not text:
                continue
            if not started:
                self.deltas.begin(
                    session_id, self._message_id, run_id=self.operations.run.id, agent=self.role.id
                )
                started = True
            self.deltas.append(session_id, self._message_id, pieces.add(text))
        if self._message_id is not None:
            self.deltas.append(session_id, self._message_id, pieces.end())

    async def _settle(self, record: dict[str, Any], number: int) -> None:
        run = self.operations.run
        response = _response(record["out"])
        usage = response.usage if response is not None else RequestUsage()
        model = (response.model_name if response else None) or self.model_name
        provider = response.provider_name if response else None
        price = price_call(model, usage, provider=provider)
        entry = self._record(
            record["call_id"],
            model=model,
            provider=provider,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cache_read_tokens,
            cost_usd_micros=price.usd_micros,
            price_version=price.version,
            duration_ms=record["duration_ms"],
        )
        events = self._events(response, record.get("message_id"), number) if response is not None else []
        await self.operations.progress.finish_call(run, entry, events)

    def _events(self, response: ModelResponse, message_id: str | None, number: int) -> list[NewEvent]:
        run = self.operations.run
        key = f"{run.id}:{run.attempt}:{number}"
        text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
        found: list[NewEvent] = []
        if message_id is not None and text.strip():
            found.append(
                message_event(
                    "assistant",
                    text,
                    agent=self.role.id,
                    message_id=message_id,
                    run_id=run.id,
                    step_id=self.step_id,
                    dedupe=f"{key}:message",
                )
            )
        for part in response.parts:
            if isinstance(part, ToolCallPart) and not part.tool_name.startswith(_OUTPUT_TOOL):
                arguments = part.args_as_dict()
                data = ToolCall.of(part.tool_call_id, part.tool_name, arguments, agent=self.role.id)
                found.append(
                    NewEvent.of(
                        data, run_id=run.id, step_id=self.step_id, dedupe=f"{key}:{part.tool_call_id}:call"
                    )
                )
        return found

    def _begun(self, call_id: str) -> CostRecord:
        """Return the ledger row of a call that has started: its cost is unknown, unless the model is ours."""
        if self.model_name.startswith(LOCAL):
            return self._record(call_id, finished=False, cost_usd_micros=0, price_version=LOCAL_PRICES)
        return self._record(call_id, finished=False)

    def _record(self, call_id: str, **values: Any) -> CostRecord:
        run = self.operations.run
        fields: dict[str, Any] = {"model": self.model_name, **values}
        return CostRecord(
            id=new_id(),
            call_id=call_id,
            session_id=run.session_id,
            run_id=run.id,
            step_id=self.step_id,
            agent=self.role.id,
            created_at=utc_now(),
            **fields,
        )


def _recalled(history: Sequence[Said]) -> list[ModelMessage] | None:
    """Return the conversation as the agent is reminded of it."""
    found: list[ModelMessage] = []
    for said in history:
        if said.role == "assistant":
            found.append(ModelResponse(parts=[TextPart(said.text)]))
        elif said.role == "user":
            found.append(ModelRequest(parts=[UserPromptPart(said.text)]))
    return found or None


def _broken_off(out: Any) -> str | None:
    return cast("dict[str, Any]", out).get(_BROKEN_OFF) if isinstance(out, dict) else None


def _recordable(value: Any) -> Any:
    """Return a value as it is recorded and shown to models: a secret that somebody said back is masked."""
    return redactor.value(storable(value), shapes=False)


def _sentence(error: Exception) -> str:
    """Return what the provider said for people; the whole of it stays in the log."""
    if isinstance(error, ModelHTTPError):
        fields: dict[str, Any] = {}
        if isinstance(error.body, dict):
            fields = cast("dict[str, Any]", error.body)
        said = fields.get("message") or fields.get("error") or error.message
        return f"the provider answered {error.status_code}: {said}"
    return str(error)


def _settings(profile: ModelProfile, max_tokens: int | None) -> ModelSettings:
    settings = ModelSettings(max_tokens=max_tokens or profile.step_max_tokens)
    if profile.constrained:
        settings["temperature"] = 0.0
    return settings


def _response(out: Any) -> ModelResponse | None:
    payload = cast("dict[str, Any]", out).get("response", out) if isinstance(out, dict) else out
    try:
        return _responses().validate_python(payload)
    except ValidationError:
        return None


@cache
def _responses() -> TypeAdapter[ModelResponse]:
    return TypeAdapter(ModelResponse)  # takes tens of milliseconds to build
