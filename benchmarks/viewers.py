"""Viewers of one log, as a program: connects, says `ready`, and writes down how late each event came.

Run as `python -m benchmarks.viewers URL VIEWERS EVENTS`. Each event carries the moment it was due, on the
machine's monotonic clock, as `"due":SECONDS` in its text.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from base64 import b64encode
from os import urandom
from typing import cast
from urllib.parse import urlsplit

import orjson

from benchmarks.harness import event_loop

_DUE = re.compile(rb"due=(\d+\.\d+)n=(\d+)")


class Viewer(asyncio.Protocol):
    """A reader of WebSocket frames that does no more than finding the events in them."""

    def __init__(self, request: bytes, viewers: Viewers) -> None:
        self._request = request
        self._viewers = viewers
        self._data = b""
        self._open = False
        self._transport: asyncio.Transport | None = None
        self.seen: set[int] = set()
        self.doubled = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note every event that is in whole frames."""
        now = time.monotonic()
        self._data += data
        if not self._open:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head[:20]:
                raise RuntimeError(head.decode(errors="replace"))
            self._open, self._data = True, rest
            self._viewers.opened()
        while (frame := self._take_frame()) is not None:
            for due, number in _DUE.findall(frame):
                if int(number) in self.seen:
                    self.doubled += 1
                self.seen.add(int(number))
                self._viewers.note(now - float(due))

    def _take_frame(self) -> bytes | None:
        data = self._data
        if len(data) < 2:
            return None
        length, start = data[1] & 127, 2
        if length == 126:
            length, start = int.from_bytes(data[2:4]), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10]), 10
        if len(data) < start + length or len(data) < start:
            return None
        self._data = data[start + length :]
        if data[0] & 15 == 9 and self._transport is not None:
            self._pong(data[start : start + length])
            return b""
        return data[start : start + length]

    def _pong(self, payload: bytes) -> None:
        assert self._transport is not None
        self._transport.write(bytes((0x8A, 0x80 | len(payload), 0, 0, 0, 0)) + payload)


class Viewers:
    """All of them."""

    def __init__(self, count: int, events: int) -> None:
        self.count = count
        self.late: list[float] = []
        self._wanted = count * events
        self._opened = 0
        self.ready = asyncio.Event()
        self.done = asyncio.Event()

    def opened(self) -> None:
        """One more is connected."""
        self._opened += 1
        if self._opened == self.count:
            self.ready.set()

    def note(self, late: float) -> None:
        """One more event has come."""
        self.late.append(late)
        if len(self.late) >= self._wanted:
            self.done.set()


async def watch(url: str, count: int, events: int) -> dict[str, object]:
    """Connect all viewers and return what they saw."""
    parts = urlsplit(url)
    viewers = Viewers(count, events)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    everyone: list[Viewer] = []
    loop = asyncio.get_running_loop()
    for start in range(0, count, 50):
        made: list[Viewer] = []
        for _ in range(min(50, count - start)):
            key = b64encode(urandom(16)).decode()
            request = (
                f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            )
            made.append(Viewer(request.encode(), viewers))
        await asyncio.gather(
            *(
                loop.create_connection(lambda v=viewer: v, parts.hostname or "127.0.0.1", parts.port or 80)
                for viewer in made
            )
        )
        everyone += made
    await viewers.ready.wait()
    await asyncio.sleep(1.0)
    print("ready", flush=True)
    try:
        async with asyncio.timeout(float(sys.stdin.readline())):
            await viewers.done.wait()
    except TimeoutError:
        pass
    late = sorted(viewers.late)
    return {
        "received": sum(len(viewer.seen) for viewer in everyone),
        "doubled": sum(viewer.doubled for viewer in everyone),
        "p50": late[len(late) // 2] if late else 0.0,
        "p99": late[int(len(late) * 0.99)] if late else 0.0,
    }


if __name__ == "__main__":
    with event_loop() as runner:
        sys.stdout.write(
            orjson.dumps(runner.run(watch(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))).decode()
        )
