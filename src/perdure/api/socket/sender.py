"""The one way out of a socket: never two sends at once, and never a send that waits for ever."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, cast

from starlette.types import Message, Send

PROGRESS_WITHIN_S = 10.0
_LONGEST_LINE = 2000
_GONE = (OSError, RuntimeError)
"""What an ASGI server raises when the peer has left or the socket is closed."""


class _Started:
    """Goes on with a coroutine that has been stepped once and waits for something."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], waiting_for: Any) -> None:
        self._coroutine = coroutine
        self._waiting_for = waiting_for

    def __await__(self) -> Generator[Any, Any, None]:
        waiting_for = self._waiting_for
        while True:
            thrown: BaseException | None = None
            try:
                yield waiting_for
            except BaseException as error:  # noqa: BLE001 - handed on into the coroutine
                thrown = error
            try:
                waiting_for = self._coroutine.send(None) if thrown is None else self._coroutine.throw(thrown)
            except StopIteration:
                return


class Sender:
    """Writes text frames. One goes out within the call while the transport takes it, which is nearly always;
    otherwise a task waits for the transport, and what comes after stands in line.
    """

    def __init__(self, send: Send, on_too_slow: Callable[[], None]) -> None:
        self._send = send
        self._on_too_slow = on_too_slow
        self._line: deque[tuple[str, asyncio.Future[None] | None]] = deque()
        self._flight: asyncio.Task[None] | None = None
        self._idle_waiters: list[asyncio.Future[None]] = []
        self.closed = False

    @property
    def idle(self) -> bool:
        """Whether a frame would go out at once."""
        return self._flight is None

    def post(self, text: str) -> None:
        """Write now, or stand in line; never waits. After the end of the connection it does nothing."""
        if self.closed:
            return
        if self._flight is not None:
            self._line.append((text, None))
            if len(self._line) > _LONGEST_LINE:
                self._too_slow()
            return
        coroutine = cast("Coroutine[Any, Any, None]", self._send({"type": "websocket.send", "text": text}))
        try:
            waiting_for = coroutine.send(None)
        except StopIteration:
            return
        except _GONE:
            self.end()
            return
        self._flight = asyncio.create_task(self._finish(_Started(coroutine, waiting_for)))

    async def write(self, text: str) -> None:
        """Write, waiting for as long as the transport needs."""
        if self._flight is None or self.closed:
            self.post(text)
            if self._flight is not None:
                await self.wait_idle()
            return
        done = asyncio.get_running_loop().create_future()
        self._line.append((text, done))
        await done

    async def wait_idle(self) -> None:
        """Wait until everything written so far has left, or the connection has ended."""
        while self._flight is not None and not self.closed:
            waiter = asyncio.get_running_loop().create_future()
            self._idle_waiters.append(waiter)
            await waiter

    async def close(self, code: int, reason: str, last_text: str | None = None) -> None:
        """Close the socket for a reason, after one more frame if given; a second call does nothing.

        What still stands in line is dropped. `urgent` lets our server's protocol write past a full buffer.
        """
        if self.closed:
            return
        flight = self._flight
        self.end()
        if flight is not None and flight is not asyncio.current_task():
            flight.cancel()
        last: list[Message] = [{"type": "websocket.send", "text": last_text}] if last_text is not None else []
        try:
            async with asyncio.timeout(1.0):
                for message in (
                    *last,
                    {"type": "websocket.close", "code": code, "reason": short_reason(reason)},
                ):
                    await self._send({**message, "urgent": True})
        except (*_GONE, TimeoutError):
            return

    def end(self) -> None:
        """Write nothing more and let everybody go who waits here."""
        self.closed = True
        waiters = [*self._idle_waiters, *(done for _, done in self._line if done is not None)]
        self._idle_waiters.clear()
        self._line.clear()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _finish(self, started: _Started) -> None:
        try:
            async with asyncio.timeout(PROGRESS_WITHIN_S):
                await started
            while self._line and not self.closed:
                text, done = self._line.popleft()
                async with asyncio.timeout(PROGRESS_WITHIN_S):
                    await self._send({"type": "websocket.send", "text": text})
                if done is not None and not done.done():
                    done.set_result(None)
        except TimeoutError:
            self._too_slow()
        except _GONE:
            self.end()
        finally:
            self._flight = None
        waiters, self._idle_waiters = self._idle_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _too_slow(self) -> None:
        if not self.closed:
            self._on_too_slow()


def short_reason(reason: str) -> str:
    """Cut a reason to what fits into a close frame, which counts bytes."""
    return reason.encode()[:120].decode(errors="ignore")
