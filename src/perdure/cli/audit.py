"""`perdure audit`: who did what, and whether that record is whole."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from perdure.cli import output
from perdure.cli.db import Database
from perdure.cli.exits import Exit
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, connect
from perdure.client.models import AuditEntry
from perdure.config import load_settings
from perdure.core.audit import Head, Verdict, read_heads
from perdure.errors import InvalidInput

app = typer.Typer(help="See who did what, and verify that nobody changed that record.", no_args_is_help=True)

_COLUMNS = ("ROW", "WHEN", "WHO", "ACTION", "RESULT", "OBJECT", "FROM")


@app.command("list")
def list_(
    session: Annotated[str | None, typer.Option(help="Only of this session.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List who did what, newest first; of the whole server for its administrators."""
    with connect(server) as client:
        if session is not None:
            page = client.audit.of_session(session, limit=limit, cursor=cursor)
        else:
            page = client.audit.list(limit=limit, cursor=cursor)
    if as_json:
        output.print_json(page)
        return
    output.table(_COLUMNS, [_row(entry) for entry in page.entries], numbers=("ROW",))
    if page.next_cursor is not None:
        output.note(f"{page.total} in all; older ones: --cursor {page.next_cursor}")


@app.command()
def verify(
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `head --append` noted, kept elsewhere.")
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Look through the whole record in the database; ends with exit code 1 and names the first bad row.

    Needs no server, and may run while one writes. A record that was written anew as a whole, or cut at its
    end, is consistent in itself: only hashes that were noted elsewhere show that.
    """
    from perdure.store import audit  # loads SQLAlchemy, which most commands do without

    noted = _noted(against) if against is not None else []
    verdict = audit.verify(load_settings(database_url=database).url, noted)
    if as_json:
        output.print_json(_report(verdict))
    elif verdict.ok:
        output.line(f"{verdict.rows} rows verified: ok")
    else:
        output.line(f"Row {verdict.position} is bad ({verdict.fault}): {verdict.why}.")
        output.line(f"{verdict.rows} rows before it verified: ok")
    if not as_json and verdict.rows:
        output.note(f"Hash of row {verdict.rows}: {verdict.last_hash}")
    if not verdict.ok:
        raise typer.Exit(Exit.FAILED)


@app.command()
def head(
    append: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Add it to this file, a line each time.")
    ] = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Print the newest row's number and hash, to be kept where who writes to the database cannot write.

    Ends with exit code 1, and adds nothing, when the record has fewer rows than FILE has noted.
    """
    from perdure.store import audit

    newest = audit.head(load_settings(database_url=database).url)
    line = newest.line(datetime.now(UTC))
    if append is not None:
        most = max((each.position for each in _noted(append)), default=0) if append.exists() else 0
        if most > newest.position:
            output.complain(f"{append} notes row {most}, and the record ends with row {newest.position}.")
            raise typer.Exit(Exit.FAILED)
        _add(append, line)
    if as_json:
        output.print_json({"position": newest.position, "hash": newest.hash})
    else:
        output.line(line)


def _noted(file: Path) -> list[Head]:
    try:
        return read_heads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{str(file)!r} cannot be read: {error}.") from error


def _add(file: Path, line: str) -> None:
    """Add a line to a file that may be one that can only be added to."""
    try:
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"{line}\n")
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise InvalidInput(f"{str(file)!r} cannot be written: {error}.") from error


def _report(verdict: Verdict) -> dict[str, Any]:
    return {
        "ok": verdict.ok,
        "rows": verdict.rows,
        "last_hash": verdict.last_hash,
        "fault": str(verdict.fault) if verdict.fault else None,
        "position": verdict.position,
        "why": verdict.why,
    }


def _row(entry: AuditEntry) -> tuple[str, ...]:
    return (
        str(entry.position),
        entry.timestamp.strftime("%Y-%m-%d %H:%M:%S"),
        entry.actor_id,
        entry.action,
        entry.result,
        f"{entry.object_type} {entry.object_id or '-'}",
        entry.source or "-",
    )
