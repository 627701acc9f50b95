"""A host without OpenMP uses the one that a wheel brought along."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from perdure.agents.local import openmp

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="no wheel brings it along here"
)

LOAD = """
import ctypes
ctypes.CDLL("libgomp.so.1")
import xllamacpp
print({line.split()[-1] for line in open("/proc/self/maps") if "gomp" in line})
"""


def test_the_bundled_library_serves_the_model_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openmp, "_is_on_host", lambda: False)
    environment = {**os.environ, **openmp.environment(tmp_path)}
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD], env=environment, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == str({str(openmp.find_bundled())})


def test_the_hosts_own_library_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openmp, "_is_on_host", lambda: True)
    assert openmp.environment(tmp_path) == {}
    assert not list(tmp_path.iterdir())
