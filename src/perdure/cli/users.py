"""`perdure users`: who may sign in, on the database itself; the first administrator is made here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from perdure.cli import output, passwords
from perdure.cli.direct import Data, Database, Direct, directly
from perdure.cli.options import AsJson
from perdure.core.people import User, UserRole, check_name, check_password, normalize_email
from perdure.errors import InvalidInput

app = typer.Typer(
    help="Make and change those who may sign in, on the database itself: also beside a running server.",
    no_args_is_help=True,
)

Who = Annotated[str, typer.Argument(metavar="EMAIL", help="E-mail address, or id.")]
_LIST_LIMIT = 200


@app.command()
def create(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Address to sign in with.")],
    admin: Annotated[bool, typer.Option("--admin", help="An administrator of the server.")] = False,
    name: Annotated[str | None, typer.Option(help="How others see them; default: from the address.")] = None,
    password_stdin: passwords.FromStdin = False,
    generate: passwords.Generate = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="For somebody who signs in by an identity provider.")
    ] = False,
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make a person who may sign in; the password is asked for unless an option says otherwise."""
    if no_password and (password_stdin or generate):
        raise InvalidInput("Choose one of --password-stdin, --generate and --no-password.")
    password, shown = (None, False) if no_password else passwords.new(password_stdin, generate)
    role = UserRole.ADMIN if admin else UserRole.MEMBER
    address = normalize_email(email)
    called = check_name(name or address.partition("@")[0])
    if password is not None:
        check_password(password, email=address, name=called)  # here too: no database is made for nothing

    async def work(direct: Direct) -> User:
        return await direct.users.create(direct.actor, email=email, name=called, role=role, password=password)

    user = directly(data, database, work, make=True)
    _tell(user, as_json, password if shown else None)


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=_LIST_LIMIT)] = _LIST_LIMIT,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many.")] = 0,
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List people by name."""

    async def work(direct: Direct) -> tuple[list[User], int]:
        return await direct.users.list(direct.actor, limit=limit, offset=offset)

    users, total = directly(data, database, work)
    if as_json:
        output.print_json({"users": [_plain(user) for user in users], "total": total})
        return
    rows = [(u.email or "-", u.name, str(u.role), _state(u), output.ago(u.last_seen_at), u.id) for u in users]
    output.table(("EMAIL", "NAME", "ROLE", "STATE", "SEEN", "USER"), rows)
    if total > offset + len(users):
        output.note(f"{len(users)} of {total}; --offset shows more.")


@app.command()
def disable(user: Who, data: Data = None, database: Database = None, as_json: AsJson = False) -> None:
    """Keep somebody out: their sign-ins end, and their keys do not count; running servers notice in 5 seconds."""
    _change(user, data, database, as_json, disabled=True)


@app.command()
def enable(user: Who, data: Data = None, database: Database = None, as_json: AsJson = False) -> None:
    """Let somebody in again."""
    _change(user, data, database, as_json, disabled=False)


@app.command()
def role(
    user: Who,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="admin or member.")],
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Make somebody an administrator of the server, or a member."""
    if role not in (UserRole.ADMIN, UserRole.MEMBER):
        raise InvalidInput("A person's role is `admin` or `member`.", field="role")
    _change(user, data, database, as_json, role=UserRole(role))


@app.command()
def password(
    user: Who,
    password_stdin: passwords.FromStdin = False,
    generate: passwords.Generate = False,
    data: Data = None,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Give somebody another password; their sign-ins end."""
    chosen, shown = passwords.new(password_stdin, generate)
    _change(user, data, database, as_json, shown=chosen if shown else None, password=chosen)


def _change(
    who: str,
    data: Path | None,
    database: str | None,
    as_json: bool,
    *,
    shown: str | None = None,
    **changes: Any,
) -> None:
    async def work(direct: Direct) -> User:
        found = await direct.person(who)
        return await direct.users.change(direct.actor, found.id, **changes)

    made: Callable[[Direct], Awaitable[User]] = work
    _tell(directly(data, database, made), as_json, shown)


def _tell(user: User, as_json: bool, password: str | None) -> None:
    if as_json:
        output.print_json({**_plain(user), **({"password": password} if password else {})})
        return
    output.line(f"{user.email or user.name} {user.role} {_state(user)}")
    if password:
        output.note("The password, shown this once:")
        output.line(password)


def _state(user: User) -> str:
    return "disabled" if user.disabled_at else "enabled"


def _plain(user: User) -> dict[str, Any]:
    return {"user_id": user.id, **user.model_dump(mode="json")}
