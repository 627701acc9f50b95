"""What a tool may reach: the part of a run's context that the built-in tools need."""

from __future__ import annotations

from typing import Protocol

from perdure.core.events import CodeExecution
from perdure.store.workspace import FileInfo, Workspace


class ToolContext(Protocol):
    """Given to every tool as its dependencies."""

    @property
    def workspace(self) -> Workspace:
        """The session's folder."""
        ...

    async def file_changed(self, info: FileInfo) -> None:
        """Note a file that was written; to be called after each write, before the tool answers."""
        ...

    async def file_removed(self, path: str) -> None:
        """Note a file that is there no longer."""
        ...

    async def console(self, lines: list[str], stream: str = "log") -> None:
        """Show lines at once, several together. `stream` is `log`, `stdout` or `stderr`."""
        ...

    async def executed(self, execution: CodeExecution) -> None:
        """Log a program that was run, with its exit status and isolation."""
        ...
