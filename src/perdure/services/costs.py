"""Costs of a session, summed from its ledger."""

from __future__ import annotations

from collections import Counter
from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.clock import wire_time
from perdure.core.costs import CostSum, breakdown, made_again, total_of, usd
from perdure.services.access import session_for
from perdure.store import costs, runs
from perdure.store.store import Store
from perdure.store.transaction import Tx

_SHOWN = 200
_LABEL_CHARS = 80
_READ_CHARS = 1000
"""Enough of a task for its label, whatever white space it begins with."""


class CostService:
    """Reads of the ledger."""

    def __init__(self, store: Store, price_version: str) -> None:
        self._store = store
        self._price_version = price_version

    async def summary(self, actor: Actor, session_id: str) -> dict[str, Any]:
        """Return totals, breakdowns by model, agent, step, run and day, the price tables used, what was spent
        on calls that had to be made again, and the newest 200 calls.

        Calls without a known price count in `unpriced_calls` and add nothing to `total_cost_usd`, which is
        None when there are only such calls.
        """

        def body(tx: Tx) -> dict[str, Any]:
            session = session_for(tx, actor, session_id, Action.READ)
            sums = costs.sum_calls(tx, session.id)
            compared = costs.list_calls_to_compare(tx, session.id)
            again = made_again(compared)
            total, anew = total_of(sums), total_of(call for call in compared if call.call_id in again)
            steps = {s.id: f"{s.key}: {s.name}" for s in runs.list_steps(tx, session_id=session.id)}
            tasks = runs.list_tasks(tx, session.id, {one.run_id for one in sums}, _READ_CHARS)
            return {
                "session_id": session.id,
                "calls": total["calls"],
                "total_cost_usd": total["cost_usd"],
                "unpriced_calls": total["unpriced_calls"],
                "input_tokens": total["input_tokens"],
                "output_tokens": total["output_tokens"],
                "cached_tokens": total["cached_tokens"],
                "by_model": breakdown(sums, "model"),
                "by_agent": breakdown(sums, "agent"),
                "by_step": _labelled(breakdown(sums, "step_id"), steps),
                "by_run": _labelled(
                    breakdown(sums, "run_id"), {key: _brief(task) for key, task in tasks.items()}
                ),
                "by_day": breakdown(sums, "day"),
                "made_again": {key: number for key, number in anew.items() if key != "cached_tokens"},
                "price_versions": _price_versions(tx, sums),
                "price_version": self._price_version,
                "records": [
                    {
                        **record.model_dump(mode="json"),
                        "cost_usd": usd(record.cost_usd_micros),
                        "made_again": record.call_id in again,
                    }
                    for record in costs.list_newest_calls(tx, session.id, _SHOWN)
                ],
                "as_of_seq": session.last_seq,
            }

        return await self._store.read(body)


def _labelled(rows: list[dict[str, Any]], names: dict[str, str]) -> list[dict[str, Any]]:
    return [{**row, "label": names.get(row["key"])} for row in rows]


def _brief(task: str) -> str:
    words = " ".join(task.split())
    return words if len(words) <= _LABEL_CHARS else words[: _LABEL_CHARS - 1] + "…"


def _price_versions(tx: Tx, sums: list[CostSum]) -> list[dict[str, Any]]:
    priced = [one for one in sums if one.price_version and one.calls > one.unpriced_calls]
    calls = Counter[str]()
    for one in priced:
        calls[one.price_version or ""] += one.calls - one.unpriced_calls
    return [
        {
            "version": known["version"],
            "source": known["source"],
            "first_used_at": wire_time(known["created_at"]),
            "calls": calls[known["version"]],
        }
        for known in costs.list_price_versions(tx, list(calls))
    ]
