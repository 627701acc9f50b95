"""Keeping to a service's pace: one request per interval, whoever asks, and silence when told to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class Pace:
    """Gives out turns in the order they are asked for, at least `interval_s` apart."""

    def __init__(
        self,
        interval_s: float,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.interval_s = interval_s
        self._sleep = sleep
        self._clock = clock
        self._next = float("-inf")
        self._lock = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for a turn and take it."""
        async with self._lock:
            while (wait_s := self._next - self._clock()) > 0:
                await self._sleep(wait_s)
            self._next = self._clock() + self.interval_s

    def hold(self, seconds: float) -> None:
        """Give no turn for so long, not even to those who wait already."""
        self._next = max(self._next, self._clock() + seconds)


def retry_after_s(value: str | None) -> float | None:
    """Read a `Retry-After` header, seconds or a date; None when there is none that can be read."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
