"""Who really calls, and by which scheme and host name, when a proxy stands in front of the server.

The outermost layer: everything behind it reads `scope["perdure.address"]`, the scheme and the Host header.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
UNKNOWN = "?"
_SECURE = {"http": "https", "websocket": "wss"}
_PLAIN = {"http": "http", "websocket": "ws"}


class Proxies:
    """Believes `X-Forwarded-For`, `-Proto` and `-Host`, but only from the proxies it was told of."""

    def __init__(self, app: ASGIApp, trusted: Iterable[str] = ()) -> None:
        self._app = app
        self._trusted = networks(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say in the scope who calls, and pass on."""
        if scope["type"] in {"http", "websocket"}:
            client = scope.get("client")
            peer = client[0] if client else UNKNOWN
            scope["perdure.address"] = peer
            if self._trusted and self._is_trusted(peer):
                self._believe(scope, peer)
        await self._app(scope, receive, send)

    def _believe(self, scope: Scope, peer: str) -> None:
        address = self._first_stranger(scope, peer)
        scope["perdure.address"] = address
        scope["client"] = (address, 0)
        proto = _last(scope, b"x-forwarded-proto").lower()
        if proto in {"https", "wss"}:
            scope["scheme"] = _SECURE[scope["type"]]
        elif proto in {"http", "ws"}:
            scope["scheme"] = _PLAIN[scope["type"]]
        host = _last(scope, b"x-forwarded-host")
        if host:
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [(b"host", host.encode("latin-1")), *others]

    def _first_stranger(self, scope: Scope, peer: str) -> str:
        """Return the last address on the way here that is no proxy of ours; who it names before may be made up."""
        last = peer
        for named in reversed(_values(scope, b"x-forwarded-for")):
            address = _address(named)
            if address is None:
                return last
            last = str(address)
            if not self._is_trusted(last):
                return last
        return last

    def _is_trusted(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._trusted)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return addresses and ranges (`10.0.0.7`, `10.0.0.0/8`, `fd00::/8`) as networks.

    Raises:
        ValueError: when one is neither.
    """
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts)


def is_secure(scope: Scope) -> bool:
    """Whether the caller's own connection is encrypted, at this server or at a trusted proxy."""
    return scope.get("scheme") in {"https", "wss"}


def _values(scope: Scope, name: bytes) -> list[str]:
    joined = ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)
    return [part.strip() for part in joined.split(",") if part.strip()]


def _last(scope: Scope, name: bytes) -> str:
    """Return what the nearest proxy says; whatever a caller sent itself stands before it."""
    values = _values(scope, name)
    return values[-1] if values else ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address in `text`, which may carry a port."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
