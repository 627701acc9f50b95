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
    """Prepare a session with a history, then time appending one message and reading the last page."""

    async def main() -> None:
        folder, history, times = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
        append, last = await prepare(folder, history)
        await _timed(append, 3)  # what opens files and fills caches is not counted
        appends = await _timed(append, times)
        missing = PAGE - await last()
        await _timed(last, 3)
        pages = await _timed(last, times)
        print(json.dumps({"append": appends, "last": pages, "missing": max(missing, 0)}))

    asyncio.run(main())
