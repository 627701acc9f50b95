"""Threads that carry out blocking work for whoever awaits it: one queue, and one wake-up each way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from perdure.errors import StorageUnavailable
from perdure.store.replies import Reply

_Work = tuple[Callable[[], Any], Reply]


class Workers:
    """A fixed number of threads. Work is begun in the order in which it came."""

    def __init__(self, count: int, name: str) -> None:
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
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
        if self._closed:
            raise StorageUnavailable("The store is closed.")
        self._queue.put((work, reply))

    def close(self) -> None:
        """Finish what is waiting, then end the threads."""
        self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        while not self._queue.empty():  # put at the very moment of closing
            late = self._queue.get_nowait()
            if late is not None and late[1].set_running_or_notify_cancel():
                late[1].set_exception(StorageUnavailable("The store is closed."))

    def _loop(self) -> None:
        while (job := self._queue.get()) is not None:
            work, reply = job
            if not reply.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it, whatever it is
                reply.set_exception(error)
            else:
                reply.set_result(result)
            del job, work, reply  # or the last result would live until the next
