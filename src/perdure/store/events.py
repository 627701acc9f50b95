"""Reading the event log: pages of events, and of frames ready to send."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import select

from perdure.core.clock import wire_time
from perdure.core.events import Event
from perdure.store.columns import dumps, from_micros, loads
from perdure.store.tables import events
from perdure.store.transaction import Tx


def list_events(
    tx: Tx, session_id: str, *, after: int = 0, limit: int = 200, types: Sequence[str] = ()
) -> list[Event]:
    """Return at most `limit` events after `after`, in ascending `seq`."""
    query = select(events).where(events.c.session_id == session_id, events.c.seq > after)
    if types:
        query = query.where(events.c.type.in_(types))
    return [to_event(row) for row in tx.db.execute(query.order_by(events.c.seq).limit(limit))]


def list_latest_events(tx: Tx, session_id: str, *, before: int | None, limit: int) -> list[Event]:
    """Return the newest events before `before`, in ascending `seq`."""
    query = select(events).where(events.c.session_id == session_id)
    if before is not None:
        query = query.where(events.c.seq < before)
    rows = tx.db.execute(query.order_by(events.c.seq.desc()).limit(limit)).all()
    return [to_event(row) for row in reversed(rows)]


def read_frames(tx: Tx, session_id: str, after: int, limit: int) -> list[tuple[int, bytes]]:
    """Return `(seq, JSON of the event's frame)`, ascending and without gaps.

    The stored payload text is passed through unparsed, so every replay gives the same bytes.
    """
    cursor = tx.cursor
    mark = "%s" if tx.postgres else "?"
    cursor.execute(
        f"SELECT seq, type, run_id, step_id, payload, created_at FROM pd_events"
        f" WHERE session_id = {mark} AND seq > {mark} ORDER BY seq LIMIT {mark}",
        (session_id, after, limit),
    )
    return [(row[0], _frame(session_id, row)) for row in cursor.fetchall()]


def _frame(session_id: str, row: Any) -> bytes:
    seq, type_, run_id, step_id, payload, created_at = row
    run = f'"{run_id}"' if run_id is not None else "null"
    step = dumps(step_id) if step_id is not None else "null"
    return (
        f'{{"seq":{seq},"id":"{session_id}:{seq}","type":"{type_}","session_id":"{session_id}",'
        f'"run_id":{run},"step":{step},"timestamp":"{_wire_time(created_at)}","data":{payload}}}'
    ).encode()


def _wire_time(micros: int) -> str:
    """Return what `clock.wire_time` does; events come in bursts, so their whole seconds are formatted once."""
    seconds, rest = divmod(micros, 1_000_000)
    return f"{_whole_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=4096)
def _whole_second(seconds: int) -> str:
    return wire_time(from_micros(seconds * 1_000_000))[: len("2000-01-01T00:00:00")]


def to_event(row: Any) -> Event:
    """Return the event that a row of the log is."""
    return Event(
        session_id=row.session_id,
        seq=row.seq,
        type=row.type,
        schema_version=row.schema_version,
        run_id=row.run_id,
        step_id=row.step_id,
        payload=loads(row.payload),
        created_at=from_micros(row.created_at),
    )
