"""Costs on the wire."""

from __future__ import annotations

from pydantic import ConfigDict

from perdure.api.wire.base import Json, Wire


class CostRow(Wire):
    """What one model, agent, step, run or day has used; the cost of calls nobody knows a price of is null."""

    key: str
    label: str | None = None
    """What people know a step or run by."""
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float | None
    unpriced_calls: int


class PriceVersion(Wire):
    """A table of prices that calls were priced from."""

    version: str
    source: str
    first_used_at: str
    calls: int


class CostSummary(Wire):
    """A session's costs; calls without a known price are counted, never guessed."""

    model_config = ConfigDict(extra="allow")

    session_id: str
    total_cost_usd: float | None
    unpriced_calls: int
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    by_model: list[CostRow]
    by_agent: list[CostRow]
    by_step: list[CostRow]
    by_run: list[CostRow]
    by_day: list[CostRow]
    price_versions: list[PriceVersion]
    records: list[Json]
    as_of_seq: int
