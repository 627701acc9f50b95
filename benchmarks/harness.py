"""What all benchmarks share: how much to do, timing in turn, and the form of a result."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
Timed = Callable[[int], Sequence[float]]
"""Does something a number of times and returns the seconds each time took."""


@dataclass(frozen=True)
class Scale:
    """How much to do. The quick form checks the mechanics; its figures mean little."""

    quick: bool = False
    peers: bool = False

    def of(self, full: int, quick: int) -> int:
        """Return the number for this form."""
        return quick if self.quick else full

    @property
    def rounds(self) -> int:
        """How often the contenders take turns."""
        return self.of(31, 3)

    @property
    def calls(self) -> int:
        """How often each is called in one of its turns."""
        return self.of(40, 4)

    @property
    def history(self) -> int:
        """How many messages a long session has."""
        return self.of(10_000, 200)


@dataclass(frozen=True)
class Bar:
    """What a ratio must reach."""

    at_most: float | None = None
    at_least: float | None = None

    def holds(self, value: float) -> bool:
        """Whether the value reaches it."""
        if self.at_most is not None:
            return value <= self.at_most
        return self.at_least is None or value >= self.at_least

    def __str__(self) -> str:
        return f"≤ {self.at_most:g}" if self.at_most is not None else f"≥ {self.at_least:g}"


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    benchmark: str
    case: str
    unit: str
    ours: float
    floor: float | None = None
    ratio: float | None = None
    """Ours over the floor, the median of the rounds; or the figure the bar is about."""
    bar: Bar | None = None
    lost: int = 0
    """What should have arrived and did not."""
    note: str = ""

    @property
    def verdict(self) -> str:
        """Return `yes`, `no`, or nothing without a bar."""
        if self.bar is None or self.ratio is None:
            return ""
        return "yes" if self.bar.holds(self.ratio) and not self.lost else "no"


def timed(call: Callable[[], object]) -> Timed:
    """Time a plain function."""

    def turn(calls: int) -> list[float]:
        spent: list[float] = []
        for _ in range(calls):
            started = time.perf_counter()
            call()
            spent.append(time.perf_counter() - started)
        return spent

    return turn


def timed_async(runner: asyncio.Runner, call: Callable[[], Awaitable[object]]) -> Timed:
    """Time a coroutine function inside a running event loop."""

    async def turn(calls: int) -> list[float]:
        spent: list[float] = []
        for _ in range(calls):
            started = time.perf_counter()
            await call()
            spent.append(time.perf_counter() - started)
        return spent

    return lambda calls: runner.run(turn(calls))


def event_loop() -> asyncio.Runner:
    """Return the kind of event loop the server runs on."""
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def race(contenders: Mapping[str, Timed], rounds: int, calls: int) -> dict[str, list[float]]:
    """Let the contenders take turns, each round in another order; the median seconds of each turn."""
    names = list(contenders)
    spent: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            spent[name].append(median(contenders[name](calls)))
    return spent


def ratio(ours: Sequence[float], floor: Sequence[float]) -> float:
    """Return the median of the rounds' ratios."""
    return median(mine / bare for mine, bare in zip(ours, floor, strict=True))


def against(
    benchmark: str,
    case: str,
    ours: Sequence[float],
    floor: Sequence[float],
    *,
    bar: Bar | None = None,
    lost: int = 0,
    note: str = "",
) -> Result:
    """Compare times; the table shows them in microseconds."""
    return Result(
        benchmark, case, "µs", median(ours) * 1e6, median(floor) * 1e6, ratio(ours, floor), bar, lost, note
    )


def growth(small: Sequence[float], large: Sequence[float], from_size: int, to_size: int) -> float:
    """Return the exponent: 0 when the cost is flat, 1 when it grows with the size."""
    return math.log(median(large) / median(small)) / math.log(to_size / max(from_size, 1))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
