"""`perdure db`: look after the database by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perdure.cli import output
from perdure.cli.backup import on_record
from perdure.cli.exits import Exit
from perdure.cli.options import AsJson
from perdure.config import load_settings
from perdure.errors import InvalidInput

app = typer.Typer(help="Upgrade, check and back up the database, without a server.", no_args_is_help=True)

Database = Annotated[
    str | None, typer.Option("--database", help="Address of the database; default: the configured one.")
]


@app.command()
def upgrade(database: Database = None, as_json: AsJson = False) -> None:
    """Bring the database to the schema of this version; servers do it too when they start."""
    from perdure.store import maintenance  # loads SQLAlchemy, which most commands do without

    report = maintenance.upgrade(load_settings(database_url=database).url)
    output.print_json(report) if as_json else output.line(f"Schema {report['revision']}")


@app.command()
def check(database: Database = None, as_json: AsJson = False) -> None:
    """Check the database without changing it; ends with exit code 1 when something is wrong."""
    from perdure.store import maintenance

    report = maintenance.check(load_settings(database_url=database).url)
    problems = problems_of(report)
    if as_json:
        output.print_json({**report, "ok": not problems, "problems": problems})
    else:
        output.line(f"{report['backend']}, schema {report['revision']}: {'; '.join(problems) or 'ok'}")
    if problems:
        raise typer.Exit(Exit.FAILED)


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Copy an SQLite database, also while a server writes to it."""
    from perdure.store import maintenance

    url = load_settings(database_url=database).url
    maintenance.check_copy(url, target)
    on_record(url, "database")
    written = maintenance.backup(url, target)
    size_bytes = written.stat().st_size
    if as_json:
        output.print_json({"path": str(written), "size_bytes": size_bytes})
    else:
        output.line(str(written))
        output.note(
            f"{output.size(size_bytes)}. Keep secret.key of the data folder with it: metadata is encrypted."
        )


@app.command(name="row-security")
def row_security_(
    role: Annotated[
        str | None, typer.Option("--role", help="Role that the server connects as; made when it is missing.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Switch it off instead.")] = False,
    ask_password: Annotated[
        bool,
        typer.Option(
            "--password", help="Ask for a password, or read it from the input, and give it to the role."
        ),
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Let PostgreSQL check access to rows itself; run it as the owner of the tables."""
    from perdure.store import row_security

    if (role is None) == (not off):
        raise InvalidInput("Give either --role NAME or --off.")
    url = load_settings(database_url=database).url
    if role is None:
        report = row_security.disable(url)
        output.print_json(report) if as_json else output.line(
            f"{report['tables']} tables check no rows any more"
        )
        return
    password = typer.prompt("Password of the role", hide_input=True, err=True) if ask_password else None
    report = row_security.enable(url, role, password)
    if as_json:
        output.print_json(report)
        return
    output.line(f"{report['tables']} tables check rows; {role} may use them")
    output.note(f"Now connect as {role} in PERDURE_DATABASE_URL and set PERDURE_ROW_SECURITY=on.")


def problems_of(report: dict[str, object]) -> list[str]:
    """Return what a check found, as sentences; a database that is still to be made is no problem."""
    if not report["exists"]:
        return []
    problems: list[str] = []
    if report["revision"] != report["head"]:
        problems.append(f"schema {report['revision']} is not {report['head']}: run `perdure db upgrade`")
    if report["integrity"] not in (None, "ok"):
        problems.append(f"the file is damaged ({report['integrity']}): restore a backup")
    gaps = report["gaps"]
    if isinstance(gaps, list) and gaps:
        problems.append(f"{len(gaps)} sessions have a hole in their log: restore a backup")  # pyright: ignore[reportUnknownArgumentType]
    return problems
