"""Presence: who watches a session now, on all servers, and word of it to those who watch it here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from perdure.core.access import Action, Actor
from perdure.errors import PerdureError
from perdure.services.access import session_for
from perdure.store.presence import Viewer, viewers_of
from perdure.store.store import Store
from perdure.store.transaction import Tx

Viewers = tuple[Viewer, ...]
Tell = Callable[[Viewers], bool]
"""Takes who is there now; False when it cannot take it yet and wants to be asked again."""

ALIVE_FOR = timedelta(seconds=65)
"""How long a connection counts after its last sign of life; a server that is killed leaves its rows behind."""
_TOGETHER_S = 0.25
_POLL_SHARED_S = 1.0
_POLL_ALONE_S = 20.0

_log = logging.getLogger(__name__)


class _Follower:
    __slots__ = ("known", "tell", "user_id")

    def __init__(self, tell: Tell, user_id: str) -> None:
        self.tell = tell
        self.user_id = user_id
        self.known = frozenset({user_id})
        """Whom the follower has been told of. Alone at the start, it need not be told so."""


class PresenceService:
    """Answers who is there, and tells followers when other people have come or gone.

    Changes that this server makes are told within a quarter of a second, those of others within about one;
    however many they are, a follower gets one word for each look.
    """

    def __init__(self, store: Store, *, poll_s: float | None = None) -> None:
        self._store = store
        self._poll_s = poll_s or (_POLL_SHARED_S if store.address.is_postgres else _POLL_ALONE_S)
        self._followers: dict[str, dict[_Follower, None]] = {}
        self._changed: set[str] = set()
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def viewers(self, actor: Actor, session_id: str) -> Viewers:
        """Return who watches a session, longest first.

        Raises:
            NotFound: when it does not exist for the actor.
        """

        def body(tx: Tx) -> Viewers:
            session = session_for(tx, actor, session_id, Action.READ)
            return viewers_of(tx, [session.id], tx.now - ALIVE_FOR).get(session.id, ())

        return await self._store.read(body)

    def follow(self, session_id: str, user_id: str, tell: Tell) -> Callable[[], None]:
        """Call `tell` whenever the people who watch the session are others than before; returns what ends that.

        Access has been checked. Whoever is alone is not told so at the start.
        """
        follower = _Follower(tell, user_id)
        self._followers.setdefault(session_id, {})[follower] = None
        self.changed(session_id)

        def stop() -> None:
            known = self._followers.get(session_id, {})
            known.pop(follower, None)
            if not known:
                self._followers.pop(session_id, None)

        return stop

    def changed(self, session_id: str) -> None:
        """Note that somebody has come or gone; without followers here it does nothing."""
        if session_id in self._followers:
            self._changed.add(session_id)
            self._woken.set()

    def start(self) -> None:
        """Begin to tell followers, in the running loop; a second call does nothing."""
        if self._task is None:
            self._woken = asyncio.Event()
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Tell nobody any more; a second call does nothing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        looked_at_all = loop.time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(looked_at_all + self._poll_s):
                    await self._woken.wait()
            await asyncio.sleep(_TOGETHER_S)
            self._woken.clear()
            changed, self._changed = self._changed, set()
            if loop.time() >= looked_at_all + self._poll_s:
                looked_at_all, changed = loop.time(), set(self._followers)
            try:
                await self._look(changed & self._followers.keys())
            except PerdureError as error:  # storage is away: looked at again by the next poll
                _log.warning("Who is there could not be looked up: %s", error.message)
            except Exception:  # noqa: BLE001 - without this task nobody is told any more
                _log.exception("Who is there could not be told.")

    async def _look(self, session_ids: set[str]) -> None:
        if not session_ids:
            return
        found = await self._store.read(lambda tx: viewers_of(tx, session_ids, tx.now - ALIVE_FOR))
        for session_id in session_ids:
            viewers = found.get(session_id, ())
            people = frozenset(viewer.user_id for viewer in viewers)
            for follower in tuple(self._followers.get(session_id, ())):
                if follower.known == people or follower.user_id not in people:
                    continue  # who is not noted as there yet is told when they are
                if follower.tell(viewers):
                    follower.known = people
                else:
                    self.changed(session_id)
