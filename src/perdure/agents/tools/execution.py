"""Running programs: each call is an effect of its own, so none is repeated without asking."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_ai import ModelRetry, RunContext

from perdure.agents.sandbox.launch import Language
from perdure.agents.sandbox.sandbox import Outcome, Sandbox
from perdure.agents.tools.box import ToolGroup
from perdure.agents.tools.context import ToolContext
from perdure.agents.tools.tool import Tool
from perdure.core.events import CodeExecution
from perdure.core.tools import ToolCategory

_INSTRUCTIONS = (
    "Programs run in the workspace. Count on no network, and on nothing that is not installed. "
    "Only files that they write to the workspace stay."
)
_MAX_CODE_CHARS = 200_000
_LOGGED_CODE_CHARS = 100_000
_LISTED_FILES = 50
_LIMITS = {
    "time": "it ran longer than its time limit",
    "memory": "it used more memory than a program may",
    "processes": "it started more processes than a program may",
    "disk": "it wrote more to the workspace than a program may",
}
_MISSING = re.compile(r"^ModuleNotFoundError: No module named '([\w.]+)'", re.MULTILINE)


def execution_tools(sandbox: Sandbox) -> ToolGroup:
    """Return the tools that run programs in a sandbox."""
    tools = _Execution(sandbox)
    return ToolGroup(
        id="execution",
        tools=(
            Tool(tools.run_python, ToolCategory.CODE, repeatable=False),
            Tool(tools.run_shell, ToolCategory.SHELL, repeatable=False),
        ),
        instructions=_INSTRUCTIONS,
    )


@dataclass(frozen=True)
class _Execution:
    sandbox: Sandbox

    async def run_python(self, ctx: RunContext[ToolContext], code: str, timeout_s: float = 60) -> str:
        """Run a Python program in the workspace and return its exit status, its output and what it changed.

        Print what you want to know: the value of the last line is not shown.

        Args:
            code: The whole program.
            timeout_s: Seconds after which it is ended.
        """
        return await self._run(ctx.deps, "python", code, timeout_s)

    async def run_shell(self, ctx: RunContext[ToolContext], command: str, timeout_s: float = 60) -> str:
        """Run a shell command or script in the workspace; return its exit status, output and changes.

        Args:
            command: The command, or several lines.
            timeout_s: Seconds after which it is ended.
        """
        return await self._run(ctx.deps, "shell", command, timeout_s)

    async def _run(self, context: ToolContext, language: Language, code: str, timeout_s: float) -> str:
        if not code.strip():
            raise ModelRetry("There is nothing to run.")
        if len(code) > _MAX_CODE_CHARS:
            raise ModelRetry(f"A program has at most {_MAX_CODE_CHARS:,} characters; put data into files.")
        if not 0 < timeout_s <= self.sandbox.limits.time_s:
            raise ModelRetry(f"timeout_s is more than 0 and at most {self.sandbox.limits.time_s:g}.")
        outcome = await self.sandbox.run(
            context.workspace, language, code, timeout_s=timeout_s, on_output=context.console
        )
        for info in outcome.changes.written:
            await context.file_changed(info)
        for path in outcome.changes.removed:
            await context.file_removed(path)
        await context.executed(_event(language, code, outcome))
        return _answer(outcome, language)


def _event(language: Language, code: str, outcome: Outcome) -> CodeExecution:
    ended = "" if outcome.stopped_for is None else f"[ended: {_LIMITS[outcome.stopped_for]}]"
    cut = f"{code[:_LOGGED_CODE_CHARS]}\n[the rest is left out]" if len(code) > _LOGGED_CODE_CHARS else code
    return CodeExecution(
        language=language,
        code=cut.replace("\x00", "\ufffd"),
        exit_status=128 + outcome.signal if outcome.signal is not None else outcome.exit_status,
        output="\n".join(part for part in (outcome.output, ended) if part),
        duration_ms=outcome.duration_ms,
        isolation=outcome.isolation.value,
    )


def _answer(outcome: Outcome, language: Language) -> str:
    changes = outcome.changes
    parts = [
        _ending(outcome),
        f"Output:\n{outcome.output}" if outcome.output else "It printed nothing.",
        f"It printed {outcome.output_bytes:,} bytes; not all of them are shown." if outcome.truncated else "",
        _missing_module(outcome, language),
        _files("Files created", [f"{i.path} ({i.size_bytes:,} bytes)" for i in changes.written if i.created]),
        _files("Files changed", [i.path for i in changes.written if not i.created]),
        _files("Files removed", changes.removed),
        f"{changes.unreported:,} more files changed; they are not listed." if changes.unreported else "",
    ]
    return "\n".join(part for part in parts if part)


def _ending(outcome: Outcome) -> str:
    seconds = f"after {outcome.duration_ms / 1000:.1f} s"
    if outcome.stopped_for is not None:
        return f"The program was ended {seconds}: {_LIMITS[outcome.stopped_for]}."
    if outcome.signal is not None:
        try:
            name = signal.Signals(outcome.signal).name
        except ValueError:
            name = str(outcome.signal)
        return f"The program was ended {seconds} by signal {name}."
    return f"Exit status {outcome.exit_status} {seconds}."


def _missing_module(outcome: Outcome, language: Language) -> str:
    found = _MISSING.search(outcome.output)
    if found is None or outcome.exit_status == 0:
        return ""
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    return (
        f"The module {found[1]} is not available here and cannot be installed. "
        f"Write it with what {python} brings along, or with a module of your own in the workspace."
    )


def _files(title: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _LISTED_FILES} more" if len(names) > _LISTED_FILES else ""
    return f"{title}: {', '.join(names[:_LISTED_FILES])}{more}"
