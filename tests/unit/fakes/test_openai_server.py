"""The loopback provider keeps the promises that other tests lean on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.fakes.openai_server import OpenAIServer


class PlannedStep(BaseModel):
    name: str
    goal: str
    agent: str
    bullet_points: list[str]


class Plan(BaseModel):
    steps: list[PlannedStep]


@pytest.fixture
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
async def model(provider: OpenAIServer) -> AsyncIterator[OpenAIChatModel]:
    async with AsyncOpenAI(base_url=provider.url, api_key="x") as client:
        yield OpenAIChatModel("test", provider=OpenAIProvider(openai_client=client))


async def test_says_the_same_to_the_same_prompt_and_counts_both(
    provider: OpenAIServer, model: OpenAIChatModel
) -> None:
    agent = Agent(model)
    first = (await agent.run("Sum up the text")).output
    assert (await agent.run("Sum up the text")).output == first
    assert (await agent.run("Something else")).output != first
    assert provider.count("Sum up the text") == 2
    assert sorted(provider.counts.values()) == [1, 2]


async def test_streams_the_answer_in_pieces(provider: OpenAIServer, model: OpenAIChatModel) -> None:
    async with Agent(model).run_stream("Stream it") as result:
        pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
    assert len(pieces) > 10
    assert provider.calls[0].stream
    assert result.usage.output_tokens > 10


@pytest.mark.parametrize("output", [Plan, NativeOutput(Plan)], ids=["tool", "response_format"])
async def test_fills_a_plan_schema_with_three_different_steps(
    model: OpenAIChatModel, output: type[Plan]
) -> None:
    plan = (await Agent(model, output_type=output).run("Plan it")).output
    assert len({step.name for step in plan.steps}) == 3


async def test_calls_a_tool_that_the_prompt_names_once(
    provider: OpenAIServer, model: OpenAIChatModel
) -> None:
    agent = Agent(model)
    written: list[str] = []

    @agent.tool_plain
    def write_file(path: str, content: str) -> str:
        written.append(path)
        return f"wrote {len(content)} characters"

    await agent.run('Do it [[call write_file {"path": "a.md", "content": "x"}]]')
    assert written == ["a.md"]
    assert len(provider.calls) == 2


async def test_fails_the_next_call_only(provider: OpenAIServer, model: OpenAIChatModel) -> None:
    provider.fail_next(1, 503)
    with pytest.raises(ModelAPIError):
        await Agent(model).run("Try")
    assert (await Agent(model).run("Try")).output
    assert len(provider.calls) == 2


async def test_holds_an_answer_in_the_middle_until_released(
    provider: OpenAIServer, model: OpenAIChatModel
) -> None:
    provider.hold("Hold this", after_tokens=4)
    async with Agent(model).run_stream("Hold this") as result:
        pieces: list[str] = []
        async for piece in result.stream_text(delta=True, debounce_by=None):
            pieces.append(piece)
            if len(pieces) == 3:
                provider.wait_until_held()
                assert provider.finished == 0
                provider.release()
    assert len(pieces) > 4
    assert provider.waiting == 0


def test_takes_orders_over_http(provider: OpenAIServer) -> None:
    base = provider.url.removesuffix("/v1")
    httpx.post(f"{base}/control/fail", json={"n": 1, "status": 429})
    body = {"model": "test", "messages": [{"role": "user", "content": "hello"}]}
    assert httpx.post(f"{provider.url}/chat/completions", json=body).status_code == 429
    assert httpx.post(f"{provider.url}/chat/completions", json=body).status_code == 200
    assert [call["prompt"] for call in httpx.get(f"{base}/control/calls").json()] == ["hello", "hello"]
