"""Costs of a session, summed from its ledger."""

from __future__ import annotations

from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.costs import breakdown, usd
from perdure.services.access import session_for
from perdure.store import costs
from perdure.store.store import Store
from perdure.store.transaction import Tx

_SHOWN = 200


class CostService:
    """Reads of the ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def summary(self, actor: Actor, session_id: str) -> dict[str, Any]:
        """Return totals, breakdowns by model, agent, step, run and day, and the newest 200 calls.

        Calls without a known price count in `unpriced_calls` and add nothing to `total_cost_usd`.
        """

        def body(tx: Tx) -> dict[str, Any]:
            session = session_for(tx, actor, session_id, Action.READ)
            records = costs.list_calls(tx, session.id)
            return {
                "session_id": session.id,
                "calls": len(records),
                "total_cost_usd": usd(sum(r.cost_usd_micros or 0 for r in records)),
                "unpriced_calls": sum(1 for r in records if r.cost_usd_micros is None),
                "input_tokens": sum(r.input_tokens or 0 for r in records),
                "output_tokens": sum(r.output_tokens or 0 for r in records),
                "cached_tokens": sum(r.cached_tokens or 0 for r in records),
                "by_model": breakdown(records, "model"),
                "by_agent": breakdown(records, "agent"),
                "by_step": breakdown(records, "step_id"),
                "by_run": breakdown(records, "run_id"),
                "by_day": breakdown(records, "day"),
                "records": [
                    {**r.model_dump(mode="json"), "cost_usd": usd(r.cost_usd_micros)}
                    for r in reversed(records[-_SHOWN:])
                ],
                "as_of_seq": session.last_seq,
            }

        return await self._store.read(body)
