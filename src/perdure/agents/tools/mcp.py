"""Tools of other programs, over the Model Context Protocol.

Only the server's operator says which there are: a program is started with the server's rights. A session
names those that it uses.
"""

from __future__ import annotations

import difflib
import importlib.util
import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TextIO, cast

from pydantic import BaseModel, ConfigDict, HttpUrl, TypeAdapter, ValidationError, model_validator
from pydantic_ai import RunContext
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset

from perdure.agents.tools.context import ToolContext
from perdure.agents.tools.mcp_errors import ErrorOutput
from perdure.core.secrets import SecretRef
from perdure.core.tools import ToolCategory
from perdure.errors import InvalidInput, StartupError, Unavailable

if TYPE_CHECKING:
    from fastmcp.client import Client

log = logging.getLogger("perdure.mcp")

_SERVER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_START_TIMEOUT_S = 30
_CALL_TIMEOUT_S = 300


class ToolServerUnavailable(Unavailable):
    """A tool server of the settings does not start or does not answer."""

    code = "tool-server-unavailable"


class McpServer(BaseModel):
    """One server, as the setting describes it: either a program or an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str | None = None
    """A program to start; it speaks on its standard input and output."""
    args: list[str] = []
    env: dict[str, str | SecretRef] = {}
    """Its environment, beside `PATH`; nothing else of the server's is handed on. `{"$secret": "name"}` stands for
    the secret of that name of whoever owns the session."""
    url: HttpUrl | None = None
    headers: dict[str, str | SecretRef] = {}
    category: ToolCategory | None = None
    """What permission its tools need; unset means `shell` for programs and `network` for addresses."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("give either a command or a url")
        if self.command is None and (self.args or self.env):
            raise ValueError("args and env belong to a command")
        if self.url is None and self.headers:
            raise ValueError("headers belong to a url")
        return self

    @property
    def secret_names(self) -> set[str]:
        """The secrets that it needs of a session's owner."""
        return {v.name for v in (*self.env.values(), *self.headers.values()) if isinstance(v, SecretRef)}

    @property
    def tool_category(self) -> ToolCategory:
        """What its tools touch."""
        if self.category is not None:
            return self.category
        return ToolCategory.SHELL if self.command is not None else ToolCategory.NETWORK


class McpServers:
    """The servers that the settings name.

    Raises:
        StartupError: for a definition that means nothing, or when the extra `mcp` is not installed.
    """

    def __init__(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        self._servers = {name: _server(name, dict(each)) for name, each in definitions.items()}
        if self._servers and importlib.util.find_spec("fastmcp") is None:
            raise StartupError("PERDURE_MCP_SERVERS needs an extra: pip install 'perdure[mcp]'.")

    @property
    def names(self) -> list[str]:
        """The names a session can choose from, sorted."""
        return sorted(self._servers)

    @property
    def values(self) -> list[str]:
        """The values of the settings that are secrets: what programs and addresses get in their hands."""
        parts = [*(s.env for s in self._servers.values()), *(s.headers for s in self._servers.values())]
        return [value for part in parts for value in part.values() if isinstance(value, str)]

    def secret_names(self, names: Sequence[str]) -> set[str]:
        """Return which secrets of the session's owner these servers need; servers that are unknown need none."""
        return {each for name in names if name in self._servers for each in self._servers[name].secret_names}

    def toolsets(
        self, names: Sequence[str], secrets: Mapping[str, str] | None = None
    ) -> list[AbstractToolset[ToolContext]]:
        """Return one toolset per server named; a program is started when its toolset is used, and ended after.

        Their ids and the names of their tools, `<server>_<tool>`, stay the same from run to run.

        Raises:
            InvalidInput: for a name that the settings do not have, with the nearest that they have.
        """
        for name in names:
            if name not in self._servers:
                raise self._unknown(name)
        return [self._toolset(name, self._servers[name], secrets or {}) for name in dict.fromkeys(names)]

    def _toolset(
        self, name: str, server: McpServer, secrets: Mapping[str, str]
    ) -> AbstractToolset[ToolContext]:
        from perdure.agents.tools.mcp_toolset import ServerTools

        errors = ErrorOutput(name)
        plain = ServerTools(_client(server, secrets, errors), id=f"mcp-{name}")
        plain.errors = errors
        return _Described(plain.prefixed(name), name, server.tool_category)

    def _unknown(self, name: str) -> InvalidInput:
        near = difflib.get_close_matches(name, self.names, n=1)
        if near:
            hint = f"did you mean {near[0]!r}?"
        else:
            hint = f"there are {', '.join(self.names)}." if self.names else "none is set up on this server."
        return InvalidInput(
            f"There is no tool server {name!r}: {hint}",
            field="mcp_servers",
            nearest=near[0] if near else None,
        )


@dataclass
class _Described(WrapperToolset[ToolContext]):
    """Says of each tool what has to be known before it is called, and leaves out what cannot be offered."""

    server: str
    category: ToolCategory

    async def __aenter__(self) -> Self:
        try:
            await super().__aenter__()
        except Exception as error:
            raise ToolServerUnavailable(
                f"The tool server {self.server!r} cannot be used now: {error}", server=self.server
            ) from error
        return self

    async def get_tools(self, ctx: RunContext[ToolContext]) -> dict[str, ToolsetTool[ToolContext]]:
        found = await super().get_tools(ctx)
        tools: dict[str, ToolsetTool[ToolContext]] = {}
        for name, tool in found.items():
            if not _TOOL_NAME.fullmatch(name):
                log.warning("the tool %r of %r is left out: models take no such name", name, self.server)
                continue
            known = tool.tool_def.metadata or {}
            metadata = {**known, "category": self.category.value, "repeatable": _is_repeatable(known)}
            tools[name] = replace(tool, toolset=self, tool_def=replace(tool.tool_def, metadata=metadata))
        return tools


def _server(name: str, definition: dict[str, Any]) -> McpServer:
    if not _SERVER_NAME.fullmatch(name):
        raise StartupError(
            f"PERDURE_MCP_SERVERS: {name!r} is not a name of lower-case letters, digits, - and _."
        )
    try:
        return McpServer.model_validate(definition)
    except ValidationError as error:
        lines = [f"{'.'.join(str(p) for p in e['loc']) or 'all'}: {e['msg']}" for e in error.errors()]
        raise StartupError(f"PERDURE_MCP_SERVERS: {name}: {'; '.join(lines)}") from error


def _client(server: McpServer, secrets: Mapping[str, str], errors: ErrorOutput) -> Client[Any]:
    from fastmcp.client import Client
    from fastmcp.client.transports import StdioTransport, StreamableHttpTransport

    if server.command is not None:
        transport = StdioTransport(
            server.command,
            server.args,
            env={"PATH": os.environ.get("PATH", os.defpath), **_filled(server.env, secrets)},
            keep_alive=False,
            log_file=cast("TextIO", errors),  # only its number is asked for, when the program is started
        )
    else:
        transport = StreamableHttpTransport(str(server.url), headers=_filled(server.headers, secrets))
    return Client(transport, timeout=_CALL_TIMEOUT_S, init_timeout=_START_TIMEOUT_S)


def _filled(values: Mapping[str, str | SecretRef], secrets: Mapping[str, str]) -> dict[str, str]:
    return {key: secrets[v.name] if isinstance(v, SecretRef) else v for key, v in values.items()}


def _is_repeatable(metadata: Mapping[str, Any]) -> bool:
    """Whether the server itself says that a second call does no more than the first."""
    said = TypeAdapter(dict[str, Any]).validate_python(metadata.get("annotations") or {})
    return said.get("readOnlyHint") is True or said.get("idempotentHint") is True
