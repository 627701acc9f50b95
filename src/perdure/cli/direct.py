"""Working on the database itself, without a server and beside a running one."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from perdure.config import load_settings
from perdure.core.access import SYSTEM_ACTOR, Actor
from perdure.core.people import User
from perdure.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from perdure.services.api_keys import ApiKeyService
    from perdure.services.users import UserService

T = TypeVar("T")

Data = Annotated[
    Path | None, typer.Option("--data", help="The server's data folder; default: the configured one.")
]
Database = Annotated[
    str | None, typer.Option("--database", help="Address of the database; default: the configured one.")
]


@dataclass(frozen=True, slots=True)
class Direct:
    """The services that know people, on one database."""

    users: UserService
    keys: ApiKeyService
    actor: Actor
    """The server itself; the audit log names the account of the machine as source."""

    async def person(self, who: str) -> User:
        """Return the person with this e-mail address or id.

        Raises:
            NotFound: when there is none.
        """
        if "@" not in who:
            return await self.users.get(self.actor, who)
        found = await self.users.find(self.actor, who)
        if found is None:
            raise NotFound(f"Nobody has the e-mail address {who}.")
        return found


def directly(
    data: Path | None, database: str | None, work: Callable[[Direct], Awaitable[T]], *, make: bool = False
) -> T:
    """Carry out `work` on the database; with `make` it is set up when there is none yet.

    Raises:
        InvalidInput: when there is no database, or it would vanish at once.
        StartupError: when it cannot be used.
    """
    # They load SQLAlchemy, which most commands do without.
    from perdure.services.api_keys import ApiKeyService
    from perdure.services.credentials import Rights
    from perdure.services.passwords import Passwords
    from perdure.services.users import UserService
    from perdure.store.store import Store

    settings = load_settings(data_dir=data, database_url=database)
    secret = settings.secret_key.get_secret_value() if settings.secret_key else None
    if settings.ephemeral:
        raise InvalidInput("An ephemeral server (PERDURE_EPHEMERAL) keeps no people.")
    key_file = settings.data_dir / "secret.key"
    if database is not None and not key_file.exists() and secret is None:
        key_file = None  # a stray key would look like the server's; people are not sealed with it
    store = Store(
        settings.url, secret_key=secret, key_file=key_file, row_security=settings.row_security == "on"
    )
    if store.address.is_memory:
        raise InvalidInput("A database in memory keeps no people; name a file or PostgreSQL.")
    if not make and store.address.file is not None and not store.address.file.exists():
        raise InvalidInput(
            f"There is no database at {str(store.address.file)!r}; name the server's with --data or --database."
        )
    store.open(beside_servers=True)
    rights = Rights()
    actor = replace(SYSTEM_ACTOR, source=f"command line of {account()}")
    direct = Direct(UserService(store, Passwords(), rights), ApiKeyService(store, rights), actor)
    try:
        return asyncio.run(_result(work(direct)))
    finally:
        store.close()


async def _result(work: Awaitable[T]) -> T:
    return await work


def account() -> str:
    """Return the account of the machine that this program runs as."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "an unknown account"
