"""Costs of a session, summed from its ledger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.clock import wire_time
from perdure.core.costs import CostRecord, breakdown, made_again, usd
from perdure.services.access import session_for
from perdure.store import costs, runs
from perdure.store.store import Store
from perdure.store.transaction import Tx

_SHOWN = 200
_LABEL_CHARS = 80


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
            records = costs.list_calls(tx, session.id)
            unpriced = sum(1 for r in records if r.cost_usd_micros is None)
            total = sum(r.cost_usd_micros or 0 for r in records)
            again = made_again(records)
            steps = {s.id: f"{s.key}: {s.name}" for s in runs.list_steps(tx, session_id=session.id)}
            return {
                "session_id": session.id,
                "calls": len(records),
                "total_cost_usd": usd(total if len(records) > unpriced or not records else None),
                "unpriced_calls": unpriced,
                "input_tokens": sum(r.input_tokens or 0 for r in records),
                "output_tokens": sum(r.output_tokens or 0 for r in records),
                "cached_tokens": sum(r.cached_tokens or 0 for r in records),
                "by_model": breakdown(records, "model"),
                "by_agent": breakdown(records, "agent"),
                "by_step": _labelled(breakdown(records, "step_id"), steps),
                "by_run": _labelled(breakdown(records, "run_id"), _tasks(tx, records)),
                "by_day": breakdown(records, "day"),
                "made_again": _spent(r for r in records if r.call_id in again),
                "price_versions": _price_versions(tx, records),
                "price_version": self._price_version,
                "records": [
                    {
                        **r.model_dump(mode="json"),
                        "cost_usd": usd(r.cost_usd_micros),
                        "made_again": r.call_id in again,
                    }
                    for r in reversed(records[-_SHOWN:])
                ],
                "as_of_seq": session.last_seq,
            }

        return await self._store.read(body)


def _spent(records: Iterable[CostRecord]) -> dict[str, Any]:
    found = list(records)
    unpriced = sum(1 for r in found if r.cost_usd_micros is None)
    known = sum(r.cost_usd_micros or 0 for r in found)
    return {
        "calls": len(found),
        "unpriced_calls": unpriced,
        "input_tokens": sum(r.input_tokens or 0 for r in found),
        "output_tokens": sum(r.output_tokens or 0 for r in found),
        "cost_usd": usd(known if len(found) > unpriced or not found else None),
    }


def _labelled(rows: list[dict[str, Any]], names: dict[str, str]) -> list[dict[str, Any]]:
    return [{**row, "label": names.get(row["key"])} for row in rows]


def _tasks(tx: Tx, records: list[CostRecord]) -> dict[str, str]:
    ids = {record.run_id for record in records}
    return {run_id: _brief(runs.get_run(tx, run_id).task) for run_id in ids}


def _brief(task: str) -> str:
    words = " ".join(task.split())
    return words if len(words) <= _LABEL_CHARS else words[: _LABEL_CHARS - 1] + "…"


def _price_versions(tx: Tx, records: list[CostRecord]) -> list[dict[str, Any]]:
    priced = [r for r in records if r.cost_usd_micros is not None and r.price_version]
    calls = {row["key"]: row["calls"] for row in breakdown(priced, "price_version")}
    return [
        {
            "version": known["version"],
            "source": known["source"],
            "first_used_at": wire_time(known["created_at"]),
            "calls": calls[known["version"]],
        }
        for known in costs.list_price_versions(tx, list(calls))
    ]
