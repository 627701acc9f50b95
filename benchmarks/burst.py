"""Fifty sessions appending at once, against one thread that commits everything waiting as one group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

from benchmarks import ours
from benchmarks.bare import BareGroupWriter, BarePostgres, BareSqlite
from benchmarks.harness import Bar, Result, Scale, event_loop, percentile
from benchmarks.postgres import server

_SESSIONS = 50
_Round = tuple[float, float]


def run(scale: Scale) -> list[Result]:
    """Measure messages per second and how long the slowest wait, on SQLite and on PostgreSQL where there is one."""
    with ours.folder() as folder, event_loop() as runner:
        results = runner.run(_measure(scale, "50 sessions at once, SQLite", BareSqlite(folder), folder))
    with server() as new_database, event_loop() as runner:
        if new_database is not None:
            bare = BarePostgres(new_database())
            results += runner.run(_measure(scale, "50 sessions at once, PostgreSQL", bare, new_database()))
    return results


async def _measure(
    scale: Scale, name: str, bare: BareSqlite | BarePostgres, where: Path | str
) -> list[Result]:
    each, rounds = scale.of(40, 3), scale.of(15, 2)
    with ours.open_store(where) as store:
        for number in range(_SESSIONS):
            bare.create(str(number))
        ids = [ours.create(store) for _ in range(_SESSIONS)]
        writer = BareGroupWriter(bare)
        spent: dict[str, list[_Round]] = {"floor": [], "ours": []}
        sides: dict[str, list[Callable[[], Awaitable[object]]]] = {
            "floor": [lambda n=n: writer.append(str(n)) for n in range(_SESSIONS)],
            "ours": [lambda s=s: store.append(s, [ours.message()]) for s in ids],
        }
        for number in range(rounds):
            for side in sorted(sides, reverse=bool(number % 2)):
                spent[side].append(await _together(sides[side], each))
        writer.close()
        lost = rounds * each * _SESSIONS - ours.count_messages(store)
    bare.close()
    rates, bare_rates = ([rate for rate, _ in spent[side]] for side in ("ours", "floor"))
    slow, bare_slow = ([p99 for _, p99 in spent[side]] for side in ("ours", "floor"))
    return [
        Result(
            name,
            "messages a second",
            "/s",
            median(rates),
            median(bare_rates),
            median(a / b for a, b in zip(rates, bare_rates, strict=True)),
            Bar(at_least=0.5),
            lost,
        ),
        Result(
            name,
            "p99 of one append",
            "ms",
            median(slow) * 1e3,
            median(bare_slow) * 1e3,
            median(a / b for a, b in zip(slow, bare_slow, strict=True)),
            Bar(at_most=3),
            lost,
        ),
    ]


async def _together(appends: list[Callable[[], Awaitable[object]]], each: int) -> _Round:
    spent: list[float] = []

    async def one(append: Callable[[], Awaitable[object]]) -> None:
        for _ in range(each):
            started = time.perf_counter()
            await append()
            spent.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(one(append) for append in appends))
    return len(spent) / (time.perf_counter() - started), percentile(spent, 0.99)
