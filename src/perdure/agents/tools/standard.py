"""The tools that every agent mode has, in one box."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.agents.sandbox.sandbox import Sandbox
from perdure.agents.tools.asking import ASKING_TOOLS
from perdure.agents.tools.box import ToolBox, ToolGroup
from perdure.agents.tools.execution import execution_tools
from perdure.agents.tools.files import FILE_TOOLS
from perdure.agents.tools.mcp import McpServers
from perdure.agents.tools.web import web_tools
from perdure.agents.web.guard import OutgoingGuard


def standard_tools(
    sandbox: Sandbox,
    guard: OutgoingGuard,
    *,
    more: Sequence[ToolGroup] = (),
    servers: McpServers | None = None,
) -> ToolBox:
    """Return the box: files, programs, the web and questions, then `more`, then what `servers` offer."""
    groups = [FILE_TOOLS, execution_tools(sandbox), web_tools(guard), ASKING_TOOLS, *more]
    connected = servers or McpServers({})
    return ToolBox(groups, connected.toolsets, connected.secret_names)
