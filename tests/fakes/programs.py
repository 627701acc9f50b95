"""Running programs in a sandbox, as tests do it: with what was printed at hand."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

from perdure.agents.sandbox.launch import Language
from perdure.agents.sandbox.limits import SandboxLimits
from perdure.agents.sandbox.sandbox import Choice, Outcome, Sandbox
from perdure.store.workspace import Workspace

MIB = 1024 * 1024


@dataclass
class Runner:
    """One sandbox over one workspace."""

    workspace: Workspace
    choice: Choice = "auto"
    limits: SandboxLimits = field(default_factory=lambda: SandboxLimits(memory_bytes=256 * MIB))
    batches: list[tuple[str, list[str]]] = field(default_factory=list[tuple[str, list[str]]])
    """`(stream, lines)` as they came."""
    printed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once anything was printed."""

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(self.limits, choice=self.choice)

    def lines(self, stream: str) -> list[str]:
        """Everything one stream showed."""
        return [line for each, lines in self.batches if each == stream for line in lines]

    async def shell(self, command: str, timeout_s: float = 30) -> Outcome:
        """Run a shell command."""
        return await self.run("shell", command, timeout_s)

    async def python(self, code: str, timeout_s: float = 30) -> Outcome:
        """Run a Python program."""
        return await self.run("python", code, timeout_s)

    async def run(self, language: Language, code: str, timeout_s: float) -> Outcome:
        """Run a program."""
        return await self.sandbox.run(
            self.workspace, language, code, timeout_s=timeout_s, on_output=self._output
        )

    async def _output(self, lines: list[str], stream: str) -> None:
        self.batches.append((stream, lines))
        self.printed.set()


def processes_with(mark: str) -> list[int]:
    """Return the processes of the machine whose command line holds a mark, but for this one."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if mark.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found
