"""All open sockets and streams of this server: their number, their signs of life, and their common end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

from perdure.api.socket.protocol import PING_EVERY_S, Close, PingFrame, encode
from perdure.api.socket.revocation import Watcher
from perdure.errors import PerdureError, TooMany

if TYPE_CHECKING:
    from perdure.services.connections import ConnectionService

_log = logging.getLogger(__name__)
_BEAT_EVERY_S = 20.0
_PING = encode(PingFrame())


class Reader(Watcher, Protocol):
    """An open socket or stream."""

    def ping(self, text: str) -> None:
        """Write a sign of life; must not block."""
        ...

    async def go_away(self, code: int, reason: str) -> None:
        """End, because the server does."""
        ...


class Connections:
    """Admits readers up to the limit. One task pings all of them and keeps their rows fresh."""

    def __init__(self, service: ConnectionService, limit: int, limit_per_user: int | None = None) -> None:
        self._service = service
        self._limit = limit
        self._limit_per_user = limit_per_user or limit
        self._people: dict[Reader, str] = {}
        self._readers: dict[Reader, float] = {}
        self._rows: dict[Reader, dict[str | None, str]] = {}
        """Each reader's rows: its own under None, and one for each of several sessions that it watches."""
        self._task: asyncio.Task[None] | None = None
        self._row_tasks: set[asyncio.Task[None]] = set()

    @property
    def readers(self) -> Collection[Reader]:
        """Those that are open."""
        return tuple(self._readers)

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

    def claim(self, reader: Reader, user_id: str) -> None:
        """Say whose reader it is, once that is known. A second call changes nothing.

        Raises:
            TooMany: when this person has as many open as one may.
        """
        if reader not in self._readers or self._people.get(reader) == user_id:
            return
        if sum(1 for owner in self._people.values() if owner == user_id) >= self._limit_per_user:
            raise TooMany(
                f"You have {self._limit_per_user} connections open (PERDURE_MAX_CONNECTIONS_PER_USER); close some.",
                limit=self._limit_per_user,
            )
        self._people[reader] = user_id

    async def note(self, reader: Reader, task_id: str | None, session_id: str | None, user_id: str) -> None:
        """Keep a row for the reader, so that other servers and people see it.

        It is written in a task of ours: a reader may go away at any moment, its row must not be forgotten.

        Raises:
            TooMany: when this person has as many open as one may.
        """
        self.claim(reader, user_id)
        await asyncio.shield(self._in_a_task(self._note(reader, None, task_id, session_id, user_id)))

    async def note_watch(self, reader: Reader, session_id: str, user_id: str) -> None:
        """Keep a row for one of several sessions that a reader watches, until `release_watch`."""
        own = self._rows.get(reader, {}).get(None)
        await asyncio.shield(self._in_a_task(self._note(reader, session_id, own, session_id, user_id)))

    def release_watch(self, reader: Reader, session_id: str) -> None:
        """Remove the row that `note_watch` made, in a task of ours; there is none, it does nothing."""
        row = self._rows.get(reader, {}).pop(session_id, None)
        if row is not None:
            self._in_a_task(_quietly(lambda: self._service.close(row)))

    def _in_a_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._row_tasks.add(task)
        task.add_done_callback(self._row_tasks.discard)
        return task

    async def _note(
        self, reader: Reader, watched: str | None, task_id: str | None, session_id: str | None, user_id: str
    ) -> None:
        row = await self._service.open(task_id, session_id, user_id)
        if reader in self._readers:
            held = self._rows.setdefault(reader, {})
            before, held[watched] = held.get(watched), row
            if before is not None:
                await self._service.close(before)
        else:
            await self._service.close(row)

    def release(self, reader: Reader) -> None:
        """Count a reader out; its rows are removed in a task of ours: the caller is often being cancelled.

        A second call does nothing.
        """
        self._readers.pop(reader, None)
        self._people.pop(reader, None)
        rows = self._rows.pop(reader, {}).values()
        if rows:
            self._in_a_task(_quietly(lambda: self._service.close(*rows)))

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
                await _quietly(self._beat)

    async def _beat(self) -> None:
        await self._service.heartbeat([row for held in self._rows.values() for row in held.values()])


async def _quietly(call: Callable[[], Awaitable[None]]) -> None:
    """Do without the row when storage is away: the sweep removes stale ones."""
    try:
        await call()
    except PerdureError as error:
        _log.warning("A connection's row could not be kept up to date: %s", error.message)
