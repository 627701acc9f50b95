"""The isolation that tests of the sandbox run under: bubblewrap where this machine allows it.

Where it does not, every test still runs and asserts what is declared in its place. `./dev test` sets
`PERDURE_TEST_ISOLATION` to `bubblewrap` wherever that works by itself, so that falling back fails there.
"""

from __future__ import annotations

import os

import pytest

from perdure.agents.sandbox.sandbox import Isolation, Sandbox
from tools.suite import ISOLATION, install_bubblewrap


@pytest.fixture(scope="session")
def machine_isolation() -> Isolation:
    """What `auto` finds on this machine."""
    install_bubblewrap()
    sandbox = Sandbox()
    sandbox.detect()
    demanded = os.environ.get(ISOLATION)
    assert demanded in (None, sandbox.isolation.value), sandbox.state()["says"]
    return sandbox.isolation
