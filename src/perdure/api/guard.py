"""The guard in front of everything: host and origin checks, security headers, tolerant paths.

A plain ASGI layer, so that it covers REST, streams, sockets and the console alike and costs little.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure.api.errors import problem, problem_response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CLOSE_ORIGIN = 4403

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_API_HEADERS = (*_HEADERS, (b"cache-control", b"no-store"))


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, no port) can only mean this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuses requests that a web page of somebody else could have made."""

    def __init__(
        self, app: ASGIApp, allowed_hosts: Iterable[str] = (), allowed_origins: Iterable[str] = ()
    ) -> None:
        self._app = app
        self._hosts = frozenset(_host_of(host) for host in allowed_hosts)
        self._origins = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(_without_trailing_slash(scope), receive, send)
            else:
                await _refuse_socket(receive, send, refusal)
            return

        no_store = scope["path"].startswith("/api")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                added = _API_HEADERS if no_store else _HEADERS
                message["headers"] = [*message["headers"], *(pair for pair in added if pair[0] not in own)]
            await send(message)

        if refusal is not None:
            await problem_response(problem(403, "forbidden", refusal))(scope, receive, send_with_headers)
            return
        await self._app(_without_trailing_slash(scope), receive, send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if not (is_loopback(_host_of(host)) or _host_of(host) in self._hosts):
            return f"The host name {host!r} is not one of this server's; add it to PERDURE_ALLOWED_HOSTS."
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is None:
            if headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
                return "Requests from other web sites are refused."
            return None
        origin = origin.rstrip("/").lower()
        if origin in self._origins or urlsplit(origin).netloc == host.lower():
            return None
        return f"Requests from {origin} are refused; add it to PERDURE_ALLOWED_ORIGINS if it is yours."


async def _refuse_socket(receive: Receive, send: Send, reason: str) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": CLOSE_ORIGIN, "reason": reason[:120]})


@lru_cache(maxsize=64)
def _host_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _without_trailing_slash(scope: Scope) -> Scope:
    path: str = scope["path"]
    if len(path) > 1 and path.endswith("/") and not path.startswith("/assets"):
        return {**scope, "path": path.rstrip("/") or "/"}
    return scope
