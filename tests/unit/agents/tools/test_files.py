"""File tools change the workspace once and tell the model what it did wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from perdure.agents.tools.files import FILE_TOOLS
from tests.fakes.tool_context import RecordingToolContext


@pytest.fixture
def tool_context(tmp_path: Path) -> RecordingToolContext:
    return RecordingToolContext(tmp_path / "work")


async def call(tool_context: RecordingToolContext, tool: str, **arguments: str) -> ToolReturnPart:
    """Let a model call the tool once and return what it was told."""

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        assert {"list_files", "read_file", "write_file", "search_files"} == {
            each.name for each in info.function_tools
        }
        told = any(isinstance(part, ToolReturnPart) for part in messages[-1].parts)
        return ModelResponse(parts=[TextPart("done") if told else ToolCallPart(tool, arguments)])

    agent = Agent(
        FunctionModel(respond), deps_type=RecordingToolContext, toolsets=[FILE_TOOLS.toolset(agents=True)]
    )
    result = await agent.run("go", deps=tool_context)
    return next(
        part
        for message in result.all_messages()
        for part in message.parts
        if isinstance(part, ToolReturnPart)
    )


async def test_writes_and_announces_once(tool_context: RecordingToolContext) -> None:
    first = await call(tool_context, "write_file", path="a/b.md", content="héllo")
    again = await call(tool_context, "write_file", path="a/b.md", content="héllo")
    other = await call(tool_context, "write_file", path="a/b.md", content="bye")

    assert first.content == "Created a/b.md (6 bytes)."
    assert again.content == "a/b.md already has this content."
    assert other.content == "Replaced a/b.md (3 bytes)."
    assert [(info.created, info.size_bytes) for info in tool_context.changes] == [(True, 6), (False, 3)]


async def test_reads_lists_and_searches(tool_context: RecordingToolContext) -> None:
    assert (await call(tool_context, "list_files")).content == "The workspace is empty."
    tool_context.workspace.write("a.md", "One\nTwo")
    tool_context.workspace.write("b.md", "two")

    assert (await call(tool_context, "list_files")).content == "a.md\nb.md"
    assert (await call(tool_context, "read_file", path="a.md")).content == "One\nTwo"
    assert (await call(tool_context, "search_files", text="two")).content == "a.md:2: Two\nb.md:1: two"
    assert (await call(tool_context, "search_files", text="six")).content == "No file holds 'six'."


async def test_says_where_it_cut_a_long_file(tool_context: RecordingToolContext) -> None:
    tool_context.workspace.write("a.md", "x" * 100_001)

    content = (await call(tool_context, "read_file", path="a.md")).content

    assert isinstance(content, str)
    assert content.endswith("[cut after 100,000 characters]")


@pytest.mark.parametrize(
    ("tool", "arguments", "advice"),
    [
        ("read_file", {"path": "none.md"}, "no file 'none.md'"),
        ("read_file", {"path": "../secret"}, "is not a path like"),
        ("write_file", {"path": "/etc/x", "content": ""}, "is not a path like"),
    ],
)
async def test_a_refusal_becomes_advice(
    tool_context: RecordingToolContext, tool: str, arguments: dict[str, str], advice: str
) -> None:
    told = await call(tool_context, tool, **arguments)

    assert told.outcome == "retried"
    assert advice in str(told.content)
    assert tool_context.changes == []


def test_the_toolset_has_a_stable_id() -> None:
    assert FILE_TOOLS.id == "workspace"
