"""The server itself: alive, ready, figures."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from perdure import __version__
from perdure.api.auth import Caller, Services
from perdure.api.metrics import render
from perdure.api.routes.parts import router
from perdure.api.wire.problems import problem_answers

routes = router("system")


@routes.get("/health")
async def get_health() -> dict[str, str]:
    """Say that the process answers; nothing else is looked at."""
    return {"status": "ok", "version": __version__}


@routes.get("/ready", responses={503: {"description": "Not ready: the body says what is missing."}})
async def get_ready(perdure: Services, response: Response) -> dict[str, Any]:
    """Say whether storage, migrations and engine can be used; the model is not waited for."""
    readiness = perdure.readiness()
    if not readiness.get("ready"):
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    return readiness


@routes.get("/api/stats", responses=problem_answers())
async def get_stats(perdure: Services, actor: Caller, request: Request) -> dict[str, Any]:
    """Read figures for people: sessions, connections, storage, queue."""
    snapshot = await perdure.stats.snapshot(actor)
    return {**snapshot, "connections": request.app.state.connections.count}


@routes.get("/metrics", response_class=Response)
async def get_metrics(perdure: Services, actor: Caller, request: Request) -> Response:
    """Read figures for Prometheus."""
    snapshot = await perdure.stats.snapshot(actor)
    text = render(snapshot, sockets=request.app.state.connections.count, feeds=perdure.hub.feed_count)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
