"""A tool's context that remembers what tools told it."""

from __future__ import annotations

from pathlib import Path

from perdure.core.events import CodeExecution
from perdure.store.workspace import FileInfo, Workspace


class RecordingToolContext:
    """Implements `agents.tools.context.ToolContext` over a folder."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace(root)
        self.changes: list[FileInfo] = []
        self.removals: list[str] = []
        self.lines: list[tuple[str, str]] = []
        """`(stream, line)` as they came."""
        self.executions: list[CodeExecution] = []

    async def file_changed(self, info: FileInfo) -> None:
        """Remember the file."""
        self.changes.append(info)

    async def file_removed(self, path: str) -> None:
        """Remember the path."""
        self.removals.append(path)

    async def console(self, lines: list[str], stream: str = "log") -> None:
        """Remember the lines."""
        self.lines += [(stream, line) for line in lines]

    async def executed(self, execution: CodeExecution) -> None:
        """Remember the execution."""
        self.executions.append(execution)
