"""The ledger of model calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import BigInteger, func, select, type_coerce, update

from perdure.core.costs import CostRecord, CostSum, Spent
from perdure.store.columns import to_micros
from perdure.store.rows import fetch_all, find_one, insert_row
from perdure.store.tables import cost_records, price_versions, runs
from perdure.store.transaction import Tx

_DAY = 24 * 3600 * 1_000_000
_FIRST_DAY = date(1970, 1, 1)
_FIRST_TIME = "%:1.1"
"""How the ids of calls end that the first execution of a run made for the first time; see `core.costs.MadeCall`."""
_PRICES = UUID("6f2a5a53-3a47-5f0f-9d2c-0b7f6f3b1c55")


def open_call(tx: Tx, record: CostRecord) -> None:
    """Enter a call that has started; entering it again changes nothing."""
    if find_call(tx, record.call_id) is None:
        insert_row(tx, cost_records, record.model_dump())
        _note_prices(tx, record)
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
    _note_prices(tx, record)
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


def list_price_versions(tx: Tx, versions: Sequence[str]) -> list[dict[str, Any]]:
    """Return `{version, source, created_at}` of those price tables, first used first."""
    query = select(price_versions).where(price_versions.c.version.in_(versions))
    rows = tx.db.execute(query.order_by(price_versions.c.created_at, price_versions.c.version))
    return [{"version": r.version, "source": r.source, "created_at": r.created_at} for r in rows]


def _note_prices(tx: Tx, record: CostRecord) -> None:
    """Remember a table of prices when it is used first; its id follows from its name, so that it stands once."""
    version = record.price_version
    if version is None or record.cost_usd_micros is None:
        return
    mark = "%s" if tx.postgres else "?"
    tx.cursor.execute(
        f"INSERT INTO pd_price_versions (id, version, source, created_at)"
        f" VALUES ({mark}, {mark}, {mark}, {mark}) ON CONFLICT DO NOTHING",
        (str(uuid5(_PRICES, version)), version, version.split(" ")[0], to_micros(tx.now)),
    )


def _unpriced(record: CostRecord) -> int:
    return int(record.cost_usd_micros is None)


def _count_unpriced(tx: Tx, run_id: str, change: int) -> None:
    if change:
        tx.db.execute(
            update(runs).where(runs.c.id == run_id).values(unpriced_calls=runs.c.unpriced_calls + change)
        )


def sum_calls(tx: Tx, session_id: str) -> list[CostSum]:
    """Return a session's ledger added up: a row for each model, agent, step, day and table of prices in it."""
    told = cost_records.c
    day = type_coerce(told.created_at, BigInteger) // _DAY
    groups = (told.model, told.agent, told.step_id, told.run_id, day, told.price_version)
    sums = (told.input_tokens, told.output_tokens, told.cached_tokens, told.cost_usd_micros)
    query = select(
        *groups,
        func.count(),
        *(func.coalesce(func.sum(column), 0) for column in sums),
        func.count() - func.count(told.cost_usd_micros),
    )
    found = tx.db.execute(query.where(told.session_id == session_id).group_by(*groups))
    return [_sum(*row) for row in found]


def _sum(
    model: str, agent: str | None, step_id: str | None, run_id: str, day: int, prices: str | None, *sums: Any
) -> CostSum:
    named = (model, agent, step_id, run_id, (_FIRST_DAY + timedelta(days=day)).isoformat(), prices)
    return CostSum(*named, *(int(one) for one in sums))  # PostgreSQL adds integers up to decimals


def list_newest_calls(tx: Tx, session_id: str, limit: int) -> list[CostRecord]:
    """Return a session's last calls, newest first."""
    query = select(cost_records).where(cost_records.c.session_id == session_id)
    newest = query.order_by(cost_records.c.created_at.desc(), cost_records.c.id.desc())
    return fetch_all(tx, CostRecord, newest.limit(limit))


def list_calls_to_compare(tx: Tx, session_id: str) -> list[Spent]:
    """Return the calls of those runs in which some may have been made again: runs that were executed more than once,
    or that made a call a second time."""
    told, other = cost_records.c, cost_records.alias("other").c
    executed_again = select(other.run_id).where(
        other.session_id == session_id, other.call_id.not_like(_FIRST_TIME)
    )
    query = select(told.call_id, told.step_id, told.input_tokens, told.output_tokens, told.cost_usd_micros)
    compared = query.where(told.session_id == session_id, told.run_id.in_(executed_again))
    return [Spent(*row) for row in tx.db.execute(compared)]


def list_run_calls(tx: Tx, run_id: str) -> list[CostRecord]:
    """Return a run's calls, oldest first."""
    query = select(cost_records).where(cost_records.c.run_id == run_id)
    return fetch_all(tx, CostRecord, query.order_by(cost_records.c.created_at, cost_records.c.id))
