"""The embedded model answers, streams, fills schemas and calls tools."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest
from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import OutputTokenLimitExceeded
from pydantic_ai.messages import ModelRequest, TextPart, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from perdure.agents.local.model import PromptTooLong
from perdure.agents.models import ModelCatalog
from perdure.agents.prices import price_call


class Step(BaseModel):
    name: str = Field(min_length=3, max_length=12)
    kind: Literal["read", "write"]


class Plan(BaseModel):
    steps: list[Step] = Field(min_length=2, max_length=2)


async def test_answers_with_usage_at_no_cost(model: Model) -> None:
    result = await Agent(model).run("Say hello.", model_settings=ModelSettings(max_tokens=12))

    response = result.response
    assert result.output.strip()
    assert 0 < result.usage.output_tokens <= 12
    assert result.usage.input_tokens > 0
    assert (response.provider_name, response.model_name) == ("perdure-local", "smollm2-135m-instruct-q4_1")
    assert (
        price_call(str(response.model_name), response.usage, provider=response.provider_name).usd_micros == 0
    )


async def test_streams_piece_by_piece_with_the_same_usage(model: Model) -> None:
    settings = ModelSettings(max_tokens=16)
    async with Agent(model).run_stream("Count to ten.", model_settings=settings) as stream:
        pieces = [piece async for piece in stream.stream_text(delta=True, debounce_by=None)]
        usage = stream.usage

    assert len(pieces) > 3
    assert 0 < usage.output_tokens <= 16


async def test_an_answer_that_reaches_the_limit_says_so(model: Model) -> None:
    result = await Agent(model).run("Tell a long story.", model_settings=ModelSettings(max_tokens=5))

    assert result.response.finish_reason == "length"


async def test_structured_output_fits_its_schema_at_the_first_try(model: Model) -> None:
    result = await Agent(model, output_type=Plan, retries=0).run("Plan a trip.")

    assert len(result.output.steps) == 2
    assert result.usage.requests == 1
    text = next(part.content for part in result.response.parts if isinstance(part, TextPart))
    assert "\n" not in text
    assert text.isascii() or all(ord(character) < 0x250 for character in text)


async def test_structured_output_streams_and_fits(model: Model) -> None:
    async with Agent(model, output_type=Plan, retries=0).run_stream("Plan a trip.") as stream:
        plan = await stream.get_output()

    assert len(plan.steps) == 2


async def test_structured_output_that_is_cut_is_an_error(model: Model) -> None:
    with pytest.raises(OutputTokenLimitExceeded):
        await Agent(model, output_type=Plan, retries=0).run(
            "Plan.", model_settings=ModelSettings(max_tokens=6)
        )


async def test_a_required_call_is_a_real_tool_call(model: Model) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Oslo", "Rome"]}},
        "required": ["city"],
    }
    tool = ToolDefinition(name="weather", parameters_json_schema=schema, description="Get the weather.")

    response = await model_request(
        model,
        [ModelRequest.user_text_prompt("What is the weather in Oslo?")],
        model_settings=ModelSettings(tool_choice=["weather"]),
        model_request_parameters=ModelRequestParameters(function_tools=[tool]),
    )

    [call] = response.parts
    assert isinstance(call, ToolCallPart)
    assert call.tool_name == "weather"
    assert call.args_as_dict()["city"] in {"Oslo", "Rome"}
    assert response.finish_reason == "tool_call"


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_agent_with_tools_always_ends_with_its_output(model: Model, streamed: bool) -> None:
    class Report(BaseModel):
        sky: Literal["clear", "grey"]

    agent = Agent(model, output_type=Report)
    asked: list[str] = []

    @agent.tool_plain
    def weather(city: Literal["Oslo", "Rome"]) -> str:  # pyright: ignore[reportUnusedFunction]
        """Get the weather of a city."""
        asked.append(city)
        return "sunny"

    if streamed:
        async with agent.run_stream("What is the weather in Oslo?") as stream:
            output = await stream.get_output()
    else:
        output = (await agent.run("What is the weather in Oslo?")).output

    assert output.sky in {"clear", "grey"}
    assert len(asked) <= 1


async def test_a_prompt_that_does_not_fit_says_both_sizes(model: Model) -> None:
    with pytest.raises(PromptTooLong, match=r"tokens long.* takes 2,048") as refused:
        await Agent(model).run("word " * 2500)

    assert refused.value.fields["limit_tokens"] == 2048
    assert refused.value.fields["prompt_tokens"] > 2048


async def test_serves_one_at_a_time_and_shows_the_queue(model: Model, catalog: ModelCatalog) -> None:
    settings = ModelSettings(max_tokens=24)
    await Agent(model).run("Hi", model_settings=ModelSettings(max_tokens=1))

    answers = [asyncio.create_task(Agent(model).run(f"Story {n}", model_settings=settings)) for n in range(3)]
    seen: set[int] = set()
    while not all(answer.done() for answer in answers):
        seen.add(catalog.state()["local-tiny"]["waiting"])
        await asyncio.sleep(0.02)

    assert 2 in seen
    assert catalog.state()["local-tiny"] | {"waiting": 0, "busy": False} == catalog.state()["local-tiny"]
