"""Calling one tool as a model would."""

from __future__ import annotations

from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from perdure.agents.tools.box import ToolGroup
from tests.fakes.tool_context import RecordingToolContext


async def call_tool(
    group: ToolGroup, context: RecordingToolContext, tool: str, **arguments: Any
) -> ToolReturnPart:
    """Let a model call the tool once and return what it was told."""

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        assert tool in {each.name for each in info.function_tools}
        told = any(isinstance(part, ToolReturnPart) for part in messages[-1].parts)
        return ModelResponse(parts=[TextPart("done") if told else ToolCallPart(tool, arguments)])

    agent = Agent(
        FunctionModel(respond), deps_type=RecordingToolContext, toolsets=[group.toolset(agents=True)]
    )
    result = await agent.run("go", deps=context)
    return next(
        part
        for message in result.all_messages()
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    )
