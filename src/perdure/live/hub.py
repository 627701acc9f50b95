"""The hub: one feed for each session that somebody reads here, woken by the bus and by a slow poll."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from perdure.errors import PerdureError
from perdure.live.bus import Bus, ListHint, StopListening
from perdure.live.deltas import Deltas
from perdure.live.feed import NOTHING_DRAFTED, DraftState, Feed, Fetch, Frame, Head

_log = logging.getLogger(__name__)
OnHint = Callable[[ListHint], None]
Audience = Callable[[Sequence[str]], Awaitable[Mapping[str, set[str]]]]
"""Session ids to the ids of the people they are shared with now."""


async def _nobody(_session_ids: Sequence[str]) -> Mapping[str, set[str]]:
    return {}


@dataclass(frozen=True, slots=True)
class Batch:
    """What a single read brought: event frames, delta frames, and the state to read on from."""

    frames: list[Frame]
    deltas: tuple[str, ...] = ()
    drafts: DraftState = field(default_factory=lambda: NOTHING_DRAFTED)


class Hub:
    """Joins readers to the log. Lives in one event loop between `start` and `stop`."""

    def __init__(
        self,
        bus: Bus,
        deltas: Deltas,
        fetch: Fetch,
        head: Head,
        audience: Audience = _nobody,
        *,
        poll_s: float = 5.0,
        tick_few_s: float = 0.02,
        tick_many_s: float = 0.05,
    ) -> None:
        self._bus = bus
        self._deltas = deltas
        self._fetch = fetch
        self._head = head
        self._audience = audience
        self.poll_s = poll_s
        self._tick_few_s = tick_few_s
        self._tick_many_s = tick_many_s
        self._feeds: dict[str, Feed] = {}
        self._lists: dict[str, dict[OnHint, None]] = {}
        self._shared_hints: list[tuple[str, ListHint]] = []
        self._sharing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop_listening: StopListening | None = None

    async def start(self) -> None:
        """Listen to the bus in the running loop; a second call does nothing."""
        if self._stop_listening is not None:
            return
        loop = asyncio.get_running_loop()
        self._stop_listening = self._bus.listen(self._wake, self._hint)
        self._deltas.on_change(lambda session_id: _call_soon(loop, self._draft_changed, session_id))
        self._spawn(self._poll())

    async def stop(self) -> None:
        """Stop listening and end all ticks; readers are the caller's to close."""
        if self._stop_listening is None:
            return
        self._stop_listening()
        self._stop_listening = None
        self._deltas.on_change(lambda _session_id: None)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def feed_count(self) -> int:
        """How many sessions somebody reads here."""
        return len(self._feeds)

    @asynccontextmanager
    async def open(self, session_id: str) -> AsyncGenerator[Feed]:
        """Hold the session's feed while reading it."""
        feed = await self.acquire(session_id)
        try:
            yield feed
        finally:
            self.release(feed)

    async def acquire(self, session_id: str) -> Feed:
        """Return the session's feed, made when nobody else reads it; pair with `release`.

        It is woken by the bus before it asks for the head, so nothing falls between the two.
        """
        feed = self._feeds.get(session_id)
        if feed is None:
            feed = self._feeds[session_id] = Feed(session_id, self._fetch, self._deltas)
            feed.opened = asyncio.create_task(self._open(feed))
        feed.readers += 1
        try:
            if feed.opened is not None:
                await asyncio.shield(feed.opened)
        except BaseException:
            self.release(feed)
            raise
        return feed

    def release(self, feed: Feed) -> None:
        """Give the feed back; the last reader's leaving forgets it."""
        feed.readers -= 1
        if feed.readers <= 0 and self._feeds.get(feed.session_id) is feed:
            del self._feeds[feed.session_id]

    async def read(
        self, session_id: str, after: int, limit: int, timeout_s: float, drafts: DraftState = NOTHING_DRAFTED
    ) -> Batch:
        """Return what is new after a cursor, waiting up to `timeout_s` for something."""
        async with self.open(session_id) as feed:
            while True:
                version = feed.version
                frames = await feed.read(after, limit)
                deltas = () if frames else feed.draft_texts(drafts)
                if frames or deltas or not await feed.wait(version, timeout_s):
                    return Batch(frames, deltas, drafts if frames else feed.drafts)

    def follow_list(self, owner_id: str, on_hint: OnHint) -> StopListening:
        """Tell `on_hint` of every change of somebody's list, until the returned function is called."""
        self._lists.setdefault(owner_id, {})[on_hint] = None

        def stop() -> None:
            followers = self._lists.get(owner_id, {})
            followers.pop(on_hint, None)
            if not followers:
                self._lists.pop(owner_id, None)

        return stop

    async def _open(self, feed: Feed) -> None:
        feed.start_at(*await self._head(feed.session_id))
        feed.opened = None
        self._wake(feed.session_id)

    def _wake(self, session_id: str) -> None:
        feed = self._feeds.get(session_id)
        if feed is None:
            return
        feed.dirty = True
        if not feed.ticking and feed.opened is None:
            feed.ticking = True
            self._spawn(self._tick(feed))

    def _draft_changed(self, session_id: str) -> None:
        if session_id in self._feeds:
            self._wake(session_id)
        else:
            self._deltas.collect(session_id)

    def _hint(self, owner_id: str, hint: ListHint, personal: bool) -> None:
        self._tell(owner_id, hint)
        others = len(self._lists) - (owner_id in self._lists)
        if personal or not others or "session_id" not in hint:
            return
        self._shared_hints.append((owner_id, hint))
        if not self._sharing:
            self._sharing = True
            self._spawn(self._tell_others())

    def _tell(self, user_id: str, hint: ListHint) -> None:
        for on_hint in tuple(self._lists.get(user_id, ())):
            on_hint(hint)

    async def _tell_others(self) -> None:
        """Hand hints to those who follow their list here and with whom the session is shared at this moment."""
        try:
            while self._shared_hints:
                hints, self._shared_hints = self._shared_hints, []
                audience = await self._audience(sorted({hint["session_id"] for _, hint in hints}))
                for owner_id, hint in hints:
                    for user_id in audience.get(hint["session_id"], ()):
                        if user_id != owner_id:
                            self._tell(user_id, hint)
        except PerdureError as error:  # storage is away; a list that is read again shows everything
            _log.warning("Lists of others were not told of changes: %s", error.message)
        finally:
            self._sharing = False

    async def _tick(self, feed: Feed) -> None:
        """Pull and hand out at once, then again after each pause for as long as there is something new."""
        loop = asyncio.get_running_loop()
        try:
            while feed.dirty and feed.readers > 0:
                feed.dirty = False
                started = loop.time()
                await feed.pull()
                await feed.hand_out()
                pause_s = self._tick_few_s if feed.follower_count < 100 else self._tick_many_s
                await asyncio.sleep(max(0.0, pause_s - (loop.time() - started)))
        finally:
            feed.ticking = False

    async def _poll(self) -> None:
        """Look at every feed that nothing has woken for a while: a hint may have been lost."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.poll_s)
            for feed in tuple(self._feeds.values()):
                if feed.opened is None and loop.time() - feed.pulled_at >= self.poll_s:
                    await self._look_quietly(feed)

    async def _look_quietly(self, feed: Feed) -> None:
        try:
            await self._look(feed)
        except PerdureError:
            pass  # storage is away: the next round looks again
        except Exception:  # noqa: BLE001 - whatever it is, a hub that looks no more loses changes
            _log.exception("A feed could not be looked at; the next round looks again.")

    async def _look(self, feed: Feed) -> None:
        head, epoch = await self._head(feed.session_id)
        if epoch != feed.epoch or head < feed.head:
            feed.reset(head, epoch, "restored")
        elif head > feed.head:
            self._wake(feed.session_id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("A reader's feed stopped; it is tried again within %s s.", self.poll_s, exc_info=error)


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[str], None], session_id: str) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody reads any more
        loop.call_soon_threadsafe(call, session_id)
