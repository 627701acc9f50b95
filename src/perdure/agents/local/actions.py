"""A wrapper that gives a small model reliable tool calls and structured output."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from perdure.agents.local.turns import Turn, plan_turn, read_answer_so_far, read_reply

_ANSWER_PART = "answer"


class ActionModel(WrapperModel):
    """Hold every machine-read reply of the wrapped model to a grammar; free text passes through untouched.

    The wrapped model must speak to a llama.cpp server, which takes the grammar in the request's body. An
    answer streams as it is written, also when it comes inside an action.
    """

    def __init__(self, wrapped: Model, *, max_calls: int) -> None:
        super().__init__(wrapped)
        self.max_calls = max_calls

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        turn = plan_turn(messages, model_settings, model_request_parameters, max_calls=self.max_calls)
        return read_reply(turn, await self.wrapped.request(turn.messages, turn.settings, turn.parameters))

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        turn = plan_turn(messages, model_settings, model_request_parameters, max_calls=self.max_calls)
        opened = self.wrapped.request_stream(turn.messages, turn.settings, turn.parameters, run_context)
        async with opened as stream:
            yield _ActionStream(model_request_parameters, turn, stream)


@dataclass
class _ActionStream(StreamedResponse):
    """Read a stream of JSON text as what it stands for while it arrives."""

    turn: Turn
    source: StreamedResponse
    _reply: str = field(default="", init=False)

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        told = 0
        text_delta = self._parts_manager.handle_text_delta
        async for event in self.source:
            delta = _text_in(event)
            if not delta:
                continue
            self._reply += delta
            if not self.turn.is_action:
                for each in text_delta(vendor_part_id=_ANSWER_PART, content=delta):
                    yield each
                continue
            answer = read_answer_so_far(self.turn, self._reply)
            if len(answer) > told:
                new, told = answer[told:], len(answer)
                for each in text_delta(vendor_part_id=_ANSWER_PART, content=new):
                    yield each
        end = self.source.get()
        self.finish_reason = end.finish_reason
        self.provider_response_id = end.provider_response_id
        self.provider_details = end.provider_details
        if not self.turn.is_action:
            return
        whole = read_reply(self.turn, end)
        self.finish_reason = whole.finish_reason
        for part in whole.parts:
            if isinstance(part, TextPart):
                if new := part.content[told:]:
                    for each in self._parts_manager.handle_text_delta(
                        vendor_part_id=_ANSWER_PART, content=new
                    ):
                        yield each
            else:
                yield self._parts_manager.handle_part(vendor_part_id=None, part=part)

    async def close_stream(self) -> None:
        await self.source.cancel()

    @property
    def usage(self) -> RequestUsage:
        return self.source.usage

    @property
    def model_name(self) -> str:
        return self.source.model_name

    @property
    def provider_name(self) -> str | None:
        return self.source.provider_name

    @property
    def provider_url(self) -> str | None:
        return self.source.provider_url

    @property
    def timestamp(self) -> datetime:
        return self.source.timestamp


def _text_in(event: ModelResponseStreamEvent) -> str:
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return ""
