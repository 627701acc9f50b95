"""What bubblewrap is told, in the order that matters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from perdure.agents.sandbox.bubblewrap import Bubblewrap
from perdure.agents.sandbox.limits import SandboxLimits


def test_a_python_under_tmp_stays_visible_when_tmp_is_covered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", "/tmp/checkout/.venv")
    words = Bubblewrap("bwrap", True, True, ()).command(tmp_path, tmp_path, ["true"], SandboxLimits())
    covered = max(n for n, word in enumerate(words) if (words[n - 1], word) == ("--tmpfs", "/tmp"))
    assert words.index("/tmp/checkout/.venv") > covered
