"""Costs on the wire."""

from __future__ import annotations

from pydantic import ConfigDict

from perdure.api.wire.base import Json, Wire


class CostRow(Wire):
    """What one model, agent, step, run or day has used."""

    key: str
    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float | None
    unpriced_calls: int


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
    records: list[Json]
    as_of_seq: int
