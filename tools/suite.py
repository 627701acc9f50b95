"""The whole test suite: two runs of pytest side by side, so that no core waits for the other's last file.

There are two because Playwright's event loop stays open in the process that used it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.environment import ROOT, say

# The order within a worker's queue is that of tests/provision/longest_first.py.
BY_FILE = ("--dist", "loadfile", "--no-loadscope-reorder", "--durations=30")
INSTALL_WITHIN_S = 300
ISOLATION = "PERDURE_TEST_ISOLATION"
MOST_WORKERS = 8


@dataclass(frozen=True)
class Part:
    """One run of pytest: what it is called, and its arguments."""

    name: str
    arguments: tuple[str, ...]


def parts(cores: int) -> list[Part]:
    """Return the runs for so many cores, the longer first.

    Together they have more workers than there are cores: tests wait for processes and disks as well. A plugin that
    a part has no use for is not loaded: that takes seconds in each of its processes.
    """
    others, browsers = min(2 * cores, MOST_WORKERS), min(max(2, cores), MOST_WORKERS // 2)
    kept = ("-n", str(others), *BY_FILE, "-p", "no:playwright", "-m", "not browser and not soak")
    shown = ("-n", str(browsers), *BY_FILE, "-p", "no:schemathesis", "-m", "browser and not soak")
    return [Part("all but browser tests", kept), Part("browser tests", (*shown, "tests/browser"))]


def run(command: Sequence[str | Path], *, at_once: bool = True) -> int:
    """Run pytest, which is started by the command, over everything; return the first exit code that is not 0.

    What the longer run says is printed as it comes, what the others say when they and it have ended.
    """
    first, *others = parts(os.cpu_count() or 1)
    if not at_once:
        codes = [_call(command, part) for part in (first, *others)]
        return next((code for code in codes if code), 0)
    return run_at_once(
        [*command, *first.arguments], {part.name: [*command, *part.arguments] for part in others}
    )


def run_at_once(first: Sequence[str | Path], others: Mapping[str, Sequence[str | Path]]) -> int:
    """Run commands side by side; return the first exit code that is not 0."""
    with tempfile.TemporaryDirectory(prefix="perdure-suite-") as folder:
        said = {name: Path(folder) / str(number) for number, name in enumerate(others)}
        beside: dict[str, subprocess.Popen[bytes]] = {}
        for name, command in others.items():
            say(f"pytest, {name}: beside, shown at the end")
            with said[name].open("wb") as file:
                beside[name] = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)
        try:
            codes = [subprocess.call(first, cwd=ROOT)]
            for name, process in beside.items():
                codes.append(process.wait())
                say(f"pytest, {name}: exit code {codes[-1]}")
                sys.stdout.write(said[name].read_text(errors="replace"))
                sys.stdout.flush()
        except BaseException:
            for process in beside.values():
                process.terminate()
                process.wait()
            raise
    return next((code for code in codes if code), 0)


def _call(command: Sequence[str | Path], part: Part) -> int:
    say(f"pytest, {part.name}")
    return subprocess.call([*command, *part.arguments], cwd=ROOT)


def demand_isolation() -> None:
    """Have programs of agents isolated by bubblewrap in the tests, where this machine can; say it where not."""
    if ISOLATION in os.environ:
        return
    install_bubblewrap()
    if isolates():
        os.environ[ISOLATION] = "bubblewrap"
    else:
        say("bubblewrap is missing or not allowed here: tests assert what is declared in its place")


def install_bubblewrap() -> None:
    """Install bubblewrap where it is missing and may be installed; otherwise leave things as they are."""
    if shutil.which("bwrap") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    say("bubblewrap, the sandbox (0.1 MB)")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ("apt-get", "install", "-y", "--no-install-recommends", "bubblewrap")
    for command in (("apt-get", "update"), install):
        try:
            subprocess.run(
                command, env=environment, capture_output=True, timeout=INSTALL_WITHIN_S, check=False
            )
        except subprocess.TimeoutExpired:
            return


def isolates() -> bool:
    """Whether bubblewrap is there and the machine lets it make namespaces."""
    program = shutil.which("bwrap")
    if program is None:
        return False
    probe = [program, "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]
    return subprocess.run(probe, capture_output=True, timeout=20, check=False).returncode == 0
