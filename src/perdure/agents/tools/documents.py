"""Tools for PDF files of the workspace. Converting the same file again gives the same files."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable
from pathlib import PurePosixPath
from typing import Any, TypeVar

from pydantic_ai import ModelRetry, RunContext

from perdure.agents.documents.converted import (
    Outputs,
    Source,
    contents,
    earlier_conversion,
    page_line,
    summary,
)
from perdure.agents.documents.limits import DocumentEncrypted
from perdure.agents.documents.worker import DocumentReaders
from perdure.agents.tools.box import ToolGroup
from perdure.agents.tools.context import ToolContext
from perdure.agents.tools.tool import Tool
from perdure.core.tools import ToolCategory
from perdure.errors import PerdureError
from perdure.store.workspace import FileInfo, FileMissing, NotText, Workspace

T = TypeVar("T")

_INSTRUCTIONS = (
    "Of a PDF file you see only what read_pdf returns; text between [? and ?] was hard to recognise."
)
_READ_LIMIT_CHARS = 100_000
_RANGE = re.compile(r"(\d+)(?:\s*-\s*(\d+))?")
_MOST_NAMED_PAGES = 2_000
_PAGES_AT_ONCE = 25


class DocumentTools:
    """The tools of one set of readers."""

    def __init__(self, readers: DocumentReaders) -> None:
        self.readers = readers

    def group(self) -> ToolGroup:
        """Return the tools as a group."""
        return ToolGroup(
            id="documents",
            tools=(
                Tool(self.read_pdf, ToolCategory.READ_ONLY),
                Tool(self.inspect_pdf, ToolCategory.READ_ONLY, for_agents=False),
                Tool(self.convert_pdf, ToolCategory.FILE_WRITE, for_agents=False),
            ),
            instructions=_INSTRUCTIONS,
        )

    async def read_pdf(self, ctx: RunContext[ToolContext], path: str, pages: str | None = None) -> str:
        """Read a PDF file of the workspace as Markdown; scanned pages are recognised, which takes seconds each.

        Args:
            path: Path of the file, such as papers/heat.pdf.
            pages: Pages to read, such as 1-3,7; all of them if left out.
        """
        workspace = ctx.deps.workspace

        def load() -> bytes:
            return workspace.read_bytes(path)

        total = (await _call(self.readers.inspect(load))).pages
        numbers = _numbers(pages) if pages else list(range(1, total + 1))
        text = ""
        for first in range(0, len(numbers), _PAGES_AT_ONCE):
            document = await _call(self.readers.read(load, numbers[first : first + _PAGES_AT_ONCE]))
            for page in document.pages:
                text += f"[page {page['number']} of {total}]\n{page['markdown']}\n\n"
                if len(text) > _READ_LIMIT_CHARS:
                    note = f"cut after {_READ_LIMIT_CHARS:,} characters, in page {page['number']}"
                    return f"{text[:_READ_LIMIT_CHARS]}\n[{note}; name pages to read on]"
        return text.rstrip()

    async def inspect_pdf(
        self,
        ctx: RunContext[ToolContext],
        path: str,
        output_dir: str = "",
        save_markdown: bool = True,
        save_json: bool = True,
        save_text: bool = False,
    ) -> dict[str, Any]:
        """Tell size, hash and number of pages of a PDF file, and whether it was converted before as asked now."""
        workspace = ctx.deps.workspace
        info = await asyncio.to_thread(workspace.info, path)
        found: dict[str, Any] = {
            "path": info.path,
            "sha256": info.sha256,
            "size_bytes": info.size_bytes,
            "pages": None,
            "encrypted": False,
            "converted": None,
        }
        if save_json:
            wanted = Outputs(save_markdown, save_json, save_text).paths(info.path, output_dir)
            earlier = await asyncio.to_thread(_earlier, workspace, info.sha256, wanted)
            if earlier is not None:
                return {**found, "pages": earlier["page_count"], "converted": earlier}
        try:
            inspected = await self.readers.inspect(lambda: workspace.read_bytes(path))
        except DocumentEncrypted:
            return {**found, "encrypted": True}
        return {**found, "pages": inspected.pages, "encrypted": inspected.encrypted}

    async def convert_pdf(
        self,
        ctx: RunContext[ToolContext],
        path: str,
        output_dir: str = "",
        save_markdown: bool = True,
        save_json: bool = True,
        save_text: bool = False,
    ) -> dict[str, Any]:
        """Convert a PDF file into Markdown, JSON and text files of the workspace: all of them or none."""
        workspace, name = ctx.deps.workspace, PurePosixPath(path).name
        path = str(PurePosixPath(path))
        source: list[Source] = []

        def load() -> bytes:
            content = workspace.read_bytes(path)
            source.append(Source(path, hashlib.sha256(content).hexdigest(), len(content)))
            return content

        async def tell(pages: list[dict[str, Any]], total: int) -> None:
            await ctx.deps.console([page_line(name, page, total) for page in pages])

        document = await self.readers.read(load, on_pages=tell)
        files = contents(source[0], document, Outputs(save_markdown, save_json, save_text), output_dir)
        written = await asyncio.to_thread(_write_all, workspace, files)
        for info in written:
            if info.changed:
                await ctx.deps.file_changed(info)
        return {
            "path": path,
            "sha256": source[0].sha256,
            "files": [info.path for info in written],
            **summary(document.pages),
        }


async def _call(reading: Awaitable[T]) -> T:
    """Turn what a file is refused for into advice to the model."""
    try:
        return await reading
    except PerdureError as error:
        raise ModelRetry(error.message) from error


def _numbers(pages: str) -> list[int]:
    numbers: list[int] = []
    for part in pages.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise ModelRetry(f"{pages!r} does not name pages; write them like 1-3,7")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first or last - first >= _MOST_NAMED_PAGES:
            raise ModelRetry(f"{part.strip()!r} is not a range of at most {_MOST_NAMED_PAGES:,} pages")
        numbers += range(first, last + 1)
    return sorted(set(numbers))


def _earlier(workspace: Workspace, sha256: str, wanted: dict[str, str]) -> dict[str, Any] | None:
    try:
        stored = workspace.read_text(wanted["json"])
        for path in wanted.values():
            workspace.info(path)
    except (FileMissing, NotText):
        return None
    return earlier_conversion(stored, sha256, list(wanted.values()))


def _write_all(workspace: Workspace, files: list[tuple[str, str]]) -> list[FileInfo]:
    """Write the files; when one cannot be written, the others become what they were."""
    before: list[tuple[str, bytes | None]] = []
    written: list[FileInfo] = []
    try:
        for path, content in files:
            before.append((path, _content(workspace, path)))
            written.append(workspace.write(path, content))
    except (PerdureError, OSError):
        for path, content in before[: len(written)]:
            if content is None:
                workspace.root.joinpath(path).unlink()
            else:
                workspace.write(path, content)
        raise
    return written


def _content(workspace: Workspace, path: str) -> bytes | None:
    try:
        return workspace.read_bytes(path)
    except FileMissing:
        return None
