"""Threads that carry out blocking work for whoever awaits it: one wake-up each way."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from perdure.errors import StorageUnavailable
from perdure.store.replies import Reply

_Work = tuple[Callable[[], Any], Reply]
_Door = queue.SimpleQueue["_Work | None"]


class Workers:
    """A fixed number of threads. Work is begun in the order in which it came.

    The thread that became idle last is given the next work: what it read and wrote is still at hand.
    """

    def __init__(self, count: int, name: str) -> None:
        self._turn = threading.Lock()
        self._idle: list[_Door] = []
        self._waiting: deque[_Work] = deque()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._loop, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, work: Callable[[], Any], reply: Reply) -> None:
        """Queue work.

        Raises:
            StorageUnavailable: when the threads have been ended.
        """
        with self._turn:
            if self._closed:
                raise StorageUnavailable("The store is closed.")
            if self._idle:
                self._idle.pop().put((work, reply))
            else:
                self._waiting.append((work, reply))

    def close(self) -> None:
        """Finish what is waiting, then end the threads. A second call does nothing."""
        with self._turn:
            self._closed = True
            while self._idle:
                self._idle.pop().put(None)
        for thread in self._threads:
            thread.join()

    def _next(self, door: _Door) -> _Work | None:
        with self._turn:
            if self._waiting:
                return self._waiting.popleft()
            if self._closed:
                return None
            self._idle.append(door)
        return door.get()

    def _loop(self) -> None:
        door: _Door = queue.SimpleQueue()
        while (job := self._next(door)) is not None:
            work, reply = job
            if not reply.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
                reply.set_exception(error)
            else:
                reply.set_result(result)
                del result
            del job, work, reply  # or the last result would live until the next
