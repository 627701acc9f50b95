"""Looking after a database by hand: upgrade, check, backup."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import text

from perdure.errors import InvalidInput, StartupError
from perdure.store import migrate
from perdure.store.address import open_postgres, open_sqlite, parse_address
from perdure.store.failures import DRIVER_ERRORS
from perdure.store.guard import FileGuard


def upgrade(url: str) -> dict[str, Any]:
    """Bring the database to this program's schema; returns `{revision, head}`. A second call changes nothing.

    Raises:
        StartupError: when it cannot be used, is newer than this program, or a server is running on it.
    """
    address = parse_address(url)
    if address.is_postgres:
        engine = open_postgres(address, sees_all=True)
        migrate.prepare_postgres(engine, address)
        with engine.connect() as connection:
            current, head = migrate.revisions(connection)
        engine.dispose()
        return {"revision": current, "head": head}
    guard = FileGuard.take(address.file) if address.file is not None else None
    try:
        connection = migrate.prepare_sqlite(open_sqlite(address), address)
        current, head = migrate.revisions(connection)
        connection.close()
    finally:
        if guard is not None:
            guard.release()
    return {"revision": current, "head": head}


def check(url: str) -> dict[str, Any]:
    """Look at a database without changing it.

    Returns `{backend, exists, revision, head, integrity, gaps}`; `gaps` names sessions whose log does not
    count 1 to its last number.

    Raises:
        StartupError: when it cannot be opened.
    """
    address = parse_address(url)
    if address.file is not None and not address.file.exists():
        return {
            "backend": address.kind,
            "exists": False,
            "revision": None,
            "head": None,
            "integrity": None,
            "gaps": [],
        }
    engine = (
        open_postgres(address, sees_all=True) if address.is_postgres else open_sqlite(address, read_only=True)
    )
    try:
        with engine.connect() as connection:
            current, head = migrate.revisions(connection)
            integrity = "ok"
            if not address.is_postgres:
                integrity = str(connection.execute(text("PRAGMA quick_check")).scalar())
            gaps: list[str] = []
            if current is not None:
                rows = connection.execute(
                    text(
                        "SELECT l.session_id FROM pd_session_logs l LEFT JOIN pd_events e ON e.session_id = l.session_id"
                        " GROUP BY l.session_id, l.last_seq HAVING count(e.seq) <> l.last_seq"
                        " OR coalesce(max(e.seq), 0) <> l.last_seq"
                    )
                )
                gaps = [row[0] for row in rows]
    except DRIVER_ERRORS as error:
        raise migrate.unusable(address, error) from error
    finally:
        engine.dispose()
    return {
        "backend": address.kind,
        "exists": True,
        "revision": current,
        "head": head,
        "integrity": integrity,
        "gaps": gaps,
    }


def backup(url: str, target: Path) -> Path:
    """Write a consistent copy of an SQLite database, while a server may go on writing; returns its path.

    Raises:
        InvalidInput: for other databases (use their own tools), or when the target exists or has no folder.
        StartupError: when the database cannot be read.
    """
    file = check_copy(url, target)
    source = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    try:
        source.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise migrate.unusable(parse_address(url), error) from error
    finally:
        source.close()
    return target


def check_copy(url: str, target: Path) -> Path:
    """Look whether a copy can be made there; returns the file to copy.

    Raises:
        InvalidInput: as `backup`.
        StartupError: when there is no database.
    """
    address = parse_address(url)
    if address.file is None:
        raise InvalidInput("Only SQLite files are copied this way; use pg_dump for PostgreSQL.")
    if target.exists():
        raise InvalidInput(f"{str(target)!r} exists; choose another name.")
    if not target.absolute().parent.is_dir():
        raise InvalidInput(f"The folder {str(target.parent)!r} does not exist; make it first.")
    if not address.file.exists():
        raise StartupError(f"There is no database at {str(address.file)!r}.")
    return address.file
