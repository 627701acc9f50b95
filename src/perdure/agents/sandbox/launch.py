"""Starting a program through its supervisor, and finding out whether an isolation really isolates."""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Literal

from perdure.agents.sandbox import supervisor
from perdure.agents.sandbox.bubblewrap import PROGRAM_PLACE, Bubblewrap, environment
from perdure.agents.sandbox.limits import SandboxLimits
from perdure.agents.sandbox.output import Output
from perdure.errors import Unavailable

Language = Literal["python", "shell"]
Specification = dict[str, Any]
"""What the supervisor is told, as JSON."""
Report = dict[str, Any]
"""What it says at the end."""

_GRACE_S = 15
_PROBE_S = 20
_SUPERVISOR = (sys.executable, "-I", "-S", supervisor.__file__)
# Local modules can be imported, but only after the standard library; a traceback shows the real lines.
_RUN_PYTHON = (
    "import sys; sys.path.append(''); sys.argv = sys.argv[1:]; __file__ = sys.argv[0]; "
    "exec(compile(open(__file__, encoding='utf-8').read(), __file__, 'exec'), globals())"
)
_PROBE = """
import os
assert not os.path.exists({canary!r}), "files outside the workspace can be seen"
names = [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line]
assert names == ["lo"], "the network can be reached"
open("made", "w").write("here")
"""


class SandboxFailed(Unavailable):
    """The program was not run, because its isolation could not be set up."""

    code = "sandbox-failed"


def specify(
    language: Language,
    code: str,
    *,
    workspace: Path,
    private: Path,
    limits: SandboxLimits,
    time_s: float,
    bubblewrap: Bubblewrap | None,
    workspace_bytes: int = 0,
) -> Specification:
    """Return how the program is to be run; its code is put into `private`, which only it reads. Blocks."""
    name = "program.py" if language == "python" else "program.sh"
    (private / name).write_text(code, encoding="utf-8", errors="replace", newline="")
    if bubblewrap is not None:
        command = _interpreter(language, f"{PROGRAM_PLACE}/{name}")
        argv = bubblewrap.command(workspace, private, command, limits)
        env = {"PATH": os.defpath}
    else:
        argv = _interpreter(language, str(private / name))
        env = environment(home=str(private), temporary=str(private))
    return {
        "argv": argv,
        "env": env,
        "cwd": str(workspace),
        "workspace": str(workspace),
        "workspace_bytes": workspace_bytes,
        "private": str(private),
        "wrapped": bubblewrap is not None,
        "timeout_s": time_s,
        "memory_bytes": limits.memory_bytes,
        "processes": limits.processes,
        "disk_bytes": limits.disk_bytes,
        "rlimits": _resource_limits(limits, time_s),
    }


async def supervise(specification: Specification, output: Output) -> Report:
    """Run what is specified and return how it ended. A cancellation ends it first.

    Raises:
        SandboxFailed: when it could not be started.
    """
    report_read, report_write = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *_SUPERVISOR,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(report_write,),
            env={},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        os.close(report_read)
        raise SandboxFailed(f"No program can be started now: {error}") from error
    finally:
        os.close(report_write)
    try:
        await _follow(process, {**specification, "report_fd": report_write}, output)
        return _read_report(report_read, output)
    finally:
        os.close(report_read)


@cache
def probe(bubblewrap: Bubblewrap) -> str | None:
    """Run a program that looks for ways out; return what is wrong, if anything is. Once per process. Blocks."""
    with tempfile.TemporaryDirectory(prefix="perdure-probe-") as folder:
        workspace, private, canary = (Path(folder) / name for name in ("workspace", "private", "canary"))
        workspace.mkdir()
        private.mkdir()
        canary.write_text("secret")
        code = _PROBE.format(canary=str(canary))
        specification = specify(
            "python",
            code,
            workspace=workspace,
            private=private,
            limits=SandboxLimits(),
            time_s=_PROBE_S,
            bubblewrap=bubblewrap,
        )
        problem = _run_and_wait(specification)
        if problem is None and not (workspace / "made").is_file():
            return "bubblewrap does not let programs write to the workspace"
        return problem


async def _follow(process: asyncio.subprocess.Process, specification: Specification, output: Output) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        process.stdin.write(json.dumps(specification).encode() + b"\n")
        async with asyncio.timeout(specification["timeout_s"] + _GRACE_S):
            await output.read(process.stdout, process.stderr)
            await process.wait()
    except TimeoutError as error:
        raise SandboxFailed("The program could not be ended in time.") from error
    finally:
        await asyncio.shield(asyncio.ensure_future(_end(process)))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let the supervisor kill what it started; it ends by itself then."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()


def _read_report(descriptor: int, output: Output) -> Report:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        line = file.read()
    if not line:
        raise SandboxFailed(f"The program's supervisor was killed. {output.tail}".strip())
    report: Report = json.loads(line)
    if report["reason"] == "setup":
        raise SandboxFailed(f"The sandbox could not be set up: {output.tail or 'it said nothing'}")
    return report


def _run_and_wait(specification: Specification) -> str | None:
    report_read, report_write = os.pipe()
    with os.fdopen(report_read, "rb") as reports:
        try:
            process = subprocess.Popen(
                _SUPERVISOR,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(report_write,),
                env={},
                cwd="/",
                start_new_session=True,
            )
        finally:
            os.close(report_write)
        assert process.stdin is not None
        assert process.stdout is not None
        with process:
            process.stdin.write(json.dumps({**specification, "report_fd": report_write}).encode() + b"\n")
            process.stdin.flush()
            said = process.stdout.read().decode("utf-8", "replace").strip()
            report: Report = json.loads(reports.read() or "{}")
        if report.get("exit") == 0:
            return None
        return f"bubblewrap does not work: {said.rpartition(chr(10))[2] or report.get('reason')}"


def _interpreter(language: Language, path: str) -> list[str]:
    if language == "python":
        return [sys.executable, "-I", "-B", "-u", "-c", _RUN_PYTHON, path]
    shell = next((each for each in ("/bin/bash", "/usr/bin/bash") if Path(each).exists()), "/bin/sh")
    return [shell, path]


def _resource_limits(limits: SandboxLimits, time_s: float) -> dict[str, int]:
    """The kernel's limits hold for each process alone; the supervisor adds them up.

    Address space gets room to spare, since many programs reserve far more than they use.
    """
    return {
        "RLIMIT_AS": 8 * limits.memory_bytes,
        "RLIMIT_DATA": limits.memory_bytes,
        "RLIMIT_FSIZE": limits.file_bytes,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CPU": math.ceil(time_s * (os.cpu_count() or 1)) + 1,
        "RLIMIT_CORE": 0,
    }
