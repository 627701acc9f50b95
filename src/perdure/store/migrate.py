"""Bringing a database to the schema of this program, or saying why that cannot be."""

from __future__ import annotations

from functools import cache
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy import exc as sa_exc

from perdure.core.access import LOCAL_ACTOR, SYSTEM_ACTOR
from perdure.errors import StartupError
from perdure.store.address import Address, open_sqlite
from perdure.store.columns import to_micros

_VERSION_TABLE = "pd_schema_version"
_MIGRATION_LOCK = 7_201_948_113


def prepare_sqlite(engine: Engine, address: Address) -> Connection:
    """Open the writing connection, migrate, and return it.

    Raises:
        StartupError: when the file is no database, is damaged, read-only or newer than this program.
    """
    try:
        connection = engine.connect()
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _upgrade(connection, address)
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.close()  # ends the transaction with it
            raise
    except sa_exc.DBAPIError as error:
        raise unusable(address, error) from error
    return connection


def prepare_postgres(engine: Engine, address: Address) -> None:
    """Migrate under a lock that lets one server at a time do so.

    Raises:
        StartupError: when the database cannot be reached or is newer than this program.
    """
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.execute(text("SELECT set_config('perdure.user', '*', true)"))
            _upgrade(connection, address)
    except sa_exc.DBAPIError as error:
        raise unusable(address, error) from error


def revisions(connection: Connection) -> tuple[str | None, str]:
    """Return the database's revision and the newest one this program knows."""
    head = _script().get_current_head()
    assert head is not None
    current = MigrationContext.configure(
        connection, opts={"version_table": _VERSION_TABLE}
    ).get_current_revision()
    return current, head


def is_current(address: Address) -> bool:
    """Whether an SQLite file is there and has this program's schema; nothing is changed."""
    if address.file is None or not address.file.exists():
        return False
    engine = open_sqlite(address, read_only=True)
    try:
        with engine.connect() as connection:
            current, head = revisions(connection)
    except sa_exc.DBAPIError as error:
        raise unusable(address, error) from error
    finally:
        engine.dispose()
    return current == head


def _upgrade(connection: Connection, address: Address) -> None:
    current, head = revisions(connection)
    if current is not None and current not in {r.revision for r in _script().walk_revisions()}:
        raise StartupError(
            f"The database {address} was written by a newer Perdure (schema {current}; this one knows {head}). "
            "Install that version, or point PERDURE_DATABASE_URL at another database."
        )
    if current != head:
        command.upgrade(_config(connection), "head")
    for actor, role in ((LOCAL_ACTOR, "admin"), (SYSTEM_ACTOR, "system")):
        connection.execute(
            text(
                "INSERT INTO pd_users (id, name, role, created_at) SELECT :id, :name, :role, :at"
                " WHERE NOT EXISTS (SELECT 1 FROM pd_users WHERE id = :id)"
            ),
            {"id": actor.user_id, "name": actor.name, "role": role, "at": to_micros(_epoch())},
        )


def _epoch() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 1, 1, tzinfo=UTC)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "perdure.store:migrations")
    config.attributes["connection"] = connection
    return config


@cache
def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def unusable(address: Address, error: Exception) -> StartupError:
    """Return what to tell about a database that a driver refuses."""
    cause = str(getattr(error, "orig", None) or error).strip().splitlines() or ["no reason given"]
    return StartupError(
        f"The database {address} cannot be used: {cause[0]}. "
        "Check PERDURE_DATABASE_URL or PERDURE_DATA_DIR, and that the file or server can be written."
    )
