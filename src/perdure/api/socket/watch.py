"""A watch: one session's log on one socket. It holds a cursor and nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from perdure.api.socket.protocol import ResetFrame, SyncFrame, encode
from perdure.api.socket.sender import Sender
from perdure.errors import PerdureError
from perdure.live.feed import NOTHING_DRAFTED, DraftState, Feed, encode_batch
from perdure.live.hub import Hub

_log = logging.getLogger(__name__)


class Watch:
    """Sends what lies after the cursor page by page, then joins the feed's followers and is fed directly.

    When the socket does not take more at once, it leaves them and comes back by its cursor.
    """

    def __init__(
        self,
        hub: Hub,
        sender: Sender,
        session_id: str,
        after: int,
        *,
        batch: bool,
        on_reset: Callable[[], None],
        on_failure: Callable[[PerdureError], None],
    ) -> None:
        self.session_id = session_id
        self.after = after
        self.drafts: DraftState = NOTHING_DRAFTED
        self.batch = batch
        self._hub = hub
        self._sender = sender
        self._on_reset = on_reset
        self._on_failure = on_failure
        self._feed: Feed | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, epoch: int | None = None) -> None:
        """Say where the log stands and begin to send.

        A cursor of another epoch, or beyond the head, gets a `reset` instead.
        """
        feed = self._feed = await self._hub.acquire(self.session_id)
        if self.after > feed.head:
            await feed.pull()
        if self.after > feed.head or (epoch is not None and epoch != feed.epoch):
            self.reset(feed.epoch, 0, "epoch" if self.after <= feed.head else "unknown cursor")
            return
        sync = SyncFrame(
            session_id=self.session_id, epoch=feed.epoch, from_seq=self.after + 1, through_seq=feed.head
        )
        self._sender.post(encode(sync))
        self._follow(feed)

    def stop(self) -> None:
        """Stop sending; a second call does nothing."""
        feed, self._feed = self._feed, None
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if feed is not None:
            feed.leave(self)
            self._hub.release(feed)

    def take(self, feed: Feed) -> None:
        """Write what is new if the socket takes it, or leave and catch up."""
        texts = feed.event_texts(self.after, self.batch) if self._sender.idle else None
        if texts is None:
            feed.leave(self)
            self._follow(feed)
            return
        post = self._sender.post
        for text in feed.draft_texts(self.drafts):
            post(text)
        for text in texts:
            post(text)
        self.after = feed.head
        self.drafts = feed.drafts

    def reset(self, epoch: int, floor: int, reason: str) -> None:
        """Tell the reader that its cursor is void, and stop."""
        frame = ResetFrame(session_id=self.session_id, epoch=epoch, floor=floor, reason=reason)
        self._sender.post(encode(frame))
        self.stop()
        self._on_reset()

    def _follow(self, feed: Feed) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._catch_up(feed))
            self._task.add_done_callback(self._caught_up)

    async def _catch_up(self, feed: Feed) -> None:
        while not self._sender.closed:
            frames = await feed.read(self.after)
            if frames:
                texts = [encode_batch(frames)] if self.batch else [data.decode() for _, data in frames]
                for text in texts:
                    await self._sender.write(text)
                self.after = frames[-1][0]
            elif not self._sender.idle:
                await self._sender.wait_idle()
            else:
                self._task = None
                feed.join(self)
                self.take(feed)
                return

    def _caught_up(self, task: asyncio.Task[None]) -> None:
        if self._task is task:
            self._task = None
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, PerdureError):
            self._on_failure(error)
        else:
            _log.error("A watch of a session stopped.", exc_info=error)
            self._on_failure(
                PerdureError("The server made a mistake; come back with the last sequence number.")
            )
