"""Driving a stream: connect, read, and come back until the caller has enough."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_sync

from perdure.client import sessions
from perdure.client.credentials import headers
from perdure.client.models import Event
from perdure.client.problems import ServerUnreachable
from perdure.client.stream import Backoff, Cursor, Delta, Gap, Reconnecting, final_handshake
from perdure.client.transport import AsyncTransport, Target, Transport

_IDLE_CHECK_S = 2.0
_MAX_FRAME_BYTES = 64 * 2**20
_TOO_MANY = 4429
_SIGN_IN_NEEDED = 4401

_LOST = (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, Gap, ServerUnreachable)
"""What ends one connection and not the stream, unless its code says so."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller of `stream` asked for."""

    session_id: str
    after: int
    until_idle: bool
    include_deltas: bool
    give_up_after: int | None
    on_reconnect: Callable[[Reconnecting], None] | None


class _Follower:
    """The rules that both drivers share."""

    def __init__(self, target: Target, wish: Wish) -> None:
        self.wish = wish
        self.cursor = Cursor(wish.session_id, wish.after)
        self._target = target
        self._backoff = Backoff(wish.give_up_after, is_near=target.is_loopback)
        self._renewed = False
        self.credential: str | None = None
        """What the present connection was opened with."""

    def address(self) -> str:
        """Where to connect next."""
        query: dict[str, Any] = {"after": self.cursor.seq, "batch": "true"}
        if self.cursor.epoch is not None:
            query["epoch"] = self.cursor.epoch
        return self._target.socket_url(f"/ws/sessions/{self.wish.session_id}", urlencode(query))

    def options(self) -> dict[str, Any]:
        """Arguments of `connect`, the same for both kinds."""
        return {
            "additional_headers": headers(self.credential),
            "max_size": _MAX_FRAME_BYTES,
            "close_timeout": 1,
            "compression": None,
            "proxy": None if self._target.is_loopback else True,
            "ssl": self._target.tls,
        }

    def items(self, raw: str | bytes) -> Iterator[Event | Delta]:
        """Read a frame; deltas only if they are wanted."""
        new = self.cursor.take(raw)
        if self.cursor.progress:
            self._backoff.reset()
        if self.cursor.refusal is None:
            self._renewed = False
        return (item for item in new if self.wish.include_deltas or isinstance(item, Event))

    def silence_s(self) -> float | None:
        """How long to wait for a frame before looking whether the session is idle."""
        return _IDLE_CHECK_S if self.wish.until_idle else None

    def asks(self) -> bool:
        """Whether to look now if the session is idle."""
        return self.wish.until_idle and self.cursor.may_be_idle

    def wants_renewal(self, error: BaseException) -> bool:
        """Whether the server asks for a sign-in and a new token may do; asked once until it lets us in."""
        asked = (isinstance(error, InvalidStatus) and error.response.status_code == 401) or (
            isinstance(error, ConnectionClosed)
            and error.rcvd is not None
            and error.rcvd.code == _SIGN_IN_NEEDED
        )
        if not asked or self._renewed:
            return False
        self._renewed = True
        return True

    def pause_s(self, error: BaseException) -> float:
        """Return how long to wait before the next connection.

        Raises:
            PerdureError: when coming back would not help.
        """
        crowded = False
        if isinstance(error, InvalidStatus):
            self._raise(final_handshake(error.response.status_code, self.wish.session_id), error)
            crowded = error.response.status_code == 429
        if isinstance(error, ConnectionClosed) and error.rcvd is not None:
            self._raise(self.cursor.final_close(error.rcvd.code, error.rcvd.reason), error)
            crowded = error.rcvd.code == _TOO_MANY
        reason = str(error) or type(error).__name__
        pause_s = self._backoff.next_pause_s(reason, crowded=crowded)
        if self.wish.on_reconnect is not None:
            self.wish.on_reconnect(Reconnecting(self.cursor.seq, self._backoff.attempt, pause_s, reason))
        return pause_s

    def _raise(self, final: Exception | None, cause: BaseException) -> None:
        if final is not None:
            raise final from cause


def follow(transport: Transport, wish: Wish) -> Iterator[Event | Delta]:
    """Yield a session's log as it grows, over as many connections as it takes."""
    follower = _Follower(transport.target, wish)
    while True:
        try:
            follower.credential = transport.authorize()
            with _open(follower) as socket:
                follower.cursor.connected()
                while True:
                    try:
                        yield from follower.items(socket.recv(timeout=follower.silence_s()))
                    except TimeoutError:
                        follower.cursor.may_be_idle = True
                    if follower.asks() and follower.cursor.idle(
                        transport.send(sessions.get(wish.session_id))
                    ):
                        return
        except _LOST as error:
            if not (follower.wants_renewal(error) and transport.renew(follower.credential)):
                time.sleep(follower.pause_s(error))


def _open(follower: _Follower) -> ClientConnection:
    return cast("ClientConnection", connect_sync(follower.address(), **follower.options()))


async def follow_async(transport: AsyncTransport, wish: Wish) -> AsyncIterator[Event | Delta]:
    """Yield a session's log as it grows, over as many connections as it takes."""
    follower = _Follower(transport.target, wish)
    while True:
        try:
            follower.credential = await transport.authorize()
            async with connect_async(follower.address(), **follower.options()) as socket:
                follower.cursor.connected()
                while True:
                    try:
                        raw = await asyncio.wait_for(socket.recv(), follower.silence_s())
                    except TimeoutError:
                        follower.cursor.may_be_idle = True
                    else:
                        for item in follower.items(raw):
                            yield item
                    if follower.asks() and follower.cursor.idle(
                        await transport.send(sessions.get(wish.session_id))
                    ):
                        return
        except _LOST as error:
            if not (follower.wants_renewal(error) and await transport.renew(follower.credential)):
                await asyncio.sleep(follower.pause_s(error))
