"""The application: everything at the edge put together around one `Perdure`."""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from fastapi import FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from perdure import __version__
from perdure.agents.web.guard import OutgoingGuard
from perdure.api import docs_page, errors, openapi, sse
from perdure.api.acting import Acting
from perdure.api.guard import Guard
from perdure.api.proxies import Proxies
from perdure.api.rate_limits import AddressLimits, PersonLimits, RateLimits
from perdure.api.routes import (
    approvals,
    assets,
    audit,
    auth,
    costs,
    files,
    grants,
    history,
    hops,
    keys,
    lifecycle,
    missions,
    oidc,
    queue,
    runs,
    secrets,
    sessions,
    shares,
    system,
    users,
)
from perdure.api.sign_in import SignIn
from perdure.api.socket.connections import Connections
from perdure.api.socket.revocation import Revocation
from perdure.api.socket.routes import socket_routes
from perdure.api.static import Console
from perdure.errors import StartupError

if TYPE_CHECKING:
    from perdure.api.oidc import OidcClient
    from perdure.bootstrap import Perdure
    from perdure.config import Settings

_ROUTERS = (
    *(sse, sessions, lifecycle, history, runs, approvals, costs, audit),
    *(missions, assets, hops, files, queue, grants, shares, secrets, system),
    *(auth, oidc, keys, users),
)
_DESCRIPTION = "Durable, resumable sessions for AI-agent work."


def create_app(perdure: Perdure) -> FastAPI:
    """Return the application; its lifespan starts and stops `perdure`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        await perdure.start()
        try:
            await perdure.hub.start()
            app.state.connections.start()
            perdure.presence.start()
            if perdure.settings.auth != "local":
                app.state.revocation.start()
            yield
        finally:
            await app.state.revocation.stop()
            await perdure.presence.stop()
            await app.state.connections.stop()
            await perdure.hub.stop()
            await app.state.rates.close()
            await perdure.stop()

    settings = perdure.settings
    app = _bare_app(lifespan)
    app.state.perdure = perdure
    per_user = settings.max_connections_per_user or (
        settings.max_connections if settings.auth == "local" else max(1, settings.max_connections // 2)
    )
    app.state.connections = Connections(perdure.connections, settings.max_connections, per_user)
    app.state.revocation = Revocation(perdure.watching, perdure.rights, lambda: app.state.connections.readers)
    app.state.oidc = _identity_providers(settings)
    rates = app.state.rates = RateLimits(settings)
    # The innermost comes first: sign-in stands between the two counts, so that wrong credentials are counted.
    if settings.row_security == "on":
        app.add_middleware(Acting, local=settings.auth == "local")
    app.add_middleware(PersonLimits, rates=rates, local=settings.auth == "local")
    app.add_middleware(SignIn)
    app.add_middleware(AddressLimits, rates=rates)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["ETag", "Location", "X-Total-Count", "Retry-After"],
        )
    app.add_middleware(Guard, allowed_hosts=settings.allowed_hosts, allowed_origins=settings.allowed_origins)
    app.add_middleware(Proxies, trusted=settings.trusted_proxies)
    return app


def _identity_providers(settings: Settings) -> dict[str, OidcClient]:
    if not settings.oidc_providers:
        return {}
    if not importable("authlib"):
        raise StartupError(
            "PERDURE_OIDC_PROVIDERS needs more packages: install `perdure[oidc]`.",
            setting="PERDURE_OIDC_PROVIDERS",
        )
    from perdure.api.oidc import OidcClient

    outgoing = OutgoingGuard(settings.allowed_private_hosts)
    return {each: OidcClient(each, provider, outgoing) for each, provider in settings.oidc_providers.items()}


def describe_app() -> dict[str, Any]:
    """Return the interface's description without any storage."""
    return openapi.describe(_bare_app(None))


def _bare_app(lifespan: Any) -> FastAPI:
    app = FastAPI(
        title="Perdure",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    errors.install(app)
    for module in _ROUTERS:
        # Not included: that would analyse every route anew, in the first request of each application.
        app.router.routes.extend(module.routes.routes)
    described: dict[str, Any] = {}

    def description() -> dict[str, Any]:
        if not described:
            described.update(openapi.describe(app))
        return described

    async def openapi_json(_request: Request) -> Response:
        return JSONResponse(description())

    async def docs(_request: Request) -> Response:
        return HTMLResponse(docs_page.render(description()))

    console = Console()
    app.router.routes.extend(
        cast(
            "list[BaseRoute]",
            [
                *socket_routes(),
                Route("/openapi.json", openapi_json, include_in_schema=False),
                Route("/docs", docs, include_in_schema=False),
                Route("/{path:path}", console.answer, methods=["GET"], include_in_schema=False),
            ],
        )
    )
    app.openapi = description
    return app


def importable(module: str) -> bool:
    """Whether an optional module is there."""
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True
