"""The client of one tool server, which may go away at any moment. Takes seconds to import, and few servers use it."""

from __future__ import annotations

import logging
from typing import Any, Self

from mcp.types import CONNECTION_CLOSED
from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.exceptions import UserError
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.toolsets import ToolsetTool

from perdure.agents.tools.context import ToolContext
from perdure.agents.tools.mcp_errors import ErrorOutput

log = logging.getLogger("perdure.mcp")


class ServerTools(MCPToolset[ToolContext]):
    """Tools of a server; when it goes away, the agent is told and works on without it."""

    errors: ErrorOutput | None = None
    """What its program is started with as error output."""

    async def __aenter__(self) -> Self:
        try:
            return await super().__aenter__()
        finally:
            self._let_go()

    async def __aexit__(self, *args: Any) -> bool | None:
        self._let_go()
        try:
            return await super().__aexit__(*args)
        except Exception as error:  # noqa: BLE001 - the work is done; a server that is gone must not undo it
            log.warning("the tool server %s could not be left in order: %s", self.id, error)
            return None

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        # The durable operation of a call is outside this one, so that the words are recorded with it.
        try:
            return await super().call_tool(name, tool_args, ctx, tool)
        except UserError:
            raise
        except ModelRetry as error:
            if not _is_gone(error.__cause__):
                raise
            raise self._gone(error) from error
        except Exception as error:  # the libraries below raise their own when a connection ends
            raise self._gone(error) from error

    def _let_go(self) -> None:
        if self.errors is not None:
            self.errors.close()

    def _gone(self, error: Exception) -> ModelRetry:
        return ModelRetry(
            f"The tool server {(self.id or '').removeprefix('mcp-')!r} went away during the call; nothing says "
            f"whether it took effect. ({error})"
        )


def _is_gone(error: BaseException | None) -> bool:
    return getattr(getattr(error, "error", None), "code", None) == CONNECTION_CLOSED
