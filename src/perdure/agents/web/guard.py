"""The one way out: requests made for somebody else reach public addresses only.

A host is resolved once and the connection goes to the very address that was checked, so a name that
answers differently the second time gains nothing. Each redirect is a request of its own and is checked
like the first.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpx

from perdure.agents.web.addresses import is_metadata, is_public
from perdure.errors import InvalidInput

MAX_REDIRECTS = 5
USER_AGENT = f"perdure/{version('perdure')}"

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Return the addresses of a host, best first. Raises `OSError` when it has none."""

_PORTS = {80, 443, 8080, 8443}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_CONNECT_TIMEOUT_S = 10
_IDLE_TIMEOUT_S = 30
_MAX_URL_CHARS = 4096
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)


class AddressRefused(InvalidInput):
    """The request would leave the public internet, or is not one that may be made for others."""

    code = "address-refused"


@dataclass(frozen=True, slots=True)
class CheckedTarget:
    """A URL that may be requested, with the addresses to connect to: these and no others."""

    url: httpx.URL
    host: str
    port: int
    addresses: tuple[str, ...]


class OutgoingGuard:
    """Checks URLs, and makes HTTP clients that cannot get around the check.

    `allowed_private_hosts` are names or addresses that may be private, as `host` (the usual web ports)
    or `host:port` (that port too). Metadata services of clouds are never allowed. `tls` replaces the
    certificates that are trusted.

    Raises:
        InvalidInput: for an entry that is no `host` or `host:port`.
    """

    def __init__(
        self,
        allowed_private_hosts: Sequence[str] = (),
        *,
        resolve: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = {_entry(text) for text in allowed_private_hosts}
        self._resolve = resolve or _resolve
        self._tls = tls

    async def check(self, url: str | httpx.URL) -> CheckedTarget:
        """Return where a request for `url` may connect to.

        Raises:
            AddressRefused: saying what is wrong with the URL, or that the host is unknown or not public.
        """
        parsed = _parse(url)
        host = parsed.raw_host.decode("ascii").strip("[]").rstrip(".").lower()
        port = _DEFAULT_PORTS[parsed.scheme] if parsed.port is None else parsed.port
        allowed = (host, None) in self._allowed or (host, port) in self._allowed
        if port not in _PORTS and (host, port) not in self._allowed:
            raise AddressRefused(
                f"port {port} is not one of {sorted(_PORTS)}; the operator can allow '{host}:{port}'",
                host=host,
                port=port,
            )
        addresses = await self._addresses(host, port)
        for address in addresses:
            if is_metadata(address) or not (allowed or is_public(address)):
                raise AddressRefused(f"{host!r} is not a public address", host=host)
        return CheckedTarget(parsed, host, port, tuple(str(address) for address in addresses))

    def client(self) -> httpx.AsyncClient:
        """Return a client whose every request, redirects included, is checked; close it after use.

        It follows up to five redirects, keeps no cookies, and reads neither proxies nor passwords from
        the environment. A refused request raises `AddressRefused`.
        """
        return httpx.AsyncClient(
            transport=_GuardedTransport(self, self._tls or True),
            follow_redirects=True,
            max_redirects=MAX_REDIRECTS,
            headers={"User-Agent": USER_AGENT},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx.Timeout(_IDLE_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
            trust_env=False,
        )

    async def _addresses(self, host: str, port: int) -> list[IPv4Address | IPv6Address]:
        literal = _literal(host)
        if literal is not None:
            return [literal]
        if _NUMBER.fullmatch(host.rpartition(".")[2]):
            raise AddressRefused(f"{host!r} is not a host name; write an address in full", host=host)
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise AddressRefused(f"the host {host!r} is not known", host=host) from error
        addresses = [literal for text in found if (literal := _literal(text)) is not None]
        if not addresses or len(addresses) != len(found):
            raise AddressRefused(f"the host {host!r} has no address that can be used", host=host)
        return list(dict.fromkeys(addresses))


class _GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to the addresses that were checked; the server is still named as the URL names it."""

    def __init__(self, guard: OutgoingGuard, verify: ssl.SSLContext | bool) -> None:
        self._guard = guard
        # Connections are pooled by address. One that was opened for another name would be used without
        # looking at that name's certificate, so none is kept.
        limits = httpx.Limits(max_connections=20, max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=verify, limits=limits, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = await self._guard.check(request.url)
        for number, address in enumerate(target.addresses, start=1):
            pinned = httpx.Request(
                request.method,
                target.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": target.host},
            )
            try:
                response = await self._inner.handle_async_request(pinned)
                return await _with_readable_redirect(target.url, response)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == len(target.addresses):
                    raise
        raise AssertionError("a checked target has an address")

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _with_readable_redirect(url: httpx.URL, response: httpx.Response) -> httpx.Response:
    """Refuse here what the client could only stumble over; where it leads is checked when it is requested."""
    if response.has_redirect_location:
        try:
            _parse(url.join(response.headers["Location"]))
        except (httpx.InvalidURL, ValueError, AddressRefused) as error:
            await response.aclose()
            raise AddressRefused(f"the server redirects to an address that is refused: {error}") from error
    return response


def _parse(url: str | httpx.URL) -> httpx.URL:
    text = str(url)
    if len(text) > _MAX_URL_CHARS:
        raise AddressRefused(f"a URL has at most {_MAX_URL_CHARS} characters")
    if re.search(r"[\x00-\x20\x7f\\]", text):
        raise AddressRefused("a URL has no spaces, control characters or backslashes")
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressRefused(f"{text!r} is not a URL: {error}") from error
    if parsed.scheme not in _DEFAULT_PORTS:
        raise AddressRefused("only http and https addresses can be fetched", scheme=parsed.scheme)
    if parsed.userinfo:
        raise AddressRefused("a URL must not carry a user name or password")
    if not host or "%" in host:
        raise AddressRefused(f"{text!r} names no host")
    return parsed


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _entry(text: str) -> tuple[str, int | None]:
    """Split `host`, `host:port`, `::1` or `[::1]:port`."""
    host, port = text.strip().lower(), None
    if _literal(host) is None:
        match = re.fullmatch(r"(\[[^\]]+\]|[^:\[\]/\s]+)(?::([0-9]{1,5}))?", host)
        if match is None:
            raise InvalidInput(f"{text!r} is not a 'host' or 'host:port'")
        host, port = match[1].strip("[]"), int(match[2]) if match[2] else None
    if port is not None and not 0 < port < 65536:
        raise InvalidInput(f"{text!r} has no port between 1 and 65535")
    return host.rstrip("."), port


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]
