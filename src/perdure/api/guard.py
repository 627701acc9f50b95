"""The guard in front of everything: host and origin checks, security headers, tolerant paths.

A plain ASGI layer, so that it covers REST, streams, sockets and the console alike and costs little.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Collection, Iterable
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure.api.errors import BodyTooSlow, problem, problem_response
from perdure.api.proxies import is_secure
from perdure.api.socket.sender import short_reason

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CLOSE_ORIGIN = 4403
BODY_PATIENCE_S = 30.0
SLOWEST_BODY_BYTES_PER_S = 1024

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the widgets put their sizes and colours into the page
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types default",
    )
)
"""For the console's pages: its own files and nothing else, and no text of anybody becomes markup or script."""
DATA_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
"""For everything that is no page: should a browser ever show it as one, it can do nothing."""
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_PAGE_HEADERS = (*_HEADERS, (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()))
_DATA_HEADERS = (
    *_HEADERS,
    (b"content-security-policy", DATA_POLICY.encode()),
    (b"cache-control", b"no-store"),
)
_DATA_PATHS = ("/api", "/openapi.json", "/metrics", "/health", "/ready")


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
        self._origins = origins_of(allowed_origins)

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

        standing = _DATA_HEADERS if scope["path"].startswith(_DATA_PATHS) else _PAGE_HEADERS
        if is_secure(scope):
            standing = (*standing, STRICT_TRANSPORT)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in standing if pair[0] not in own)]
            await send(message)

        if "transfer-encoding" in headers and "content-length" in headers:
            await _two_lengths()(scope, receive, send_with_headers)
            return
        if refusal is not None:
            await problem_response(problem(403, "forbidden", refusal))(scope, receive, send_with_headers)
            return
        await self._app(_without_trailing_slash(scope), _in_time(receive), send_with_headers)

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
        if is_own_origin(origin, scope, host, self._origins):
            return None
        return f"Requests from {origin} are refused; add it to PERDURE_ALLOWED_ORIGINS if it is yours."


def is_own_origin(origin: str, scope: Scope, host: str, allowed: Collection[str]) -> bool:
    """Whether a page of this server, or of a place that the settings name, made the request.

    With https a page that came by http is none of ours: somebody on the way may have written it.
    """
    given = origin.rstrip("/").lower()
    if given in allowed:
        return True
    try:
        parts = urlsplit(given)
    except ValueError:  # what no browser sends
        return False
    return (
        parts.netloc != ""
        and parts.netloc == host.lower()
        and not (is_secure(scope) and parts.scheme == "http")
    )


def origins_of(texts: Iterable[str]) -> frozenset[str]:
    """Return allowed origins as `is_own_origin` compares them."""
    return frozenset(text.rstrip("/").lower() for text in texts)


def _two_lengths() -> Response:
    """Return what refuses a request that says its length in two ways, and ends its connection.

    A server before this one may have believed the other length: what follows could be anybody's.
    """
    said = "A request has a `Content-Length` or a `Transfer-Encoding`, not both."
    return problem_response(problem(400, "bad-request", said), {"Connection": "close"})


def _in_time(receive: Receive) -> Receive:
    """Give a body up that comes so slowly that it only holds a place."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    received = 0
    complete = False

    async def receive_in_time() -> Message:
        nonlocal received, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout_at(begun + BODY_PATIENCE_S + received / SLOWEST_BODY_BYTES_PER_S):
                message = await receive()
        except TimeoutError:
            raise BodyTooSlow("The body of the request did not come in time.") from None
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        return message

    return receive_in_time


async def _refuse_socket(receive: Receive, send: Send, reason: str) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": CLOSE_ORIGIN, "reason": short_reason(reason)})


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
