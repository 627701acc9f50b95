"""Processes of `perdure` that start at once: forked from one that has imported everything and run nothing.

To import the server takes seconds of a processor, hundreds of times over all tests. What is forked is a process
of its own like any other, with its own environment, folder and output, to be frozen and killed. Tests that are
about starting itself start a new interpreter; so do all where the lines that run are counted.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import BinaryIO

COUNTED = "COVERAGE_PROCESS_CONFIG"
IMPORTED = [
    "perdure.cli.app",
    "perdure.api.server",
    "perdure.modes.registry",
    "pydantic_ai.models.openai",
    "pydantic_ai.providers.openai",
]
NEW_INTERPRETER = (sys.executable, "-c", "from perdure.cli import main; main()")
RUN_WITHIN_S = 60


class Forked:
    """A forked process, with as much of `subprocess.Popen` as the tests use."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, *files: Path
    ) -> None:
        self._process = _forks().Process(
            target=_become, args=(list(arguments), dict(environment), folder, files), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Return the process's number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it without a warning."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended, when it has.

        Raises:
            TimeoutExpired: when it goes on for longer.
        """
        self._process.join(timeout)
        ended = self._process.exitcode
        if ended is None:
            raise subprocess.TimeoutExpired("perdure", timeout or 0)
        return ended


Program = Forked | subprocess.Popen[bytes]


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    *,
    stdout: Path,
    stderr: Path,
    stdin: Path = Path(os.devnull),
) -> Program:
    """Start `perdure` with the arguments, nothing but that environment, and its output added to the files."""
    if COUNTED not in os.environ:
        return Forked(arguments, environment, folder, stdin, stdout, stderr)
    with stdin.open("rb") as read, stdout.open("ab") as out, stderr.open("ab") as err:
        command = [*NEW_INTERPRETER, *arguments]
        return subprocess.Popen(command, env=environment, cwd=folder, stdin=read, stdout=out, stderr=err)


def run(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, *, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `perdure` to its end."""
    with tempfile.TemporaryDirectory() as kept:
        given, out, err = (Path(kept) / name for name in ("in", "out", "err"))
        given.write_text(stdin)
        program = start(arguments, environment, folder, stdin=given, stdout=out, stderr=err)
        code = program.wait(RUN_WITHIN_S)
        return subprocess.CompletedProcess(list(arguments), code, out.read_text(), err.read_text())


@cache
def _forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def _become(
    arguments: list[str], environment: dict[str, str], folder: Path, files: tuple[Path, Path, Path]
) -> None:
    """Be what was asked for: runs in the forked process, and ends it."""
    for number, path in enumerate(files):
        _open_as(path, number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open as long as the process
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["perdure", *arguments]
    from perdure.cli import main

    main()


def _open_as(path: Path, number: int) -> None:
    file: BinaryIO = path.open("ab" if number else "rb")
    with file:
        os.dup2(file.fileno(), number)
