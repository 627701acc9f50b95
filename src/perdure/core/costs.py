"""Costs: one record per model call, in integer micro-dollars; unknown is unknown, never zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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


def made_again(records: Iterable[CostRecord]) -> set[str]:
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


def breakdown(records: list[CostRecord], by: str) -> list[dict[str, Any]]:
    """Sum records by `model`, `agent`, `step_id`, `run_id`, `day` or `price_version`, dearest first.

    Each row: key, calls, input_tokens, output_tokens, cached_tokens, cost_usd, unpriced_calls. A row of
    nothing but calls without a known price has no cost: None, and not zero.
    """
    rows: dict[str, dict[str, Any]] = {}
    for record in records:
        key = record.created_at.date().isoformat() if by == "day" else str(getattr(record, by) or "")
        row = rows.setdefault(
            key,
            {
                "key": key,
                "calls": 0,
                "input_tokens": 0,
                "output_tokens": 0,
                "cached_tokens": 0,
                "cost_usd_micros": 0,
                "unpriced_calls": 0,
            },
        )
        row["calls"] += 1
        row["input_tokens"] += record.input_tokens or 0
        row["output_tokens"] += record.output_tokens or 0
        row["cached_tokens"] += record.cached_tokens or 0
        row["cost_usd_micros"] += record.cost_usd_micros or 0
        row["unpriced_calls"] += record.cost_usd_micros is None
    for row in rows.values():
        micros = row.pop("cost_usd_micros")
        row["cost_usd"] = usd(micros if row["calls"] > row["unpriced_calls"] else None)
    return sorted(rows.values(), key=lambda r: (-(r["cost_usd"] or 0), r["key"]))
