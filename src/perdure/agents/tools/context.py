"""What a tool may reach: the part of a run's context that the built-in tools need."""

from __future__ import annotations

from typing import Protocol

from perdure.store.workspace import FileInfo, Workspace


class ToolContext(Protocol):
    """Given to every tool as its dependencies."""

    @property
    def workspace(self) -> Workspace:
        """The session's folder."""
        ...

    async def file_changed(self, info: FileInfo) -> None:
        """Called once after each write that changed a file, before the tool answers."""
        ...
