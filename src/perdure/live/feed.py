"""A feed: what the readers of one session on this server share.

It pulls new frames from the log once for everybody, keeps the newest in a ring, and encodes what it hands
out once for all readers that stand at the same place. A reader itself is only a cursor.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import orjson

from perdure.live.deltas import Deltas, OpenMessage

Frame = tuple[int, bytes]
Fetch = Callable[[str, int, int], Awaitable[list[Frame]]]
"""`(session_id, after, limit)` to the frames after `after`, ascending, without gaps."""
Head = Callable[[str], Awaitable[tuple[int, int]]]
"""`session_id` to `(last_seq, epoch)`."""
DraftState = Mapping[str, tuple[int, int]]
"""How far a reader is: `message_id` to `(generation, code points)`. Never changed in place."""

RING_FRAMES = 1000
PAGE_FRAMES = 500
PAGE_BYTES = 64 * 1024
NOTHING_DRAFTED: DraftState = {}
_HAND_OUT_AT_ONCE = 100
_log = logging.getLogger(__name__)


class Follower(Protocol):
    """A reader that has everything up to the feed's head and wants what comes next at once."""

    after: int
    drafts: DraftState

    def take(self, feed: Feed) -> None:
        """Write what is new, or leave the feed and come back by the cursor; must not block."""
        ...

    def reset(self, epoch: int, floor: int, reason: str) -> None:
        """The log is another one than before, or the reader failed; nothing that it holds can be continued."""
        ...


def encode_batch(frames: Sequence[Frame]) -> str:
    """Return one `events` frame that holds all of `frames`."""
    return '{"type":"events","events":[' + ",".join(data.decode() for _, data in frames) + "]}"


def page_of(frames: Sequence[Frame]) -> list[Frame]:
    """Return the first frames up to the byte limit of one batch; at least one when there is one."""
    total = 0
    for index, (_, data) in enumerate(frames):
        total += len(data)
        if index and total > PAGE_BYTES:
            return list(frames[:index])
    return list(frames)


class Feed:
    """The shared view of one session's log and of its open messages."""

    def __init__(self, session_id: str, fetch: Fetch, deltas: Deltas) -> None:
        self.session_id = session_id
        self.head = 0
        self.epoch = 0
        self.readers = 0
        self.dirty = False
        self.ticking = False
        self.opened: asyncio.Task[None] | None = None
        self.pulled_at = 0.0
        self.version = 0
        """Grows with every change; read it before looking, then wait for the next."""
        self.drafts: DraftState = NOTHING_DRAFTED
        self._messages: list[OpenMessage] = []
        self._pulling = asyncio.Lock()
        self._fetch = fetch
        self._deltas = deltas
        self._ring: deque[Frame] = deque(maxlen=RING_FRAMES)
        self._followers: dict[Follower, None] = {}
        self._waiters: set[asyncio.Future[None]] = set()
        self._event_texts: dict[tuple[int, bool], tuple[str, ...]] = {}
        self._draft_texts: dict[int, tuple[DraftState, tuple[str, ...]]] = {}

    @property
    def follower_count(self) -> int:
        """How many readers are caught up and fed directly."""
        return len(self._followers)

    def start_at(self, head: int, epoch: int) -> None:
        """Begin an empty ring behind `head`."""
        self.head, self.epoch = head, epoch
        self._ring.clear()

    async def read(self, after: int, limit: int = PAGE_FRAMES) -> list[Frame]:
        """Return frames after `after` up to the head: from the ring if it reaches back, else from the log.

        Never beyond the head, where a reader that joins would be set back.
        Empty exactly when `after` is the head, and then without giving up control, so that a caller may
        join the followers right after.
        """
        if after >= self.head:
            return []
        if self._ring and after >= self._ring[0][0] - 1:
            start = after - self._ring[0][0] + 1
            return page_of(list(itertools.islice(self._ring, start, start + limit)))
        frames = await self._fetch(self.session_id, after, limit)
        return page_of([frame for frame in frames if frame[0] <= self.head])

    async def wait(self, version: int, timeout_s: float) -> bool:
        """Wait until the feed has changed since `version`; False when the time is up first."""
        if self.version != version:
            return True
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True

    def join(self, follower: Follower) -> None:
        """Feed this reader directly from now on; it must stand at the head."""
        self._followers[follower] = None

    def leave(self, follower: Follower) -> None:
        """Stop feeding this reader; a second call does nothing."""
        self._followers.pop(follower, None)

    async def pull(self) -> None:
        """Bring what the log has beyond the head into the ring, and note the open messages' growth."""
        async with self._pulling:
            await self._pull()

    async def _pull(self) -> None:
        before = self.head
        while frames := await self._fetch(self.session_id, self.head, PAGE_FRAMES):
            self._ring.extend(frames)
            self.head = frames[-1][0]
            if len(frames) < PAGE_FRAMES:
                break
        self.pulled_at = asyncio.get_running_loop().time()
        grew = self._note_drafts()
        if grew or self.head != before:
            self._event_texts.clear()
            self._draft_texts.clear()
            self.version += 1
            waiters, self._waiters = self._waiters, set()
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    async def hand_out(self) -> None:
        """Let every follower that is not at the newest state take what is new."""
        for index, follower in enumerate(tuple(self._followers)):
            if index % _HAND_OUT_AT_ONCE == _HAND_OUT_AT_ONCE - 1:
                await asyncio.sleep(0)
            if follower in self._followers and (
                follower.after != self.head or follower.drafts is not self.drafts
            ):
                self._feed(follower)

    def _feed(self, follower: Follower) -> None:
        try:
            follower.take(self)
        except Exception:  # noqa: BLE001 - one reader's fault is not the others'
            _log.exception("A reader could not be fed; it starts over.")
            self.leave(follower)
            follower.reset(self.epoch, 0, "failed")

    def reset(self, head: int, epoch: int, reason: str) -> None:
        """Start over on another log and tell all followers so."""
        self.start_at(head, epoch)
        followers, self._followers = self._followers, {}
        for follower in followers:
            follower.reset(epoch, 0, reason)

    def event_texts(self, after: int, batch: bool) -> tuple[str, ...] | None:
        """Return the encoded frames from `after` to the head, shared by all who stand there.

        None when the ring does not reach back that far or they are too many for one go.
        """
        if after == self.head:
            return ()
        known = self._event_texts.get((after, batch))
        if known is not None:
            return known
        if not self._ring or after < self._ring[0][0] - 1:
            return None
        start = after - self._ring[0][0] + 1
        frames = list(itertools.islice(self._ring, start, None))
        if len(page_of(frames)) < len(frames):
            return None
        texts = (encode_batch(frames),) if batch else tuple(data.decode() for _, data in frames)
        self._event_texts[after, batch] = texts
        return texts

    def draft_texts(self, have: DraftState) -> tuple[str, ...]:
        """Return `message_delta` frames that take a reader from `have` to the present text."""
        if have is self.drafts:
            return ()
        known = self._draft_texts.get(id(have))
        if known is not None and known[0] is have:
            return known[1]
        texts = tuple(text for m in self._messages if (text := _delta(self.session_id, m, have)) is not None)
        self._draft_texts[id(have)] = (have, texts)
        return texts

    def _note_drafts(self) -> bool:
        messages = self._deltas.collect(self.session_id)
        if not messages and not self._messages:
            return False
        self._messages = messages
        self.drafts = {m.message_id: (m.generation, len(m.text)) for m in messages}
        return True


def _delta(session_id: str, message: OpenMessage, have: DraftState) -> str | None:
    generation, length = have.get(message.message_id, (0, 0))
    offset = length if generation == message.generation else 0
    if offset == len(message.text):
        return None
    return orjson.dumps(
        {
            "type": "message_delta",
            "session_id": session_id,
            "run_id": message.run_id,
            "message_id": message.message_id,
            "agent": message.agent,
            "offset": offset,
            "text": message.text[offset:],
        }
    ).decode()
