"""Who is calling, and the application's parts as dependencies of the routes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

from perdure.core.access import LOCAL_ACTOR, Actor

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from perdure.bootstrap import Perdure


_PROGRAM_CHARS = 200


def actor_of(connection: HTTPConnection) -> Actor:
    """Return who is calling. In local mode it is the one local user; the guard checked host and origin."""
    return replace(LOCAL_ACTOR, source=source_of(connection))


def source_of(connection: HTTPConnection) -> str:
    """Return the caller's address and what its program says it is, for the audit log."""
    address = connection.client.host if connection.client else "?"
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
