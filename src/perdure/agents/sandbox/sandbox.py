"""Runs one program in a workspace, under the strongest isolation that works on this machine."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from perdure.agents.sandbox.bubblewrap import Bubblewrap, NotInstalled
from perdure.agents.sandbox.changes import Changes, find_changes, take_snapshot
from perdure.agents.sandbox.launch import Language, Report, probe, specify, supervise
from perdure.agents.sandbox.limits import SandboxLimits
from perdure.agents.sandbox.output import OnOutput, Output
from perdure.errors import StartupError
from perdure.store.workspace import Workspace

Choice = Literal["auto", "bubblewrap", "limits"]


class Isolation(StrEnum):
    """What keeps a program apart from the server."""

    BUBBLEWRAP = "bubblewrap"
    LIMITS_ONLY = "limits-only"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended. At most one of `exit_status`, `signal` and `stopped_for` is set."""

    exit_status: int | None
    signal: int | None
    stopped_for: str | None
    """The limit that ended it: `time`, `memory`, `processes` or `disk`."""
    duration_ms: int
    output: str
    """The last part of what it printed, both streams as they came."""
    output_bytes: int
    """All that it printed."""
    truncated: bool
    """Whether more was printed than is shown anywhere."""
    isolation: Isolation
    changes: Changes


class Sandbox:
    """Made once per server. `hidden` names folders that are covered even where the system is shown."""

    def __init__(
        self,
        limits: SandboxLimits | None = None,
        *,
        choice: Choice = "auto",
        hidden: Sequence[Path] = (),
    ) -> None:
        self.limits = limits or SandboxLimits()
        self._choice: Choice = choice
        self._hidden = tuple(hidden)
        self._bubblewrap: Bubblewrap | None = None
        self._why_not: str | None = None
        self._found = False
        self._lock = threading.Lock()

    def detect(self) -> None:
        """Find out what works here, by running something. A second call does nothing. Blocks.

        Raises:
            StartupError: when bubblewrap was demanded and does not work.
        """
        with self._lock:
            if self._found:
                return
            if self._choice == "limits":
                self._why_not = "the settings ask for limits only"
            else:
                self._try_bubblewrap()
            self._found = True

    @property
    def isolation(self) -> Isolation:
        """What is in force; before `detect`, the weaker."""
        return Isolation.LIMITS_ONLY if self._bubblewrap is None else Isolation.BUBBLEWRAP

    def state(self) -> dict[str, str]:
        """Return what `/ready` says: the isolation's name, and a sentence about what it means."""
        if not self._found:
            return {"isolation": "unknown", "says": "Not tried yet."}
        if self._bubblewrap is not None:
            says = (
                "Programs of agents run in namespaces of their own: no network, a read-only system, and the "
                "session's workspace as the only folder of the machine that they see and write to."
            )
        else:
            says = (
                "Programs of agents are not isolated: they run as the server's own user, with limits on time, "
                "memory, processes and files only, can read what the server can read, and can use the "
                f"network; {self._why_not}."
            )
        return {"isolation": self.isolation.value, "says": says}

    async def run(
        self, workspace: Workspace, language: Language, code: str, *, timeout_s: float, on_output: OnOutput
    ) -> Outcome:
        """Run a program in the workspace and wait for its end; nothing that it started is left running.

        `timeout_s` is bounded by the limits. A cancellation ends the program before it is raised on.

        Raises:
            SandboxFailed: when it could not be started or its end is unknown.
        """
        await asyncio.to_thread(self.detect)
        before = await asyncio.to_thread(take_snapshot, workspace)
        output = Output(self.limits.output_bytes, on_output)
        private = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="perdure-program-"))
        try:
            specification = await asyncio.to_thread(
                specify,
                language,
                code,
                workspace=workspace.root,
                private=private,
                limits=self.limits,
                time_s=min(max(timeout_s, 0.1), self.limits.time_s),
                bubblewrap=self._bubblewrap,
                workspace_bytes=before.total_bytes,
            )
            report = await supervise(specification, output)
        finally:
            shutil.rmtree(private, ignore_errors=True)
        changes = await asyncio.to_thread(find_changes, workspace, before, self.limits.changed_files)
        return self._outcome(report, output, changes)

    def _outcome(self, report: Report, output: Output, changes: Changes) -> Outcome:
        ended_itself = report["reason"] is None
        return Outcome(
            exit_status=report["exit"] if ended_itself else None,
            signal=report["signal"] if ended_itself else None,
            stopped_for=report["reason"],
            duration_ms=round(report["duration_s"] * 1000),
            output=output.tail,
            output_bytes=output.total_bytes,
            truncated=output.truncated,
            isolation=self.isolation,
            changes=changes,
        )

    def _try_bubblewrap(self) -> None:
        try:
            found = Bubblewrap.find(self._hidden)
            problem = probe(found)
        except NotInstalled as error:
            found, problem = None, str(error)
        if problem is None:
            self._bubblewrap = found
            return
        self._why_not = problem
        if self._choice == "bubblewrap":
            raise StartupError(
                f"PERDURE_SANDBOX is 'bubblewrap', but {problem}. Install or allow it, or set 'auto'."
            )
