"""The isolation that tests of the sandbox run under: bubblewrap where this machine allows it.

Where it does not, every test still runs and asserts what is declared in its place. Set
`PERDURE_TEST_ISOLATION` to `bubblewrap` where falling back would be a mistake, as on the build machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from perdure.agents.sandbox.sandbox import Isolation, Sandbox

INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", "bubblewrap")
INSTALL_TIMEOUT_S = 300


def ensure_bubblewrap() -> None:
    """Installs bubblewrap where it is missing and may be installed; otherwise leaves things as they are."""
    if shutil.which("bwrap") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (("apt-get", "update"), INSTALL):
        try:
            subprocess.run(
                command, env=environment, capture_output=True, timeout=INSTALL_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return


@pytest.fixture(scope="session")
def machine_isolation() -> Isolation:
    """What `auto` finds on this machine."""
    ensure_bubblewrap()
    sandbox = Sandbox()
    sandbox.detect()
    demanded = os.environ.get("PERDURE_TEST_ISOLATION")
    assert demanded in (None, sandbox.isolation.value), sandbox.state()["says"]
    return sandbox.isolation
