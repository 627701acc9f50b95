"""A workspace, and sandboxes of both kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure.store.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return Workspace(tmp_path / "work")
