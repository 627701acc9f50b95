"""What the peers' programs share; needs nothing but the standard library."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

TEXT = "x" * 465
PAGE = 50
Step = Callable[[], Awaitable[object]]


async def _timed(call: Step, times: int) -> list[float]:
    spent: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        await call()
        spent.append(time.perf_counter() - started)
    return spent


def measure(prepare: Callable[[Path, int], Awaitable[tuple[Step, Callable[[], Awaitable[int]]]]]) -> None:
    """Prepare a session with a history; then, for each number that comes in, time so many appends and last pages."""

    async def main() -> None:
        folder, history = Path(sys.argv[1]), int(sys.argv[2])
        append, last = await prepare(folder, history)
        await _timed(append, 3)  # what opens files and fills caches is not counted
        missing = PAGE - await last()
        await _timed(last, 3)
        print(json.dumps({"missing": max(missing, 0)}), flush=True)
        for line in sys.stdin:  # who asks waits for the answer, and the event loop has nothing else to do
            times = int(line)
            spent = {"append": await _timed(append, times), "last": await _timed(last, times)}
            print(json.dumps(spent), flush=True)

    asyncio.run(main())
