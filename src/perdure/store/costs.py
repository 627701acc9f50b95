"""The ledger of model calls."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select, update

from perdure.core.costs import CostRecord
from perdure.store.rows import fetch_all, find_one, insert_row
from perdure.store.tables import cost_records, runs
from perdure.store.transaction import Tx


def open_call(tx: Tx, record: CostRecord) -> None:
    """Enter a call that has started; entering it again changes nothing."""
    if find_call(tx, record.call_id) is None:
        insert_row(tx, cost_records, record.model_dump())
        _count_unpriced(tx, record.run_id, _unpriced(record))


def find_call(tx: Tx, call_id: str) -> CostRecord | None:
    """Return the call's record or None."""
    return find_one(tx, CostRecord, select(cost_records).where(cost_records.c.call_id == call_id))


def finish_call(tx: Tx, record: CostRecord) -> bool:
    """Write usage and price of a call once, and add them to its run; returns whether this was that once."""
    found = find_call(tx, record.call_id)
    if found is not None and found.finished:
        return False
    if found is None:
        insert_row(tx, cost_records, record.model_dump())
    else:
        values = record.model_dump(exclude={"id", "call_id", "created_at"})
        unfinished = update(cost_records).where(
            cost_records.c.id == found.id, cost_records.c.finished.is_(False)
        )
        if tx.db.execute(unfinished.values(**values)).rowcount != 1:
            return False
    tx.db.execute(
        update(runs)
        .where(runs.c.id == record.run_id)
        .values(
            input_tokens=runs.c.input_tokens + (record.input_tokens or 0),
            output_tokens=runs.c.output_tokens + (record.output_tokens or 0),
            cost_usd_micros=runs.c.cost_usd_micros + (record.cost_usd_micros or 0),
        )
    )
    _count_unpriced(tx, record.run_id, _unpriced(record) - (_unpriced(found) if found is not None else 0))
    return True


def _unpriced(record: CostRecord) -> int:
    return int(record.cost_usd_micros is None)


def _count_unpriced(tx: Tx, run_id: str, change: int) -> None:
    if change:
        tx.db.execute(
            update(runs).where(runs.c.id == run_id).values(unpriced_calls=runs.c.unpriced_calls + change)
        )


def list_calls(tx: Tx, session_id: str) -> list[CostRecord]:
    """Return a session's calls, oldest first."""
    query = select(cost_records).where(cost_records.c.session_id == session_id)
    return fetch_all(tx, CostRecord, query.order_by(cost_records.c.created_at, cost_records.c.id))


def session_costs(tx: Tx, session_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return `(micro-dollars, calls without a price)` of each session that has runs."""
    if not session_ids:
        return {}
    query = (
        select(runs.c.session_id, func.sum(runs.c.cost_usd_micros), func.sum(runs.c.unpriced_calls))
        .where(runs.c.session_id.in_(session_ids))
        .group_by(runs.c.session_id)
    )
    return {sid: (int(cost or 0), int(unpriced or 0)) for sid, cost, unpriced in tx.db.execute(query)}
