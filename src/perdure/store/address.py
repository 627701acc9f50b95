"""Database addresses: which kinds there are, and opening an engine for each."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from perdure.errors import StartupError
from perdure.store.private import make_private_file

_BUSY_TIMEOUT_MS = 5_000
_MIN_SQLITE = (3, 35, 0)


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed database address."""

    url: URL

    @property
    def is_postgres(self) -> bool:
        """Whether several servers may share it."""
        return self.url.get_backend_name() == "postgresql"

    @property
    def is_memory(self) -> bool:
        """Whether it vanishes with the process."""
        return not self.is_postgres and self.url.database in (None, "", ":memory:")

    @property
    def file(self) -> Path | None:
        """The SQLite file; None for PostgreSQL and for memory."""
        return None if self.is_postgres or self.is_memory else Path(str(self.url.database))

    @property
    def kind(self) -> str:
        """`postgresql`, `sqlite` or `memory`."""
        return "postgresql" if self.is_postgres else "memory" if self.is_memory else "sqlite"

    def __str__(self) -> str:
        return self.url.set(drivername=self.url.get_backend_name()).render_as_string(hide_password=True)


def parse_address(text: str) -> Address:
    """Read a database address; driver suffixes of other tools (`+asyncpg`, `+aiosqlite`) are accepted.

    Raises:
        StartupError: when it is not an address, or of a database that is not supported.
    """
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, SQLAlchemyError, ValueError):
        raise StartupError(
            "The database address cannot be read. Use sqlite:///FILE, sqlite:// (in memory) or "
            "postgresql://USER:PASSWORD@HOST/NAME in PERDURE_DATABASE_URL."
        ) from None
    if backend in {"postgresql", "postgres"}:
        return Address(url.set(drivername="postgresql+psycopg"))
    if backend == "sqlite":
        return Address(url.set(drivername="sqlite"))
    raise StartupError(
        f"{backend!r} databases are not supported. Use SQLite or PostgreSQL in PERDURE_DATABASE_URL."
    )


def open_sqlite(address: Address, *, durability: str = "full", read_only: bool = False) -> Engine:
    """Return an engine for one SQLite connection at a time; transactions are begun by hand.

    Raises:
        StartupError: when the SQLite library is too old.
    """
    if sqlite3.sqlite_version_info < _MIN_SQLITE:
        raise StartupError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed.")
    engine = create_engine(
        address.url,
        poolclass=StaticPool if address.is_memory else NullPool,
        connect_args={
            "check_same_thread": False,
            "timeout": _BUSY_TIMEOUT_MS / 1000,
            "cached_statements": 256,
        },
        isolation_level="AUTOCOMMIT",
    )

    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        elif not address.is_memory:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute(f"PRAGMA synchronous={'FULL' if durability == 'full' else 'NORMAL'}")
            cursor.execute("PRAGMA journal_size_limit=67108864")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.execute("PRAGMA cache_size=-16000")
        cursor.close()

    event.listen(engine, "connect", configure)
    if address.file is not None and not read_only:
        make_private = partial(make_private_file, address.file)
        event.listen(
            engine, "do_connect", lambda *_how: make_private()
        )  # what SQLite puts beside it is like it
    return engine


def open_postgres(address: Address, *, sees_all: bool = False) -> Engine:
    """Return an engine that keeps no connections; statements that hang are given up by the server.

    With `sees_all` it acts for the server where the database checks rows.
    """
    return create_engine(
        address.url,
        poolclass=NullPool,
        connect_args={
            "connect_timeout": 5,
            "options": "-c statement_timeout=30000 -c lock_timeout=10000 "
            "-c idle_in_transaction_session_timeout=30000" + (" -c perdure.user=*" if sees_all else ""),
        },
    )
