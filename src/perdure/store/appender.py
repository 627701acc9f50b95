"""The one way into the event log: driver-level SQL, many sessions in one round, gapless sequences.

The counter row of a session is updated before its events are inserted, in the same transaction: the
row lock is held until commit, so commit order is number order and no reader ever sees a hole.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from perdure.core.events import SCHEMA_VERSION, NewEvent
from perdure.errors import NotFound, PerdureError
from perdure.store.appender_postgres import append_in_postgres
from perdure.store.batch import MESSAGE, Batch, after_position, payload_of, without_known
from perdure.store.columns import to_micros

_BUMP = (
    "UPDATE pd_session_logs SET last_seq = last_seq + ?, message_count = message_count + ?"
    " WHERE session_id = ? RETURNING last_seq, message_count"
)
_INSERT_EVENT = (
    "INSERT INTO pd_events (session_id, seq, type, schema_version, run_id, step_id, payload, created_at, dedupe)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_MESSAGE = "INSERT INTO pd_messages (session_id, position, seq) VALUES (?, ?, ?)"
_KEYS_AT_ONCE = 500


def append_batches(
    cursor: Any, postgres: bool, batches: Sequence[Batch], now: datetime
) -> list[list[int] | PerdureError]:
    """Append every batch and return, in the same order, the new sequence numbers of each.

    Events whose `dedupe` key is already in the log are left out. A batch for a session that does not
    exist fails alone, with its error in its place; nothing of it is written. The caller commits.
    """
    micros = to_micros(now)
    if postgres:
        return append_in_postgres(cursor, batches, micros)
    rows = _Rows([], [])
    results = [_append(cursor, batch, micros, rows) for batch in batches]
    rows.insert(cursor)
    return results


class _Rows(NamedTuple):
    """What is to be inserted: the rows of a whole group at once."""

    events: list[tuple[Any, ...]]
    messages: list[tuple[str, int, int]]

    def insert(self, cursor: Any) -> None:
        for statement, rows in ((_INSERT_EVENT, self.events), (_INSERT_MESSAGE, self.messages)):
            if len(rows) == 1:
                cursor.execute(statement, rows[0])
            elif rows:
                cursor.executemany(statement, rows)
            rows.clear()


def _append(cursor: Any, batch: Batch, micros: int, rows: _Rows) -> list[int] | PerdureError:
    session_id = batch.session_id
    fresh: Sequence[NewEvent] = batch.events
    if keys := batch.keys:
        rows.insert(cursor)  # a key may be among them
        fresh = without_known(fresh, _known(cursor, session_id, keys))
    said = sum(1 for event in fresh if event.type == MESSAGE)
    row = cursor.execute(_BUMP, (len(fresh), said, session_id)).fetchone()
    if row is None:
        return NotFound("There is no such session.", session_id=session_id)
    seq, position = row[0] - len(fresh), row[1] - said
    first = seq + 1
    for event in fresh:
        seq += 1
        if event.type == MESSAGE:
            position += 1
            payload = f'{{"position":{position}{after_position(event)}'
            rows.messages.append((session_id, position, seq))
        else:
            payload = payload_of(event)
        rows.events.append(
            (
                session_id,
                seq,
                event.type,
                SCHEMA_VERSION,
                event.run_id,
                event.step_id,
                payload,
                micros,
                event.dedupe,
            )
        )
    return list(range(first, seq + 1))


def _known(cursor: Any, session_id: str, keys: list[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        part = keys[start : start + _KEYS_AT_ONCE]
        cursor.execute(
            f"SELECT dedupe FROM pd_events WHERE session_id = ? AND dedupe IN ({', '.join('?' * len(part))})",
            (session_id, *part),
        )
        known.update(row[0] for row in cursor.fetchall())
    return known
