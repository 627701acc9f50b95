"""The layer that finds out who is calling, once per request, and lets nobody unknown further than the door.

A plain ASGI layer inside the guard. What it lets through without sign-in is listed here; everything else under
`/api` needs one, also a route that nobody thought of.
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, cast

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from perdure.api.auth import ACTOR, REFUSED, source_of
from perdure.api.cookies import ACCESS, cookie_name
from perdure.api.errors import problem_of, problem_response
from perdure.api.guard import is_own_origin, origins_of
from perdure.core.access import Action, Actor, require_scope
from perdure.errors import CrossSiteRequest, PerdureError, Unauthenticated

if TYPE_CHECKING:
    from perdure.bootstrap import Perdure

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REQUEST_HEADER = "x-perdure-request"
REQUEST_VALUE = "console"
_OPEN = frozenset(
    {"/api/auth/methods", "/api/auth/login", "/api/auth/refresh", "/api/auth/register", "/api/auth/logout"}
)
_OPEN_FOLDER = "/api/auth/oidc/"
_CLOSED = frozenset({"/docs", "/openapi.json", "/metrics"})
_NEEDED = "Sign in first: this server knows its users."


class SignIn:
    """Puts the actor into the request's scope, or what is wrong with the credential that came."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look, then pass on or refuse."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        perdure = cast("Perdure", scope["app"].state.perdure)
        if perdure.settings.auth == "local":
            await self._app(scope, receive, send)
            return
        try:
            actor = await self._caller(perdure, scope)
            if actor is not None:
                scope[ACTOR] = actor
            if scope["type"] == "http":
                _pass(perdure, scope, actor)
        except PerdureError as error:
            if scope["type"] == "http" and needs_sign_in(scope["path"]):
                await problem_response(problem_of(error))(scope, receive, send)
                return
            scope[REFUSED] = error
        await self._app(scope, receive, send)

    async def _caller(self, perdure: Perdure, scope: Scope) -> Actor | None:
        headers = Headers(scope=scope)
        source = source_of(HTTPConnection(scope))
        authorization = headers.get("authorization")
        if authorization is not None:
            kind, _, bearer = authorization.partition(" ")
            if kind.lower() != "bearer" or not bearer.strip():
                raise Unauthenticated("Send `Authorization: Bearer` with an access token or an API key.")
            return await perdure.credentials.actor_of(bearer.strip(), source)
        if scope["type"] == "websocket":
            return None  # a browser sends cookies along whoever opens the socket: it needs a ticket
        access = cookie_of(headers, cookie_name(scope, ACCESS))
        if access is None:
            return None
        check_own_page(perdure.settings.allowed_origins, scope, headers)
        return await perdure.credentials.actor_of(access, source)


def needs_sign_in(path: str) -> bool:
    """Whether a path is for known callers only."""
    if path in _OPEN or path.startswith(_OPEN_FOLDER):
        return False
    return path in _CLOSED or path == "/api" or path.startswith("/api/")


def check_own_page(allowed_origins: list[str], scope: Scope, headers: Headers) -> None:
    """Let a request that comes with a cookie pass when a page of ours, or nobody's page, made it.

    Raises:
        CrossSiteRequest: otherwise.
    """
    origin = headers.get("origin")
    host = headers.get("host", "")
    if origin is not None and not is_own_origin(origin, scope, host, origins_of(allowed_origins)):
        raise CrossSiteRequest(f"A page of {origin} cannot use the cookies of this server.")
    if scope["method"] in SAFE_METHODS:
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        if origin is None and site in {"cross-site", "same-site"} and mode != "navigate":
            raise CrossSiteRequest("A page of another site cannot use the cookies of this server.")
        return
    if origin is None or headers.get(REQUEST_HEADER, "").lower() != REQUEST_VALUE:
        raise CrossSiteRequest(
            "With cookies, a request that changes something needs the headers `Origin` and "
            "`X-Perdure-Request: console`; programs send a bearer token instead."
        )


def cookie_of(headers: Headers, name: str) -> str | None:
    """Return a cookie that the request carries; none when there are two of the name that differ.

    A browser sends one of ours. Another beside it was planted, and nothing tells which is which.
    """
    found: set[str] = set()
    for line in headers.getlist("cookie"):
        for part in line.split(";"):  # one by one: a bad one of somebody else's does not hide ours
            jar: SimpleCookie = SimpleCookie()
            try:
                jar.load(part.strip())
            except CookieError:
                continue
            if name in jar and jar[name].value:
                found.add(jar[name].value)
    return found.pop() if len(found) == 1 else None


def _pass(perdure: Perdure, scope: Scope, actor: Actor | None) -> None:
    path: str = scope["path"]
    if not needs_sign_in(path):
        return
    if path == "/metrics":
        if perdure.settings.public_metrics:
            return
        if actor is not None:
            require_scope(actor, Action.ADMINISTER)
    if actor is None:
        raise Unauthenticated(_NEEDED)
