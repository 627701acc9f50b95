"""New databases as copies of one: to bring a file to the newest schema takes longer than most tests."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from perdure.store import maintenance


def new_database(path: Path) -> None:
    """Write an empty database of the newest schema, unless there is a file already."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_empty())


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "perdure.db"
        maintenance.upgrade(f"sqlite:///{path}")
        return path.read_bytes()
