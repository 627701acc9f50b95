"""The one way into the event log: driver-level SQL, many sessions in one round, gapless sequences.

The counter row of a session is updated before its events are inserted, in the same transaction: the
row lock is held until commit, so commit order is number order and no reader ever sees a hole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perdure.core.events import SCHEMA_VERSION, NewEvent
from perdure.errors import NotFound, PerdureError
from perdure.store.columns import dumps, to_micros

_INSERT_EVENT = "INSERT INTO pd_events (session_id, seq, type, schema_version, run_id, step_id, payload, created_at, dedupe)"
_MESSAGE = "agent_message"


@dataclass(frozen=True, slots=True)
class Batch:
    """Events for one session, in order."""

    session_id: str
    events: Sequence[NewEvent]


def append_batches(
    cursor: Any, postgres: bool, batches: Sequence[Batch], now: datetime
) -> list[list[int] | PerdureError]:
    """Append every batch and return, in the same order, the new sequence numbers of each.

    Events whose `dedupe` key is already in the log are left out. A batch for a session that does not
    exist fails alone, with its error in its place; nothing of it is written. The caller commits.
    """
    results: list[list[int] | PerdureError] = []
    event_rows: list[tuple[Any, ...]] = []
    message_rows: list[tuple[str, int, int]] = []
    micros = to_micros(now)
    counters = _bump(cursor, postgres, batches)
    for batch, counter in zip(batches, counters, strict=True):
        if counter is None:
            results.append(NotFound("There is no such session.", session_id=batch.session_id))
            continue
        seq, position, fresh = counter
        numbers: list[int] = []
        for event in fresh:
            seq += 1
            payload = event.payload
            if event.type == _MESSAGE:
                position += 1
                payload = {**payload, "position": position}
                if payload.get("parts") == [{"type": "text", "text": payload.get("content")}]:
                    payload["parts"] = []  # plain text stands once
                message_rows.append((batch.session_id, position, seq))
            event_rows.append(
                (
                    batch.session_id,
                    seq,
                    event.type,
                    SCHEMA_VERSION,
                    event.run_id,
                    event.step_id,
                    dumps(payload),
                    micros,
                    event.dedupe,
                )
            )
            numbers.append(seq)
        results.append(numbers)
    _insert(cursor, postgres, event_rows, message_rows)
    return results


_Counter = tuple[int, int, Sequence[NewEvent]]


def _bump(cursor: Any, postgres: bool, batches: Sequence[Batch]) -> list[_Counter | None]:
    if postgres and len(batches) > 1:
        ids = sorted({b.session_id for b in batches})
        cursor.execute(
            "SELECT session_id FROM pd_session_logs WHERE session_id = ANY(%s) ORDER BY session_id FOR UPDATE",
            (ids,),
        )
    return [_bump_one(cursor, "%s" if postgres else "?", postgres, batch) for batch in batches]


def _bump_one(cursor: Any, mark: str, postgres: bool, batch: Batch) -> _Counter | None:
    fresh: Sequence[NewEvent] = batch.events
    if any(event.dedupe is not None for event in fresh):
        fresh = _without_known(cursor, mark, postgres, batch)
    said = sum(1 for event in fresh if event.type == _MESSAGE)
    cursor.execute(
        f"UPDATE pd_session_logs SET last_seq = last_seq + {mark}, message_count = message_count + {mark}"
        f" WHERE session_id = {mark} RETURNING last_seq, message_count",
        (len(fresh), said, batch.session_id),
    )
    row = cursor.fetchone()
    if row is None:
        return None
    return row[0] - len(fresh), row[1] - said, fresh


def _without_known(cursor: Any, mark: str, postgres: bool, batch: Batch) -> list[NewEvent]:
    if postgres:
        cursor.execute("SELECT 1 FROM pd_session_logs WHERE session_id = %s FOR UPDATE", (batch.session_id,))
    keys = [event.dedupe for event in batch.events if event.dedupe is not None]
    known: set[str | None] = set()
    for start in range(0, len(keys), 500):
        part = keys[start : start + 500]
        cursor.execute(
            f"SELECT dedupe FROM pd_events WHERE session_id = {mark} AND dedupe IN ({', '.join([mark] * len(part))})",
            (batch.session_id, *part),
        )
        known.update(row[0] for row in cursor.fetchall())
    fresh: list[NewEvent] = []
    for event in batch.events:
        if event.dedupe is not None:
            if event.dedupe in known:
                continue
            known.add(event.dedupe)
        fresh.append(event)
    return fresh


def _insert(
    cursor: Any, postgres: bool, event_rows: list[tuple[Any, ...]], message_rows: list[tuple[str, int, int]]
) -> None:
    if not postgres:
        if len(event_rows) == 1:
            cursor.execute(f"{_INSERT_EVENT} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", event_rows[0])
        elif event_rows:
            cursor.executemany(f"{_INSERT_EVENT} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", event_rows)
        if message_rows:
            cursor.executemany(
                "INSERT INTO pd_messages (session_id, position, seq) VALUES (?, ?, ?)", message_rows
            )
        return
    if event_rows:
        cursor.execute(
            f"{_INSERT_EVENT} SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::int[], %s::text[],"
            " %s::text[], %s::text[], %s::bigint[], %s::text[])",
            tuple(list(column) for column in zip(*event_rows, strict=True)),
        )
    if message_rows:
        cursor.execute(
            "INSERT INTO pd_messages (session_id, position, seq)"
            " SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[])",
            tuple(list(column) for column in zip(*message_rows, strict=True)),
        )
