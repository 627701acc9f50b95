"""Who is calling, and the application's parts as dependencies of the routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

from perdure.core.access import LOCAL_ACTOR, Actor

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from perdure.bootstrap import Perdure


def actor_of(_connection: HTTPConnection) -> Actor:
    """Return who is calling. In local mode it is the one local user; the guard checked host and origin."""
    return LOCAL_ACTOR


async def _actor(request: Request) -> Actor:  # not a plain function: FastAPI would call it on a thread
    return actor_of(request)


async def _perdure(request: Request) -> Perdure:
    return cast("Perdure", request.app.state.perdure)


Caller = Annotated[Actor, Depends(_actor)]
if TYPE_CHECKING:
    Services = Annotated[Perdure, Depends(_perdure)]
else:
    Services = Annotated[object, Depends(_perdure)]
