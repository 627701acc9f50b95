"""How the result of a write gets back to whoever waits for it.

A waiting coroutine shares its event loop's mailbox with all others there, so a whole group wakes the
loop once. A caller that waits on its own thread needs no lock at all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any, Protocol
from weakref import WeakKeyDictionary, ref


class Reply(Protocol):
    """Where a result goes; a `concurrent.futures.Future` is one too."""

    def set_running_or_notify_cancel(self) -> bool:
        """Whether the result is still wanted."""
        ...

    def set_result(self, result: Any, /) -> None:
        """Deliver."""
        ...

    def set_exception(self, exception: BaseException | None, /) -> None:
        """Deliver an error."""
        ...


class Held:
    """Keeps the result for the thread that carries the job out itself."""

    __slots__ = ("_error", "_result")

    def __init__(self) -> None:
        self._result: Any = None
        self._error: BaseException | None = None

    def set_running_or_notify_cancel(self) -> bool:
        """Whether the result is still wanted."""
        return True

    def set_result(self, result: Any, /) -> None:
        """Deliver."""
        self._result = result

    def set_exception(self, exception: BaseException | None, /) -> None:
        """Deliver an error."""
        self._error = exception

    def result(self) -> Any:
        """Return the result, or raise the error."""
        if self._error is not None:
            raise self._error
        return self._result


class Awaited:
    """Carries the result into the event loop that was running when this was made."""

    __slots__ = ("_mailbox", "future")

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = loop.create_future()
        mailbox = _mailboxes.get(loop)
        if mailbox is None:
            mailbox = _mailboxes[loop] = _Mailbox(loop)
        self._mailbox = mailbox

    def set_running_or_notify_cancel(self) -> bool:
        """Whether the result is still wanted."""
        return not self.future.cancelled()

    def set_result(self, result: Any, /) -> None:
        """Deliver."""
        self._mailbox.put(self.future, result, None)

    def set_exception(self, exception: BaseException | None, /) -> None:
        """Deliver an error."""
        self._mailbox.put(self.future, None, exception)


class _Mailbox:
    """What other threads have for one event loop. Looking after clearing `_woken` makes a lost wake-up impossible."""

    __slots__ = ("__weakref__", "_letters", "_loop", "_woken")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = ref(loop)
        self._letters: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._woken = False

    def put(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._letters.append((future, result, error))
        if not self._woken:
            self._woken = True
            loop = self._loop()
            if loop is not None:
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(self._open)

    def _open(self) -> None:
        self._woken = False
        while self._letters:
            future, result, error = self._letters.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


_mailboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, _Mailbox] = WeakKeyDictionary()
