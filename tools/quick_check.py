"""The quick check: formatting, lint, types, layers and unit tests, side by side, in under a minute."""

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from tools.environment import ROOT, VENV, say

CORE_COVERAGE = (
    *("--cov=perdure.core", "--cov-branch", "--cov-fail-under=100"),
    "--cov-report=term-missing:skip-covered",
)
"""What the pure core's own tests leave out is a failure: there is nothing in it that a test could not reach."""
PYTEST = ("pytest", "-q", "-p", "no:schemathesis", "-p", "no:playwright")
"""Plugins that these tests do not use take seconds to load."""
CHECKS = {
    "types": ("basedpyright", "--level", "error"),
    "services": (*PYTEST, "tests/unit/services"),
    "unit tests": (*PYTEST, "tests/unit", "--ignore=tests/unit/core", "--ignore=tests/unit/services"),
    "core": (*PYTEST, "tests/unit/core", *CORE_COVERAGE),
    "layers": ("lint-imports", "--no-cache"),
    "format": ("ruff", "format", "--check", "."),
    "lint": ("ruff", "check", "."),
}
"""Two at a time in this order, the longest first."""


def run(names: list[str]) -> int:
    """Runs the checks named, or all, two at a time; prints what failing ones said. Returns the exit code."""
    unknown = set(names) - CHECKS.keys()
    if unknown:
        say(f"no such check: {', '.join(sorted(unknown))}; there are: {', '.join(CHECKS)}")
        return 2
    failed: list[str] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = {
            pool.submit(_run_one, *CHECKS[name]): name for name in CHECKS if not names or name in names
        }
        for done in as_completed(running):
            (code, output, took_s), name = done.result(), running[done]
            say(f"{name}: {'ok' if code == 0 else 'FAILED'} ({took_s:.1f} s)")
            if code != 0:
                failed.append(name)
                print(output, flush=True)
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _run_one(program: str, *arguments: str) -> tuple[int, str, float]:
    started = time.monotonic()
    done = subprocess.run(
        [VENV / "bin" / program, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout, time.monotonic() - started
