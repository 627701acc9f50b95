"""Asking is left to the engine; what cannot be asked is refused at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent, DeferredToolRequests
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from perdure.agents.tools.asking import ASKING_TOOLS
from perdure.agents.tools.box import ToolBox
from perdure.core.tools import ToolCategory
from tests.fakes.tool_calls import call_tool
from tests.fakes.tool_context import RecordingToolContext


async def test_the_call_is_handed_on(tmp_path: Path) -> None:
    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=[ToolCallPart("ask_person", {"question": "Why?", "options": ["a", "b"]})])

    agent = Agent(
        FunctionModel(respond),
        deps_type=RecordingToolContext,
        toolsets=[ASKING_TOOLS.toolset(agents=True)],
        output_type=[str, DeferredToolRequests],
    )
    result = await agent.run("go", deps=RecordingToolContext(tmp_path))

    assert isinstance(result.output, DeferredToolRequests)
    (call,) = result.output.calls
    assert call.args_as_dict() == {"question": "Why?", "options": ["a", "b"]}


@pytest.mark.parametrize(
    "arguments",
    [
        {"question": " "},
        {"question": "x" * 4001},
        {"question": "?", "options": [""]},
        {"question": "?", "options": ["x"] * 21},
    ],
)
async def test_what_cannot_be_asked_is_refused(tmp_path: Path, arguments: dict[str, Any]) -> None:
    told = await call_tool(ASKING_TOOLS, RecordingToolContext(tmp_path), "ask_person", **arguments)

    assert told.outcome == "retried"


def test_a_person_carries_it_out() -> None:
    kind = ToolBox([ASKING_TOOLS]).kind("ask_person")

    assert (kind.category, kind.asks) == (ToolCategory.READ_ONLY, True)
