"""`perdure keys`: API keys, one's own over a server, or anybody's on the database itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from perdure.cli import output
from perdure.cli.direct import Data, Database, Direct, directly
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, connect
from perdure.client.people import Key
from perdure.core.access import Actor, Scope
from perdure.core.people import ApiKey, User, UserRole
from perdure.errors import InvalidInput

app = typer.Typer(help="Make, list and revoke API keys for programs.", no_args_is_help=True)

Owner = Annotated[
    str | None,
    typer.Option("--user", metavar="EMAIL", help="Whose keys, on the database itself and without a server."),
]
_COLUMNS = ("KEY", "NAME", "PREFIX", "SCOPES", "USED", "EXPIRES")
_PAGE = 100


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="read, work, manage or admin; may be repeated. Default: work."),
    ] = None,
    expires_in_days: Annotated[int | None, typer.Option(min=1, help="Default: 90.")] = None,
    no_expiry: Annotated[bool, typer.Option("--no-expiry", help="Good until it is revoked.")] = False,
    user: Owner = None,
    data: Data = None,
    database: Database = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: this once, and alone on standard output."""
    if no_expiry and expires_in_days is not None:
        raise InvalidInput("Choose one of --expires-in-days and --no-expiry.")
    scopes = scope or [str(Scope.WORK)]
    unknown = [text for text in scopes if text not in set(Scope)]
    if unknown:
        raise InvalidInput(f"{unknown[0]!r} is no scope; there are {', '.join(Scope)}.", field="scopes")
    expires = None if no_expiry else datetime.now(UTC) + timedelta(days=expires_in_days or 90)
    if user is None:
        _without(data, database)
        with connect(server) as client:
            made = client.keys.create(name, scopes, expires_at=expires)
    else:

        async def work(direct: Direct) -> Key:
            owner = _acting(await direct.person(user), direct)
            new = await direct.keys.create(
                owner, name=name, scopes=[Scope(text) for text in scopes], expires_at=expires
            )
            return _shown(new.key, new.text)

        made = directly(data, database, work)
    if as_json:
        output.print_json(made)
        return
    output.note(f"Key {made.key_id} ({', '.join(made.scopes)}), shown this once:")
    output.line(made.key or "")


@app.command("list")
def list_(
    user: Owner = None,
    data: Data = None,
    database: Database = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List the keys that count, the newest first."""
    if user is None:
        _without(data, database)
        with connect(server) as client:
            keys = client.keys.list().keys
    else:

        async def work(direct: Direct) -> list[Key]:
            owner = _acting(await direct.person(user), direct)
            found, _total = await direct.keys.list(owner, limit=_PAGE)
            return [_shown(key) for key in found]

        keys = directly(data, database, work)
    if as_json:
        output.print_json([key.model_dump(mode="json", exclude={"key"}) for key in keys])
    else:
        output.table(_COLUMNS, [_row(key) for key in keys])


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Id of a key; `keys list` names it.")],
    user: Owner = None,
    data: Data = None,
    database: Database = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """End a key and those it made; what was opened with them ends too, at the latest after 5 seconds."""
    if user is None:
        _without(data, database)
        with connect(server) as client:
            client.keys.revoke(key)
    else:

        async def work(direct: Direct) -> None:
            await direct.keys.revoke(_acting(await direct.person(user), direct), key)

        directly(data, database, work)
    output.print_json({"key_id": key, "revoked": True}) if as_json else output.line(f"{key} revoked")


def _without(data: Any, database: Any) -> None:
    if data is not None or database is not None:
        raise InvalidInput("On the database itself, say whose keys with --user EMAIL.")


def _acting(user: User, direct: Direct) -> Actor:
    return Actor(
        user_id=user.id,
        name=user.name,
        is_admin=user.role is UserRole.ADMIN,
        source=direct.actor.source,
    )


def _shown(key: ApiKey, text: str | None = None) -> Key:
    return Key(
        key_id=key.id,
        name=key.name,
        prefix=key.prefix,
        made_by=key.made_by,
        scopes=[str(scope) for scope in key.scopes],
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        expires_at=key.expires_at,
        key=text,
    )


def _row(key: Key) -> tuple[str, ...]:
    expires = f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "never"
    return (key.key_id, key.name, key.prefix, " ".join(key.scopes), output.ago(key.last_used_at), expires)
