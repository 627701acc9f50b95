"""Tools for the workspace. Each is safe to run twice: the same write again changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from pydantic_ai import ModelRetry, RunContext

from perdure.agents.tools.box import ToolGroup
from perdure.agents.tools.context import ToolContext
from perdure.agents.tools.tool import Tool
from perdure.core.tools import ToolCategory
from perdure.errors import PerdureError

P = ParamSpec("P")
T = TypeVar("T")

_INSTRUCTIONS = (
    "You know nothing about a file until you read it. A file is written only when write_file says so."
)
_READ_LIMIT_CHARS = 100_000
_LIST_LIMIT = 500
_SEARCH_LIMIT = 50


async def list_files(ctx: RunContext[ToolContext]) -> str:
    """List the files of the workspace."""
    paths = await _call(ctx.deps.workspace.list)
    if not paths:
        return "The workspace is empty."
    more = f"\n... and {len(paths) - _LIST_LIMIT} more" if len(paths) > _LIST_LIMIT else ""
    return "\n".join(paths[:_LIST_LIMIT]) + more


async def read_file(ctx: RunContext[ToolContext], path: str) -> str:
    """Read a text file of the workspace.

    Args:
        path: Path of the file, such as notes/plan.md.
    """
    text = await _call(ctx.deps.workspace.read_text, path, _READ_LIMIT_CHARS + 1)
    if len(text) <= _READ_LIMIT_CHARS:
        return text
    return f"{text[:_READ_LIMIT_CHARS]}\n[cut after {_READ_LIMIT_CHARS:,} characters]"


async def write_file(ctx: RunContext[ToolContext], path: str, content: str) -> str:
    """Write a text file in the workspace; an existing file is replaced.

    Args:
        path: Path of the file, such as notes/plan.md.
        content: The whole new content.
    """
    info = await _call(ctx.deps.workspace.write, path, content)
    if not info.changed:
        return f"{info.path} already has this content."
    await ctx.deps.file_changed(info)
    return f"{'Created' if info.created else 'Replaced'} {info.path} ({info.size_bytes:,} bytes)."


async def search_files(ctx: RunContext[ToolContext], text: str) -> str:
    """Find the lines of the workspace's text files that hold a text.

    Args:
        text: The text to look for; upper and lower case are the same.
    """
    hits = await _call(ctx.deps.workspace.search, text, _SEARCH_LIMIT)
    return "\n".join(f"{hit.path}:{hit.line}: {hit.text}" for hit in hits) or f"No file holds {text!r}."


FILE_TOOLS = ToolGroup(
    id="workspace",
    tools=(
        Tool(list_files, ToolCategory.READ_ONLY),
        Tool(read_file, ToolCategory.READ_ONLY),
        Tool(write_file, ToolCategory.FILE_WRITE),
        Tool(search_files, ToolCategory.READ_ONLY),
    ),
    instructions=_INSTRUCTIONS,
)


async def _call(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Run a workspace method in a thread; what it refuses becomes advice to the model."""
    try:
        return await asyncio.to_thread(function, *arguments, **named)
    except PerdureError as error:
        raise ModelRetry(error.message) from error
