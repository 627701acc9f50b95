"""A first-come queue for something that serves one at a time."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator
from concurrent.futures import Future, InvalidStateError
from contextlib import asynccontextmanager


class Turnstile:
    """Let one holder through at a time, in order of arrival, also from several event loops and threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait behind the one being served."""
        return max(0, len(self._queue) - 1)

    @property
    def busy(self) -> bool:
        """Whether someone is being served."""
        return bool(self._queue)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for one's turn and hold it; leaving, also by cancellation, lets the next one through."""
        ticket: Future[None] = Future()
        with self._lock:
            self._queue.append(ticket)
            self._admit_first()
        try:
            await asyncio.wrap_future(ticket)
            yield
        finally:
            with self._lock:
                self._queue.remove(ticket)
                self._admit_first()

    def _admit_first(self) -> None:
        if not self._queue or self._queue[0].done():
            return
        try:
            self._queue[0].set_result(None)
        except InvalidStateError:
            # Cancelled between the two calls; its own way out admits the next one.
            return
