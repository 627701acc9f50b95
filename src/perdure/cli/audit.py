"""`perdure audit`: who did what, and whether that record is whole."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from perdure.cli import output
from perdure.cli.db import Database
from perdure.cli.exits import Exit
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, connect
from perdure.client.models import AuditEntry
from perdure.config import load_settings
from perdure.core.audit import Verdict

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
def verify(database: Database = None, as_json: AsJson = False) -> None:
    """Look through the whole record in the database; ends with exit code 1 and names the first bad row.

    Needs no server, and may run while one writes.
    """
    from perdure.store import audit  # loads SQLAlchemy, which most commands do without

    verdict = audit.verify(load_settings(database_url=database).url)
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
