"""Whole rows, read and written as they stand: what copying a session needs and nothing else does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Table, func, select, update

from perdure.store import tables
from perdure.store.columns import from_micros, loads
from perdure.store.rows import insert_row, row_mapping
from perdure.store.transaction import Tx

Noun = Literal["runs", "steps", "approvals", "missions", "hops", "tool_steps", "assets"]

_IDS_AT_ONCE = 500
_TABLES: dict[str, Table] = {
    "runs": tables.runs,
    "steps": tables.steps,
    "approvals": tables.approvals,
    "missions": tables.missions,
    "hops": tables.hops,
    "tool_steps": tables.tool_steps,
    "assets": tables.assets,
}


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event as its row has it; the payload is JSON text, the time is in microseconds."""

    seq: int
    type: str
    schema_version: int
    run_id: str | None
    step_id: str | None
    payload: str
    created_at: int
    dedupe: str | None

    @property
    def at(self) -> datetime:
        """When it was written."""
        return from_micros(self.created_at)

    def data(self) -> dict[str, Any]:
        """Return the payload."""
        return loads(self.payload)

    def with_(self, **changes: Any) -> RawEvent:
        """Return the event with other columns."""
        return replace(self, **changes)


_FIELDS = ("seq", "type", "schema_version", "run_id", "step_id", "payload", "created_at", "dedupe")
_COLUMNS = ", ".join(_FIELDS)


def fetch(tx: Tx, noun: Noun, column: str, values: Sequence[str]) -> list[dict[str, Any]]:
    """Return whole rows whose column has one of the values, by id."""
    table = _TABLES[noun]
    found: list[dict[str, Any]] = []
    for start in range(0, len(values), _IDS_AT_ONCE):
        part = values[start : start + _IDS_AT_ONCE]
        found += [dict(row_mapping(r)) for r in tx.db.execute(select(table).where(table.c[column].in_(part)))]
    return sorted(found, key=lambda row: row["id"])


def put(tx: Tx, noun: Noun, rows: Sequence[dict[str, Any]]) -> None:
    """Insert whole rows; values the table has no column for are left out."""
    for row in rows:
        insert_row(tx, _TABLES[noun], row)


def read_log(tx: Tx, session_id: str, through: int) -> list[RawEvent]:
    """Return a session's events up to and with `through`, ascending."""
    cursor = tx.cursor
    mark = "%s" if tx.postgres else "?"
    cursor.execute(
        f"SELECT {_COLUMNS} FROM pd_events WHERE session_id = {mark} AND seq <= {mark} ORDER BY seq",
        (session_id, through),
    )
    return [RawEvent(*row) for row in cursor.fetchall()]


def write_log(tx: Tx, session_id: str, events: Sequence[RawEvent], history_from: int) -> None:
    """Fill the empty log of a new session with events that keep their numbers and times."""
    cursor = tx.cursor
    mark = "%s" if tx.postgres else "?"
    marks = ", ".join([mark] * (len(_FIELDS) + 1))
    rows = [(session_id, *(getattr(e, name) for name in _FIELDS)) for e in events]
    said = [e.seq for e in events if e.type == "agent_message"]
    if rows:
        cursor.executemany(f"INSERT INTO pd_events (session_id, {_COLUMNS}) VALUES ({marks})", rows)
    if said:
        cursor.executemany(
            f"INSERT INTO pd_messages (session_id, position, seq) VALUES ({mark}, {mark}, {mark})",
            [(session_id, position, seq) for position, seq in enumerate(said, 1)],
        )
    tx.db.execute(
        update(tables.session_logs)
        .where(tables.session_logs.c.session_id == session_id)
        .values(last_seq=len(rows), message_count=len(said), history_from=history_from)
    )


def began_last(tx: Tx, session_id: str, step_id: str) -> int | None:
    """Return the number of the event with which a step began last, or None when it never did."""
    events = tables.events
    return tx.db.execute(
        select(func.max(events.c.seq)).where(
            events.c.session_id == session_id,
            events.c.step_id == step_id,
            events.c.type == "step_started",
        )
    ).scalar()


def first_of_run(tx: Tx, session_id: str, run_id: str) -> int | None:
    """Return the number of a run's first event, or None when it has none."""
    events = tables.events
    return tx.db.execute(
        select(func.min(events.c.seq)).where(events.c.session_id == session_id, events.c.run_id == run_id)
    ).scalar()


def files_named_after(tx: Tx, session_id: str, seq: int) -> set[str]:
    """Return the paths that `file_update` events after `seq` name."""
    events = tables.events
    query = select(events.c.payload).where(
        events.c.session_id == session_id, events.c.seq > seq, events.c.type == "file_update"
    )
    return {loads(row.payload)["path"] for row in tx.db.execute(query)}
