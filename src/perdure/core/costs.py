"""Costs: one record per model call, in integer micro-dollars; unknown is unknown, never zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict


class CostRecord(BaseModel):
    """One model call as the ledger keeps it; `call_id` makes it count once."""

    model_config = ConfigDict(frozen=True)

    id: str
    call_id: str
    session_id: str
    run_id: str
    step_id: str | None = None
    agent: str | None = None
    model: str
    provider: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd_micros: int | None = None
    """None: the call has no known price, or its usage never arrived."""
    price_version: str | None = None
    duration_ms: int | None = None
    finished: bool = True
    """False: the call was started and its usage never arrived."""
    created_at: datetime


class CostSum(NamedTuple):
    """What calls that agree in everything named here came to."""

    model: str
    agent: str | None
    step_id: str | None
    run_id: str
    day: str
    """Of the calls, in UTC, as `2026-03-01`."""
    price_version: str | None
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd_micros: int
    """Of those with a known price."""
    unpriced_calls: int


class Spent(NamedTuple):
    """One call, short: there may be a hundred thousand."""

    call_id: str
    step_id: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd_micros: int | None


@dataclass(frozen=True)
class MadeCall:
    """Names one call of a model for ever: which operation of which attempt made it, and the how manieth time."""

    run_id: str
    attempt: int
    operation: int
    """Number of the durable operation inside the attempt; made again after a crash, it has the same one."""
    fence: int
    """Which execution of the attempt made it."""
    time: int = 1

    def __str__(self) -> str:
        return f"{self.run_id}:{self.attempt}:{self.operation}:{self.fence}.{self.time}"

    @classmethod
    def read(cls, text: str) -> MadeCall | None:
        """Return the id that `text` is, or None for one made elsewhere."""
        parts = text.rsplit(":", 3)
        if len(parts) != 4:
            return None
        numbers = [*parts[1:3], *parts[3].split(".")]
        if len(numbers) != 4 or not all(number.isdecimal() for number in numbers):
            return None
        return cls(parts[0], *map(int, numbers))


def made_again(records: Iterable[CostRecord | Spent]) -> set[str]:
    """Return the `call_id` of each call whose answer did not count, because the same was done again later.

    Either the operation it belonged to was repeated after a crash, or its whole step in a later attempt. A
    call that was cut off and never repeated is none of them, nor is one outside of steps in an attempt before:
    nobody can say whether a later one took its place.
    """
    known = [(record, found) for record in records if (found := MadeCall.read(record.call_id))]
    newest: dict[tuple[str, int, int], MadeCall] = {}
    attempts: dict[str, int] = {}
    for record, call in known:
        key = (call.run_id, call.attempt, call.operation)
        newest[key] = max(newest.get(key, call), call, key=lambda each: (each.fence, each.time))
        if record.step_id is not None:
            attempts[record.step_id] = max(attempts.get(record.step_id, 0), call.attempt)
    return {
        record.call_id
        for record, call in known
        if call != newest[call.run_id, call.attempt, call.operation]
        or (record.step_id is not None and call.attempt < attempts[record.step_id])
    }


def usd(micros: int | None) -> float | None:
    """Return decimal dollars for display; None stays None."""
    return None if micros is None else micros / 1_000_000


def total_of(sums: Iterable[CostSum | Spent]) -> dict[str, Any]:
    """Add up: calls, input_tokens, output_tokens, cached_tokens, cost_usd, unpriced_calls.

    Nothing but calls without a known price have no cost: None, and not zero.
    """
    total = {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cached_tokens": 0, "unpriced_calls": 0}
    micros = 0
    for one in sums:
        summed = isinstance(one, CostSum)
        total["calls"] += one.calls if summed else 1
        total["input_tokens"] += one.input_tokens or 0
        total["output_tokens"] += one.output_tokens or 0
        total["cached_tokens"] += one.cached_tokens if summed else 0
        total["unpriced_calls"] += one.unpriced_calls if summed else one.cost_usd_micros is None
        micros += one.cost_usd_micros or 0
    known = not total["calls"] or total["calls"] > total["unpriced_calls"]
    return {**total, "cost_usd": usd(micros if known else None)}


def breakdown(sums: Iterable[CostSum], by: str) -> list[dict[str, Any]]:
    """Add up by `model`, `agent`, `step_id`, `run_id`, `day` or `price_version`, dearest first.

    Each row: key, and what `total_of` gives.
    """
    parts: dict[str, list[CostSum]] = {}
    for one in sums:
        parts.setdefault(str(getattr(one, by) or ""), []).append(one)
    rows = [{"key": key, **total_of(part)} for key, part in parts.items()]
    return sorted(rows, key=lambda r: (-(r["cost_usd"] or 0), r["key"]))
