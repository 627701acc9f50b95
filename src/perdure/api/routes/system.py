"""The server itself: alive, ready, figures."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from perdure import __version__
from perdure.api.auth import Caller, Services, caller_of, is_local
from perdure.api.metrics import render
from perdure.api.routes.parts import router
from perdure.api.wire.problems import problem_answers
from perdure.errors import PerdureError, StorageUnavailable
from perdure.services.users import NO_ADMIN

routes = router("system")


@routes.get("/health")
async def get_health() -> dict[str, str]:
    """Say that the process answers; nothing else is looked at."""
    return {"status": "ok", "version": __version__}


@routes.get("/ready", responses={503: {"description": "Not ready: the body says what is missing."}})
async def get_ready(perdure: Services, request: Request, response: Response) -> dict[str, Any]:
    """Say whether storage, migrations and engine can be used; the model is not waited for.

    With sign-in, whoever has not signed in gets `ready`, `version` and, while nobody can administer the server, how
    to change that.
    """
    readiness = perdure.readiness()
    if not readiness.get("ready"):
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    if is_local(request):
        return readiness
    advice = {} if await _has_admin(perdure) else {"says": NO_ADMIN}
    try:
        known = caller_of(request) is not None
    except PerdureError:
        known = False
    shown = readiness if known else {key: readiness[key] for key in ("ready", "version")}
    return {**shown, **advice}


async def _has_admin(perdure: Services) -> bool:
    try:
        return await perdure.users.has_admin()
    except StorageUnavailable:
        return True


@routes.get("/api/stats", responses=problem_answers())
async def get_stats(perdure: Services, actor: Caller, request: Request) -> dict[str, Any]:
    """Read figures for people: sessions, connections, storage, queue."""
    snapshot = await perdure.stats.snapshot(actor)
    if actor.is_admin:
        return {**snapshot, "connections": request.app.state.connections.count}
    return snapshot


@routes.get("/metrics", response_class=Response, responses=problem_answers(401, 403))
async def get_metrics(perdure: Services, actor: Caller, request: Request) -> Response:
    """Read figures for Prometheus."""
    snapshot = await perdure.stats.snapshot(actor)
    text = render(snapshot, sockets=request.app.state.connections.count, feeds=perdure.hub.feed_count)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
