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


class MadeAgain(Wire):
    """What was spent on calls whose answer did not count, because the same was done again: after a crash, in a
    retry, or when a run went back. Part of the totals."""

    calls: int
    unpriced_calls: int
    """Cut off before their usage was known, or of a model without a known price."""
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


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
    made_again: MadeAgain
    price_versions: list[PriceVersion]
    price_version: str
    """The table of prices that calls are priced from now."""
    records: list[Json]
    as_of_seq: int
