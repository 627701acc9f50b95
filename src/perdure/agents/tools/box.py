"""All the tools a server has, in groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_ai import FunctionToolset

from perdure.agents.tools.context import ToolContext
from perdure.agents.tools.tool import Tool


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

    def __init__(self, groups: Sequence[ToolGroup]) -> None:
        self.groups = tuple(groups)
        self._tools = {tool.name: (tool, group) for group in groups for tool in group.tools}

    @property
    def names(self) -> list[str]:
        """The names of all tools, sorted."""
        return sorted(self._tools)

    def find(self, name: str) -> tuple[Tool, ToolGroup] | None:
        """Return a tool and its group, or None."""
        return self._tools.get(name)

    def toolsets(self) -> list[FunctionToolset[ToolContext]]:
        """Return what agents are offered, one toolset per group."""
        return [group.toolset(agents=True) for group in self.groups if any(t.for_agents for t in group.tools)]
