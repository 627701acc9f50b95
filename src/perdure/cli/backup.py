"""`perdure backup` and `perdure restore`: a whole server in one folder, and back."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from perdure.cli import output
from perdure.cli.direct import Data, Database, account
from perdure.cli.options import AsJson
from perdure.config import Settings, load_settings
from perdure.core.access import SYSTEM_ACTOR
from perdure.errors import InvalidInput, StartupError


def backup(
    target: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to make; it must not exist.")],
    without_key: Annotated[
        bool, typer.Option("--without-key", help="Leave secret.key out, to be kept elsewhere.")
    ] = False,
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Copy everything a restore needs, also while a server runs: database, engine, workspaces and secret.key.

    Of a server on PostgreSQL: workspaces and key; dump the database with pg_dump first.
    """
    from perdure.store import backup as copies  # loads SQLAlchemy, which most commands do without

    settings = load_settings(data_dir=data, database_url=database)
    copies.check_target(settings.url, target)
    recorded = on_record(settings.url, "all", key=not without_key)
    made = copies.back_up(settings.url, settings.data_dir, target, with_key=not without_key)
    if as_json:
        output.print_json({"path": str(target), **asdict(made), "recorded": recorded})
        return
    output.line(str(target))
    output.note(f"{output.size(made.size_bytes)}, {made.files} files of workspaces.")
    if not made.database:
        output.note("The PostgreSQL database is not in it: dump it with pg_dump, before this.")
    if not made.key:
        output.note("secret.key is not in it; without the key, secrets and metadata cannot be read.")


def restore(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FOLDER]",
            help="What `perdure backup` made. Without it: the configured PostgreSQL database, restored already.",
        ),
    ] = None,
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make a new data folder of a backup, and end all its sign-ins; readers of logs start anew.

    Keys and shares that were taken back after the backup count again: look through them.
    """
    from perdure.store import backup as copies
    from perdure.store.address import parse_address

    settings = load_settings(data_dir=data, database_url=None if source else database)
    secret = settings.secret_key.get_secret_value() if settings.secret_key else None
    actor = replace(SYSTEM_ACTOR, source=f"command line of {account()}")
    if source is not None:
        if database is not None:
            raise InvalidInput("A folder is restored into a data folder: name it with --data.")
        done = copies.restore(source, settings.data_dir, actor, secret_key=secret)
    else:
        _only_postgres(settings)
        done = copies.reopen(
            settings.url,
            settings.data_dir,
            actor,
            secret_key=secret,
            row_security=settings.row_security == "on",
        )
    if as_json:
        output.print_json({"data_dir": str(settings.data_dir), **asdict(done)})
        return
    output.line(str(settings.data_dir) if source else str(parse_address(settings.url)))
    output.note(f"{done.logs} sessions; {done.sign_ins} sign-ins ended.")
    output.note("Keys, shares and accounts are as they were then: look through them before others come in.")


def on_record(url: str, what: str, **details: Any) -> bool:
    """Write into the audit log that a copy is made, so that it has this itself; says so when that fails.

    A database that cannot be written, or of another version, is worth a copy all the more.
    """
    from perdure.store import audit

    actor = replace(SYSTEM_ACTOR, source=f"command line of {account()}")
    try:
        audit.note(url, actor, "server.backup", "server", what=what, **details)
    except StartupError as error:
        output.note(f"This copy is not in the audit log: {error.message}")
        return False
    return True


def _only_postgres(settings: Settings) -> None:
    from perdure.store.address import parse_address

    if not parse_address(settings.url).is_postgres:
        raise InvalidInput("Name the folder that `perdure backup` made.")
