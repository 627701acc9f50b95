"""What tools get from the engine: the workspace, and ways to say what they do while they do it."""

from __future__ import annotations

from dataclasses import dataclass

from perdure.core.events import CodeExecution, Console, FileUpdate, NewEvent
from perdure.core.shortened import shortened_text
from perdure.engine.operations import Operations
from perdure.store.workspace import FileInfo, Workspace


@dataclass(frozen=True)
class ToolDeps:
    """Implements `agents.tools.context.ToolContext` for one step of a run."""

    operations: Operations
    workspace: Workspace
    step_id: str | None
    hop_id: str | None = None

    async def file_changed(self, info: FileInfo) -> None:
        """Note a file that was written as an asset, and log it."""
        await self.operations.progress.file_written(
            self.operations.run, info, role="output", step_id=self.step_id, hop_id=self.hop_id
        )

    async def file_removed(self, path: str) -> None:
        """Log a file that is there no longer."""
        await self._log(FileUpdate(path=path, change="removed"))

    async def console(self, lines: list[str], stream: str = "log") -> None:
        """Log lines at once; a tool that is called again after a crash logs them again, with its attempt."""
        if lines:
            await self._log(Console(stream=stream, lines=lines, attempt=self.operations.run.attempt))

    async def executed(self, execution: CodeExecution) -> None:
        """Log a program that was run."""
        changes = {"attempt": self.operations.run.attempt, "code": shortened_text(execution.code)}
        await self._log(execution.model_copy(update=changes))

    async def _log(self, data: Console | CodeExecution | FileUpdate) -> None:
        run = self.operations.run
        await self.operations.progress.log(run, NewEvent.of(data, run_id=run.id, step_id=self.step_id))
