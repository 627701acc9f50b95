"""All open sockets and streams of this server: their number, their signs of life, and their common end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from perdure.api.socket.protocol import PING_EVERY_S, Close, PingFrame, encode
from perdure.errors import PerdureError, TooMany

if TYPE_CHECKING:
    from perdure.services.connections import ConnectionService

_log = logging.getLogger(__name__)
_BEAT_EVERY_S = 60.0
_PING = encode(PingFrame())


class Reader(Protocol):
    """An open socket or stream."""

    def ping(self, text: str) -> None:
        """Write a sign of life; must not block."""
        ...

    async def go_away(self, code: int, reason: str) -> None:
        """End, because the server does."""
        ...


class Connections:
    """Admits readers up to the limit. One task pings all of them and keeps their rows fresh."""

    def __init__(self, service: ConnectionService, limit: int) -> None:
        self._service = service
        self._limit = limit
        self._readers: dict[Reader, float] = {}
        self._rows: dict[Reader, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._row_tasks: set[asyncio.Task[None]] = set()
        self.closing = asyncio.Event()

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._readers)

    def start(self) -> None:
        """Begin the signs of life."""
        self._task = asyncio.create_task(self._live())

    async def stop(self) -> None:
        """End everything that is still open; a second call does nothing."""
        await self.close_all()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, *self._row_tasks, return_exceptions=True)

    async def close_all(self) -> None:
        """Tell every reader that the server goes away, so that it comes back to the next one."""
        self.closing.set()
        reason = "the server restarts; resume from the last sequence number"
        await asyncio.gather(*(r.go_away(Close.GOING_AWAY, reason) for r in tuple(self._readers)))

    def admit(self, reader: Reader) -> None:
        """Count a reader in.

        Raises:
            TooMany: when the limit is reached; the reader is not counted then.
        """
        if len(self._readers) >= self._limit:
            raise TooMany(
                f"This server takes {self._limit} connections at once (PERDURE_MAX_CONNECTIONS); try later.",
                limit=self._limit,
            )
        self._readers[reader] = asyncio.get_running_loop().time() + PING_EVERY_S

    async def note(self, reader: Reader, task_id: str | None, session_id: str | None, user_id: str) -> None:
        """Keep a row for the reader, so that other servers and people see it.

        It is written in a task of ours: a reader may go away at any moment, its row must not be forgotten.
        """
        task = asyncio.create_task(self._note(reader, task_id, session_id, user_id))
        self._row_tasks.add(task)
        task.add_done_callback(self._row_tasks.discard)
        await asyncio.shield(task)

    async def _note(self, reader: Reader, task_id: str | None, session_id: str | None, user_id: str) -> None:
        row = await self._service.open(task_id, session_id, user_id)
        if reader in self._readers:
            self._rows[reader] = row
        else:
            await self._service.close(row)

    def release(self, reader: Reader) -> None:
        """Count a reader out; its row is removed in a task of ours: the caller is often being cancelled.

        A second call does nothing.
        """
        self._readers.pop(reader, None)
        row = self._rows.pop(reader, None)
        if row is not None:
            task = asyncio.create_task(_quietly(lambda: self._service.close(row)))
            self._row_tasks.add(task)
            task.add_done_callback(self._row_tasks.discard)

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + _BEAT_EVERY_S
        while True:
            await asyncio.sleep(1.0)
            now = loop.time()
            for reader, due in tuple(self._readers.items()):
                if due <= now and reader in self._readers:
                    self._readers[reader] = now + PING_EVERY_S
                    reader.ping(_PING)
            if now >= beat_at:
                beat_at = now + _BEAT_EVERY_S
                await _quietly(lambda: self._service.heartbeat(list(self._rows.values())))


async def _quietly(call: Callable[[], Awaitable[None]]) -> None:
    """Do without the row when storage is away: the sweep removes stale ones."""
    try:
        await call()
    except PerdureError as error:
        _log.warning("A connection's row could not be kept up to date: %s", error.message)
