"""Ending what is open when rights end: one look at all sockets and streams, every few seconds and after each change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Protocol

from perdure.core.access import Actor
from perdure.errors import PerdureError, SignInExpired
from perdure.services.credentials import Rights
from perdure.services.watching import Standing, WatchService

CHECK_EVERY_S = 3.0
_log = logging.getLogger(__name__)


class Watcher(Protocol):
    """An open socket or stream, as far as rights go."""

    actor: Actor | None

    @property
    def watched(self) -> Collection[str]:
        """The sessions that it is sent."""
        ...

    def lose(self, session_id: str) -> None:
        """Stop sending a session; must not block."""
        ...

    def sign_out(self, error: PerdureError) -> None:
        """End; must not block."""
        ...


class Revocation:
    """Looks whether everybody who watches still may. A change on this server is seen at once, others' in seconds."""

    def __init__(
        self, service: WatchService, rights: Rights, readers: Callable[[], Collection[Watcher]]
    ) -> None:
        self._service = service
        self._rights = rights
        self._readers = readers
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._deaf: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to look."""
        self._deaf = self._rights.listen(self._wake.set)
        self._task = asyncio.create_task(self._live())

    async def stop(self) -> None:
        """Look no more; a second call does nothing."""
        self._deaf()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def look(self) -> None:
        """Look once, and end what has to end.

        Raises:
            PerdureError: when storage is away; nothing is ended then, and nothing new can be sent either.
        """
        readers = [reader for reader in self._readers() if reader.actor is not None]
        if not readers:
            return
        actors = [reader.actor for reader in readers if reader.actor is not None]
        watched = {session_id for reader in readers for session_id in reader.watched}
        standing = await self._service.standing(actors, watched)
        for reader, before in zip(readers, actors, strict=True):
            if reader.actor is before:  # otherwise it has just signed in anew
                _apply(standing, reader, before, watched)

    async def _live(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_EVERY_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.look()
            except PerdureError as error:
                _log.warning("Open sockets could not be checked: %s", error.message)
            except Exception:  # noqa: BLE001 - without this task nobody is ever signed out of a socket
                _log.exception("A check of open sockets failed.")


def _apply(standing: Standing, reader: Watcher, before: Actor, asked: set[str]) -> None:
    actor = standing.actor(before)
    if actor is None:
        reader.sign_out(SignInExpired("This sign-in is over; sign in again."))
        return
    reader.actor = actor
    for session_id in tuple(reader.watched):
        if session_id in asked and not standing.may_read(actor, session_id):
            reader.lose(session_id)
