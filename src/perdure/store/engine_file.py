"""The SQLite engine handed to the run engine: WAL and full durability, which it does not set itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

from perdure.store.private import make_private_file


def open_engine_file(path: Path) -> Engine:
    """Return an engine with a small pool on the file; the receiver owns and disposes it."""
    make_private_file(path)
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=4,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": 30},
    )

    def configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.close()
        connection.isolation_level = "IMMEDIATE"

    event.listen(engine, "connect", configure)
    return engine
