"""How often a person or an address may ask, counted in sliding windows.

Two ASGI layers, one before and one behind sign-in, ask one `RateLimits`; so do the login route, with the
account that is tried, and the sockets, with each command. What is counted where stands in `docs/limits.md`.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError, StorageError
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from perdure.api.errors import problem_of, problem_response
from perdure.api.socket.protocol import Close, encode_error
from perdure.core.access import LOCAL_USER_ID, Actor
from perdure.errors import StartupError, TooMany

if TYPE_CHECKING:
    from perdure.config import Settings

_log = logging.getLogger(__name__)
_WITHOUT_LIMIT = re.compile(r"/(?:health|ready)/?")
_SIGN_IN = re.compile(
    r"POST /api/(?:auth/(?:login|register)|share-links/accept)|PATCH /api/auth/me"
    r"|GET /api/auth/oidc/[^/]+/(?:login|callback)"
)
_RUN_START = re.compile(
    r"POST /api/(?:tasks/submit|(?:sessions|runs)/[^/]+/(?:messages|resume|retry|fork|queue)|templates/[^/]+/start)"
)
_OPENS = re.compile(r"GET /api/sessions/(?:[^/]+/)?stream")
_REDIS_TIMEOUT_S = 1.0
_CLOCK_ERROR_S = 0.01


class RateLimited(TooMany):
    """The same person or address asks too often; `retry_after_s` says when to come back."""

    code = "rate-limited"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so long, of one kind of thing."""

    name: str
    item: RateLimitItem | None
    setting: str

    @classmethod
    def of(cls, name: str, text: str) -> Rate:
        """Read `60/minute` or `off`."""
        item = None if text == "off" else parse(text)
        return cls(name, item, f"PERDURE_RATE_{name.upper()}")


class RateLimits:
    """The counters. In memory each server counts for itself; in Redis all servers count together.

    When Redis does not answer, this server counts for itself until it does.

    Raises:
        StartupError: when the Redis address cannot be used or its client is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self.on = settings.rate_limits == "on" or (
            settings.rate_limits == "auto" and settings.auth != "local"
        )
        self._requests = Rate.of("requests", settings.rate_requests)
        self._address = Rate.of("address", settings.rate_address)
        self._sign_in = Rate.of("sign_in", settings.rate_sign_in)
        self._sign_in_address = Rate.of("sign_in_address", settings.rate_sign_in_address)
        self._runs = Rate.of("runs", settings.rate_runs)
        self._commands = Rate.of("commands", settings.rate_commands)
        self._opens = Rate.of("opens", settings.rate_opens)
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared = _redis(settings) if self.on else None

    async def sign_in_attempt(self, connection: HTTPConnection, account: str) -> None:
        """Count an attempt to sign in as `account` from the caller's address; ask before a password is hashed.

        Raises:
            RateLimited: when there were too many; nothing has been looked up or hashed.
        """
        if self.on:
            address = unicodedata.normalize("NFKC", account.strip()).lower()  # as it is looked up
            known_as = hashlib.sha256(address.encode(errors="replace")).hexdigest()[:32]
            await self._hit(self._sign_in, "attempts to sign in", known_as, _place(connection.scope))

    async def run_start(self, actor: Actor) -> None:
        """Count the start of a run.

        Raises:
            RateLimited: when the person started too many.
        """
        if self.on:
            await self._hit(self._runs, "starts of runs", actor.user_id)

    async def command(self, actor: Actor) -> None:
        """Count a frame from a client of a socket.

        Raises:
            RateLimited: when the person sent too many.
        """
        if self.on:
            await self._hit(self._commands, "commands", actor.user_id)

    async def from_address(self, scope: Scope) -> None:
        """Count a request by where it comes from, before anything is known of who makes it.

        Raises:
            RateLimited: when there were too many from there.
        """
        place = _place(scope)
        await self._hit(self._address, "requests from your address", place)
        if scope["type"] == "websocket":
            await self._hit(self._opens, "connections from your address", "address", place)
        elif _SIGN_IN.fullmatch(_line(scope)):
            await self._hit(self._sign_in_address, "attempts to sign in from your address", place)

    async def from_person(self, scope: Scope, user_id: str) -> None:
        """Count a request by who makes it.

        Raises:
            RateLimited: when they made too many.
        """
        await self._hit(self._requests, "requests", user_id)
        if scope["type"] == "websocket":
            await self._hit(self._opens, "connections", "person", user_id)
            return
        line = _line(scope)
        if _RUN_START.fullmatch(line):
            await self._hit(self._runs, "starts of runs", user_id)
        elif _OPENS.fullmatch(line):
            await self._hit(self._opens, "connections", "person", user_id)

    async def close(self) -> None:
        """Let the connection to Redis go."""
        if self._shared is not None:
            storage: Any = self._shared.storage
            await storage.bridge.storage.aclose()

    async def _hit(self, rate: Rate, what: str, *who: str) -> None:
        item = rate.item
        if item is None:
            return
        limiter = self._shared or self._own
        try:
            wait_s = await _take(limiter, item, rate.name, *who)
        except StorageError as error:
            _log.warning("Redis does not count rate limits; this server counts alone: %s", error)
            wait_s = await _take(self._own, item, rate.name, *who)
        if wait_s is not None:
            raise RateLimited(
                f"Too many {what}: at most {item} ({rate.setting}). Try again in {wait_s} s.",
                retry_after_s=wait_s,
            )


class AddressLimits:
    """The layer before sign-in: counts by address, so that wrong credentials are counted too."""

    def __init__(self, app: ASGIApp, rates: RateLimits) -> None:
        self._app = app
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, then pass on or refuse."""
        if self._rates.on and _is_counted(scope):
            try:
                await self._rates.from_address(scope)
            except RateLimited as error:
                await _refuse(scope, receive, send, error)
                return
        await self._app(scope, receive, send)


class PersonLimits:
    """The layer behind sign-in: counts by the person who was recognised there."""

    def __init__(self, app: ASGIApp, rates: RateLimits, *, local: bool) -> None:
        self._app = app
        self._rates = rates
        self._nobody = LOCAL_USER_ID if local else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, then pass on or refuse."""
        if self._rates.on and _is_counted(scope):
            actor: Actor | None = scope.get("perdure.actor")
            user_id = actor.user_id if actor is not None else self._nobody
            try:
                if user_id is not None:
                    await self._rates.from_person(scope, user_id)
            except RateLimited as error:
                await _refuse(scope, receive, send, error)
                return
        await self._app(scope, receive, send)


async def _take(limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *who: str) -> int | None:
    """Count one more, or return after how many whole seconds there is room for it."""
    if await limiter.hit(item, *who):
        return None
    storage: Any = limiter.storage
    previous, previous_s, current, current_s = await storage.get_sliding_window(
        item.key_for(*who), item.get_expiry()
    )
    return _seconds_until_room(item.amount, item.get_expiry(), previous, previous_s, current, current_s)


def _seconds_until_room(
    amount: int, window_s: int, previous: int, previous_s: float, current: int, current_s: float
) -> int:
    """Return when the weighted count of two windows falls below `amount`.

    What was counted in the window before weighs less and less until it is forgotten after `previous_s`.
    """
    if current < amount and previous:
        wait_s = previous_s - (amount - current) * window_s / previous
    elif current:
        left_s = current_s - window_s if current_s > window_s else current_s
        wait_s = left_s + max(0.0, window_s - amount * window_s / current)
    else:
        wait_s = 0.0
    return max(1, math.floor(wait_s + _CLOCK_ERROR_S) + 1)


def _redis(settings: Settings) -> SlidingWindowCounterRateLimiter | None:
    if settings.redis_url is None:
        return None
    try:
        storage = RedisStorage(
            f"async+{settings.redis_url.get_secret_value()}",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="perdure",
            socket_timeout=_REDIS_TIMEOUT_S,
            socket_connect_timeout=_REDIS_TIMEOUT_S,
        )
    except (ConfigurationError, ImportError, ValueError) as error:
        raise StartupError(
            f"PERDURE_REDIS_URL cannot be used: {error}. It needs `pip install perdure[redis]` and an address "
            "such as redis://HOST:6379/0.",
            setting="PERDURE_REDIS_URL",
        ) from None
    return SlidingWindowCounterRateLimiter(storage)


def _is_counted(scope: Scope) -> bool:
    return scope["type"] in {"http", "websocket"} and not _WITHOUT_LIMIT.fullmatch(scope["path"])


def _line(scope: Scope) -> str:
    path: str = scope["path"]
    return f"{scope['method']} {path.rstrip('/') or '/'}"


def _place(scope: Scope) -> str:
    """Return the caller's address; of IPv6 the network of one customer, who has all of its addresses."""
    text = str(scope.get("perdure.address", "?"))
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return text


async def _refuse(scope: Scope, receive: Receive, send: Send, error: RateLimited) -> None:
    if scope["type"] == "http":
        await problem_response(problem_of(error))(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": encode_error(error)})
    await send({"type": "websocket.close", "code": int(Close.TOO_MANY), "reason": error.message[:120]})
