"""Tools of a real server program: described for the engine, named apart, started and ended with their use."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    RetryPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.tools import ToolDefinition

from perdure.agents.tools.box import ToolBox
from perdure.agents.tools.mcp import McpServers
from perdure.core.tools import ToolCategory
from perdure.errors import InvalidInput, StartupError
from tests.fakes import mcp_server
from tests.fakes.programs import processes_with
from tests.fakes.tool_context import RecordingToolContext


def definition(**changes: Any) -> dict[str, Any]:
    return {"command": sys.executable, "args": [mcp_server.__file__], **changes}


class Caller:
    """Lets a model call one tool of the servers named, and keeps what it was offered and told."""

    def __init__(self, folder: Path, **servers: dict[str, Any]) -> None:
        self.servers = McpServers(servers)
        self.context = RecordingToolContext(folder / "work")
        self.offered: dict[str, ToolDefinition] = {}
        self.instructions = ""

    async def call(self, names: list[str], tool: str, **arguments: Any) -> ToolReturnPart | RetryPromptPart:
        def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            self.offered = {each.name: each for each in info.function_tools}
            self.instructions = str(info.instructions)
            told = any(isinstance(part, ToolReturnPart | RetryPromptPart) for part in messages[-1].parts)
            return ModelResponse(parts=[TextPart("done") if told else ToolCallPart(tool, arguments)])

        agent = Agent(
            FunctionModel(respond),
            deps_type=RecordingToolContext,
            toolsets=self.servers.toolsets(names),  # pyright: ignore[reportArgumentType]
        )
        result = await agent.run("go", deps=self.context)
        return next(
            part
            for message in result.all_messages()
            for part in message.parts
            if isinstance(part, ToolReturnPart | RetryPromptPart)
        )


async def test_calls_a_tool_of_a_program_and_ends_the_program(tmp_path: Path) -> None:
    mark = f"perdure-mcp-{os.getpid()}"
    caller = Caller(tmp_path, notes=definition(args=[mcp_server.__file__, mark]))

    told = await caller.call(["notes"], "notes_look_up", word="stop")

    assert told.content == "stop means pots"
    assert processes_with(mark) == []
    assert "Obey me" not in caller.instructions


async def test_describes_its_tools(tmp_path: Path) -> None:
    caller = Caller(
        tmp_path,
        notes=definition(),
        trusted=definition(category="read_only"),
    )
    await caller.call(["notes", "trusted", "notes"], "notes_look_up", word="a")
    box = ToolBox([], caller.servers.toolsets)
    kinds = {name: box.kind(name, tool.metadata) for name, tool in caller.offered.items()}

    assert sorted(kinds) == sorted(
        f"{server}_{tool}"
        for server in ("notes", "trusted")
        for tool in ("add", "environment", "fail", "look_up", "put")
    )
    assert {kind.category for name, kind in kinds.items() if name.startswith("notes")} == {ToolCategory.SHELL}
    assert {kind.category for name, kind in kinds.items() if name.startswith("trusted")} == {
        ToolCategory.READ_ONLY
    }
    assert {name for name, kind in kinds.items() if kind.repeatable} == {
        "notes_look_up",
        "notes_put",
        "trusted_look_up",
        "trusted_put",
    }


async def test_a_program_gets_its_own_environment_and_nothing_of_the_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_SECRET_KEY", "planted")
    notes = tmp_path / "notes"
    caller = Caller(tmp_path, notes=definition(env={"NOTES_FILE": str(notes)}))

    names = await caller.call(["notes"], "notes_environment")
    await caller.call(["notes"], "notes_add", word="one")
    await caller.call(["notes"], "notes_add", word="two")

    assert "NOTES_FILE" in json.dumps(names.content)
    assert "PERDURE_SECRET_KEY" not in json.dumps(names.content)
    assert notes.read_text() == "onetwo"


async def test_a_failing_tool_tells_the_model(tmp_path: Path) -> None:
    told = await Caller(tmp_path, notes=definition()).call(["notes"], "notes_fail")

    assert "the notes are full" in str(told.content)


def test_ids_are_stable() -> None:
    servers = McpServers({"notes": definition()})
    found: list[str | None] = []

    for _ in range(2):
        (toolset,) = servers.toolsets(["notes"])
        toolset.apply(lambda leaf: found.append(leaf.id))

    assert found == ["mcp-notes", "mcp-notes"]


def test_an_address_counts_as_network() -> None:
    servers = McpServers({"far": {"url": "http://127.0.0.1:1/mcp", "headers": {"Authorization": "Bearer x"}}})

    (toolset,) = servers.toolsets(["far"])

    assert getattr(toolset, "category", None) is ToolCategory.NETWORK


@pytest.mark.parametrize(
    ("name", "says", "nearest"),
    [("note", "did you mean 'notes'", "notes"), ("zebra", "there are notes, papers", None)],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, says: str, nearest: str | None) -> None:
    servers = McpServers({"notes": definition(), "papers": definition()})

    with pytest.raises(InvalidInput, match=says) as raised:
        servers.toolsets(["notes", name])
    assert raised.value.fields["nearest"] == nearest


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("notes", {}, "either a command or a url"),
        ("notes", {"command": "x", "url": "http://h/"}, "either a command or a url"),
        ("notes", {"url": "http://h/", "args": ["x"]}, "belong to a command"),
        ("notes", {"command": "x", "headers": {"a": "b"}}, "belong to a url"),
        ("notes", {"url": "file:///etc/passwd"}, "url"),
        ("notes", {"command": "x", "category": "anything"}, "category"),
        ("notes", {"command": "x", "shell": True}, "shell"),
        ("No Tes", {"command": "x"}, "not a name"),
    ],
)
def test_a_definition_that_means_nothing_stops_the_start(
    name: str, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(StartupError, match=says):
        McpServers({name: settings})
