"""Costs: one record per model call, in integer micro-dollars; unknown is unknown, never zero."""

from __future__ import annotations

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
