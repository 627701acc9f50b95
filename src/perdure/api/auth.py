"""Who is calling, and the application's parts as dependencies of the routes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

from perdure.core.access import LOCAL_ACTOR, Actor
from perdure.errors import Unauthenticated

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from perdure.bootstrap import Perdure


ACTOR = "perdure.actor"
"""Where `api.sign_in` leaves who is calling."""
REFUSED = "perdure.refused"
"""Where it leaves what is wrong with the credential that came."""
_PROGRAM_CHARS = 200


def actor_of(connection: HTTPConnection) -> Actor:
    """Return who is calling. In local mode it is the one local user; the guard checked host and origin.

    Raises:
        Unauthenticated: when sign-in is on and no good credential came.
        CrossSiteRequest: when a cookie came with a request that a page of somebody else could have made.
    """
    found = caller_of(connection)
    if found is None:
        raise Unauthenticated("Sign in first: this server knows its users.")
    return found


def caller_of(connection: HTTPConnection) -> Actor | None:
    """Return who is calling, or None when nobody has signed in yet.

    Raises:
        Unauthenticated: when a credential came that is not good.
        CrossSiteRequest: as `actor_of`.
    """
    scope = connection.scope
    if is_local(connection):
        return replace(LOCAL_ACTOR, source=source_of(connection))
    refused = scope.get(REFUSED)
    if refused is not None:
        raise refused
    return scope.get(ACTOR)


def is_local(connection: HTTPConnection) -> bool:
    """Whether this server has one local user and no sign-in."""
    return connection.app.state.perdure.settings.auth == "local"


def source_of(connection: HTTPConnection) -> str:
    """Return the caller's address and what its program says it is, for the audit log."""
    client = connection.client.host if connection.client else "?"
    address: str = connection.scope.get("perdure.address", client)  # the caller's, not a proxy's
    program = connection.headers.get("user-agent", "")
    shown = "".join(letter for letter in program if letter.isprintable())[:_PROGRAM_CHARS]
    return f"{address} {shown}".rstrip()


async def _actor(request: Request) -> Actor:  # not a plain function: FastAPI would call it on a thread
    return actor_of(request)


async def _perdure(request: Request) -> Perdure:
    return cast("Perdure", request.app.state.perdure)


Caller = Annotated[Actor, Depends(_actor)]
if TYPE_CHECKING:
    Services = Annotated[Perdure, Depends(_perdure)]
else:
    Services = Annotated[object, Depends(_perdure)]
