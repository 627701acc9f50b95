"""The engine's own database: a second file beside ours on SQLite, a schema of its own on PostgreSQL."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbos import DBOSConfig

from perdure.store.address import Address
from perdure.store.engine_file import open_engine_file
from perdure.store.private import make_private_folder


@dataclass(frozen=True)
class EngineDatabase:
    """Where the engine keeps its checkpoints."""

    url: str
    engine: Any = None
    options: DBOSConfig = field(default_factory=DBOSConfig)


def engine_database(address: Address, data_dir: Path | None) -> EngineDatabase:
    """Return the engine's database for ours."""
    if address.is_postgres:
        return EngineDatabase(
            address.url.render_as_string(hide_password=False),
            options=DBOSConfig(dbos_system_schema="perdure_engine", sys_db_pool_size=8),
        )
    file = address.file
    path = (
        file.with_name(f"{file.stem}-engine.db")
        if file is not None
        else (data_dir or _temporary()) / "engine.db"
    )
    make_private_folder(path.parent)
    return EngineDatabase(f"sqlite:///{path}", open_engine_file(path))


def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="perdure-engine-"))
