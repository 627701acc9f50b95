"""The action wrapper works through a whole agent, streamed and not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import IncompleteToolCall
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel

from perdure.agents.local.actions import ActionModel

CALL = '{"action": "weather", "args": {"city": "Oslo"}}'
ANSWER = '{"action": "answer", "text": "It is sunny."}'


class Script:
    """A model that says the given texts, one per request."""

    def __init__(self, *texts: str, finish_reason: Any = "stop") -> None:
        self.texts = list(texts)
        self.finish_reason = finish_reason
        self.asked: list[list[ModelMessage]] = []

    def say(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        assert info.function_tools == []
        self.asked.append(messages)
        return ModelResponse(parts=[TextPart(self.texts.pop(0))], finish_reason=self.finish_reason)

    async def stream(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        self.asked.append(messages)
        for character in self.texts.pop(0):
            yield character

    def agent(self, **options: Any) -> Agent[None, Any]:
        wrapped = FunctionModel(self.say, stream_function=self.stream)
        return Agent(ActionModel(wrapped, max_calls=2), **options)


def with_weather(agent: Agent[None, Any]) -> list[str]:
    cities: list[str] = []

    @agent.tool_plain
    def weather(city: str) -> str:  # pyright: ignore[reportUnusedFunction]
        """Say the weather."""
        cities.append(city)
        return "sunny"

    return cities


async def test_calls_the_tool_and_answers() -> None:
    script = Script(CALL, ANSWER)
    agent = script.agent()
    cities = with_weather(agent)

    result = await agent.run("Weather in Oslo?")

    assert (cities, result.output) == (["Oslo"], "It is sunny.")
    assert result.usage.tool_calls == 1


async def test_streams_the_answer_as_it_is_written() -> None:
    script = Script(CALL, ANSWER)
    agent = script.agent()
    cities = with_weather(agent)
    pieces: list[str] = []

    async with agent.run_stream_events("Weather in Oslo?") as events:
        async for event in events:
            if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                pieces.append(event.part.content)
            elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                pieces.append(event.delta.content_delta)

    assert cities == ["Oslo"]
    assert "".join(pieces) == "It is sunny."
    assert len(pieces) > 5


async def test_streams_plain_text_untouched() -> None:
    async with Script('{"action": odd').agent().run_stream("Hi") as stream:
        assert [piece async for piece in stream.stream_text(delta=True, debounce_by=None)] == list(
            '{"action": odd'
        )


async def test_tool_and_structured_output_together() -> None:
    class Report(BaseModel):
        sky: str

    script = Script(CALL, '{"action": "answer", "text": {"sky": "clear"}}')
    wrapped = FunctionModel(
        script.say, profile={"default_structured_output_mode": "native", "supports_json_schema_output": True}
    )
    agent = Agent(ActionModel(wrapped, max_calls=2), output_type=Report)

    @agent.tool_plain
    def weather(city: str) -> str:  # pyright: ignore[reportUnusedFunction]
        return "sunny"

    assert (await agent.run("Weather?")).output == Report(sky="clear")


async def test_a_cut_call_is_refused_not_run() -> None:
    cut = '{"action": "weather", "args": {"city": "Os'
    script = Script(cut, cut, finish_reason="length")
    agent = script.agent()
    cities = with_weather(agent)

    with pytest.raises(IncompleteToolCall):
        await agent.run("Weather?")
    assert cities == []
