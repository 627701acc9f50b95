"""All the tools a server has, in groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_ai import FunctionToolset
from pydantic_ai.toolsets import AbstractToolset

from perdure.agents.tools.context import ToolContext
from perdure.agents.tools.tool import Tool
from perdure.core.tools import ToolCategory
from perdure.errors import InvalidInput

Connect = Callable[..., Sequence[AbstractToolset[ToolContext]]]
"""Makes the toolsets of tool servers by their names, with the secrets that they need where they need any."""


@dataclass(frozen=True, slots=True)
class ToolKind:
    """What has to be known of a tool before it is called."""

    category: ToolCategory
    repeatable: bool
    asks: bool = False
    """Whether a person carries it out, by answering."""


@dataclass(frozen=True, slots=True)
class ToolGroup:
    """Tools that belong together. The id is part of stored runs: keep it stable."""

    id: str
    tools: Sequence[Tool]
    instructions: str | None = None
    """What agents are told about the group as a whole."""

    def toolset(self, *, agents: bool) -> FunctionToolset[ToolContext]:
        """Return the group as pydantic-ai takes it: what agents are offered, or everything."""
        offered = [tool.function for tool in self.tools if tool.for_agents or not agents]
        return FunctionToolset[ToolContext](
            offered, id=self.id, instructions=self.instructions if agents else None
        )


class ToolBox:
    """Finds tools by name, and hands groups to agents."""

    def __init__(
        self,
        groups: Sequence[ToolGroup],
        connect: Connect | None = None,
        secret_names: Callable[[Sequence[str]], set[str]] | None = None,
    ) -> None:
        """`connect` is given the names of tool servers, and what is known of the secrets that they need."""
        self.secret_names = secret_names or _no_secrets
        self.groups = tuple(groups)
        self._connect: Connect = connect or _no_servers
        self._tools = {tool.name: (tool, group) for group in groups for tool in group.tools}

    @property
    def names(self) -> list[str]:
        """The names of all tools, sorted."""
        return sorted(self._tools)

    def find(self, name: str) -> tuple[Tool, ToolGroup] | None:
        """Return a tool and its group, or None."""
        return self._tools.get(name)

    def kind(self, name: str, metadata: Mapping[str, Any] | None = None) -> ToolKind:
        """Return what a tool is like. One from elsewhere says it in its metadata (`category`, `repeatable`).

        What nothing is known of counts as a shell command: it asks, and is never repeated in silence.
        """
        found = self.find(name)
        if found is not None:
            tool = found[0]
            return ToolKind(tool.category, tool.repeatable, tool.asks)
        said = metadata or {}
        category = ToolCategory(said.get("category", ToolCategory.SHELL))
        return ToolKind(category, bool(said.get("repeatable", False)))

    def toolsets(
        self, servers: Sequence[str] = (), secrets: Mapping[str, str] | None = None
    ) -> list[AbstractToolset[ToolContext]]:
        """Return what agents are offered: one toolset per group, and one for each tool server named.

        Raises:
            InvalidInput: when no tool server of a name is set up.
        """
        own: list[AbstractToolset[ToolContext]] = [
            group.toolset(agents=True) for group in self.groups if any(t.for_agents for t in group.tools)
        ]
        if not servers:
            return own
        return [*own, *(self._connect(servers, secrets) if secrets else self._connect(servers))]


def _no_secrets(names: Sequence[str]) -> set[str]:
    return set()


def _no_servers(names: Sequence[str]) -> Sequence[AbstractToolset[ToolContext]]:
    raise InvalidInput(
        f"No tool server is set up on this server, so {', '.join(names)} cannot be used.",
        field="mcp_servers",
    )
