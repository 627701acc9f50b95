"""Reading the audit log: page by page for people, and from end to end to verify it.

What is done to a database without a server is noted here as well.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, func, select, type_coerce

from perdure.core.access import Actor
from perdure.core.audit import GENESIS, Act, AuditEntry, AuditResult, Head, Verdict
from perdure.core.audit import verify as verify_entries
from perdure.core.clock import utc_now
from perdure.errors import StartupError
from perdure.store import migrate
from perdure.store.address import open_postgres, open_sqlite, parse_address
from perdure.store.chain import append_acts
from perdure.store.failures import DRIVER_ERRORS
from perdure.store.tables import audit_entries as table
from perdure.store.tables import audit_head
from perdure.store.transaction import Tx

_AT_ONCE = 1000
_IDS_AT_ONCE = 500
_COLUMNS: tuple[ColumnElement[Any], ...] = (
    *(table.c.position, type_coerce(table.c.created_at, audit_head.c.position.type), table.c.actor_id),
    *(table.c.action, table.c.object_type, table.c.object_id, table.c.session_id, table.c.source),
    *(table.c.result, type_coerce(table.c.details, Text), table.c.previous_hash, table.c.hash),
)
"""As they are stored, not read as times or JSON: what was tampered with need not be either."""


def list_entries(
    tx: Tx,
    *,
    session_id: str | None = None,
    actor_id: str | None = None,
    object_type: str | None = None,
    object_id: str | None = None,
    action: str | None = None,
    before: int | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[AuditEntry], int]:
    """Return entries of lower position than `before`, newest first, and how many match over all pages."""
    wanted = {
        "session_id": session_id,
        "actor_id": actor_id,
        "object_type": object_type,
        "object_id": object_id,
        "action": action,
    }
    conditions = [table.c[name] == value for name, value in wanted.items() if value is not None]
    total = tx.db.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
    query: Select[Any] = select(*_COLUMNS).where(*conditions).order_by(table.c.position.desc())
    if before is not None:
        query = query.where(table.c.position < before)
    rows = tx.db.execute(query.limit(limit).offset(offset))
    return [_entry(row) for row in rows], int(total)


def purged_sessions(tx: Tx, ids: Sequence[str]) -> set[str]:
    """Return those of the ids that were sessions of this database and were removed from it for good."""
    found: set[str] = set()
    for start in range(0, len(ids), _IDS_AT_ONCE):
        query = select(table.c.session_id).where(
            table.c.session_id.in_(ids[start : start + _IDS_AT_ONCE]),
            table.c.action == "session.purge",
            table.c.result == AuditResult.DONE,
        )
        found.update(row[0] for row in tx.db.execute(query))
    return found


def verify(url: str, against: Sequence[Head] = ()) -> Verdict:
    """Look through the whole chain of a database, a thousand rows at a time, while servers may go on writing.

    A database that does not exist yet has an empty chain. `against` is what was noted of it elsewhere.

    Raises:
        StartupError: when it cannot be opened, or is not at this program's schema.
    """
    with _looked_at(url) as connection:
        if connection is None:
            return verify_entries((), against=against)
        return verify_entries(_all(connection), _head(connection), against=against)


def head(url: str) -> Head:
    """Return the last link of the chain, to be noted elsewhere; nothing is looked through.

    Raises:
        StartupError: as `verify`.
    """
    with _looked_at(url) as connection:
        found = None if connection is None else _head(connection)
        return found if found is not None and found.position else Head(0, GENESIS)


def note(url: str, actor: Actor, action: str, object_type: str, **details: Any) -> None:
    """Write into the audit log of a database that somebody works on without a server; servers may run.

    Raises:
        StartupError: when it cannot be written, or is not at this program's schema.
    """
    with _opened(url) as (connection, postgres):
        if connection is None:
            raise StartupError("There is no database yet.")
        act = Act.of(actor, action, object_type, None, details=details)
        if not postgres:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        driver: Any = connection.connection.driver_connection
        cursor = driver.cursor()
        try:
            append_acts(cursor, postgres, [act], utc_now())
            driver.commit()
        except BaseException:
            driver.rollback()
            raise
        finally:
            cursor.close()


@contextmanager
def _looked_at(url: str) -> Generator[Connection | None]:
    """One look at the whole database as it is now."""
    with _opened(url, "REPEATABLE READ") as (connection, postgres):
        if connection is not None and not postgres:
            driver: Any = connection.connection.driver_connection
            driver.text_factory = _text  # text that is none any more is a changed row, not a broken file
            connection.exec_driver_sql("BEGIN")
        yield connection


@contextmanager
def _opened(url: str, level: str | None = None) -> Generator[tuple[Connection | None, bool]]:
    """A connection, to read if a level is given for it, and whether it is to PostgreSQL; None: nothing is there."""
    address = parse_address(url)
    if address.is_memory or (address.file is not None and not address.file.exists()):
        yield None, False
        return
    if address.is_postgres:
        engine = open_postgres(address, sees_all=True)
    else:
        engine = open_sqlite(address, read_only=level is not None)
    isolation = level if address.is_postgres and level is not None else "AUTOCOMMIT"
    try:
        with engine.connect() as connection:
            current, newest = migrate.revisions(connection)
            connection.rollback()
            if current is None:
                yield None, address.is_postgres
                return
            if current != newest:
                raise StartupError(
                    f"The database {address} has the schema {current}, not {newest}: run `perdure db upgrade`."
                )
            if level is not None:
                connection.execution_options(isolation_level=isolation)
            yield connection, address.is_postgres
    except DRIVER_ERRORS as error:
        raise migrate.unusable(address, error) from error
    finally:
        engine.dispose()


def _text(stored: bytes) -> str:
    return stored.decode(errors="backslashreplace")


def _head(connection: Connection) -> Head:
    row = connection.execute(select(audit_head.c.position, audit_head.c.hash)).first()
    return Head(0, "") if row is None else Head(row[0], row[1])


def _all(connection: Connection) -> Iterator[AuditEntry]:
    query: Select[Any] = select(*_COLUMNS).order_by(table.c.position).limit(_AT_ONCE)
    last: int | None = None
    while True:
        page = query if last is None else query.where(table.c.position > last)
        rows = connection.execute(page).all()
        yield from map(_entry, rows)
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1][0]


def _entry(row: Any) -> AuditEntry:
    values: tuple[Any, ...] = tuple(row)
    return AuditEntry(values[0], values[1], Act(*values[2:10]), values[10], values[11])
