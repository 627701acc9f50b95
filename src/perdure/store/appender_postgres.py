"""Appending in PostgreSQL: one statement for a whole group, since each round trip costs more than its work.

Within that statement the counter rows are locked in the order of their ids, so that two groups never wait
for each other, and everything that is inserted takes its numbers from the updated counters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure.core.events import SCHEMA_VERSION, NewEvent
from perdure.errors import NotFound, PerdureError
from perdure.store.batch import MESSAGE, Batch, after_position, payload_of, without_known
from perdure.store.columns import dumps
from perdure.store.prepared import Prepared

_EVENT = "pd_events (session_id, seq, type, schema_version, run_id, step_id, payload, created_at, dedupe)"
_APPEND_EVENT = f"""
WITH counted AS (
  UPDATE pd_session_logs SET last_seq = last_seq + 1 WHERE session_id = %s RETURNING session_id, last_seq)
INSERT INTO {_EVENT}
SELECT session_id, last_seq, %s, {SCHEMA_VERSION}, %s, %s, %s, %s, %s FROM counted RETURNING seq"""
_APPEND_MESSAGE = f"""
WITH counted AS (
  UPDATE pd_session_logs SET last_seq = last_seq + 1, message_count = message_count + 1 WHERE session_id = %s
  RETURNING session_id, last_seq, message_count),
placed AS (
  INSERT INTO pd_messages (session_id, position, seq) SELECT session_id, message_count, last_seq FROM counted)
INSERT INTO {_EVENT}
SELECT session_id, last_seq, %s, {SCHEMA_VERSION}, %s, %s, '{{"position":' || message_count || %s, %s, %s
FROM counted RETURNING seq"""
_APPEND_MANY = f"""
WITH given AS (
  SELECT * FROM json_to_recordset(%s::json) AS given
    (session_id text, nth int, said int, type text, run_id text, step_id text, payload text, dedupe text)),
wanted AS (
  SELECT session_id, count(*) AS added, count(said) AS said FROM given GROUP BY session_id),
held AS (
  SELECT log.session_id FROM pd_session_logs log JOIN wanted USING (session_id)
  ORDER BY log.session_id FOR NO KEY UPDATE OF log),
counted AS (
  UPDATE pd_session_logs log
  SET last_seq = log.last_seq + wanted.added, message_count = log.message_count + wanted.said
  FROM wanted JOIN held USING (session_id) WHERE log.session_id = wanted.session_id
  RETURNING log.session_id, log.last_seq - wanted.added AS seq, log.message_count - wanted.said AS position),
placed AS (
  INSERT INTO pd_messages (session_id, position, seq)
  SELECT session_id, position + said, seq + nth FROM given JOIN counted USING (session_id) WHERE said IS NOT NULL),
logged AS (
  INSERT INTO {_EVENT}
  SELECT session_id, seq + nth, type, {SCHEMA_VERSION}, run_id, step_id,
    CASE WHEN said IS NULL THEN payload ELSE '{{"position":' || (position + said) || payload END, %s, dedupe
  FROM given JOIN counted USING (session_id))
SELECT session_id, seq FROM counted"""
_EVENT_ALONE = Prepared("perdure_append_event", _APPEND_EVENT)
_MESSAGE_ALONE = Prepared("perdure_append_message", _APPEND_MESSAGE)
_HOLD = (
    "SELECT session_id, last_seq FROM pd_session_logs WHERE session_id = ANY(%s)"
    " ORDER BY session_id FOR NO KEY UPDATE"
)
_KNOWN = (
    "SELECT session_id, dedupe FROM json_to_recordset(%s::json) AS given (session_id text, dedupe text)"
    " JOIN pd_events USING (session_id, dedupe) WHERE dedupe IS NOT NULL"
)


def append_in_postgres(cursor: Any, batches: Sequence[Batch], micros: int) -> list[list[int] | PerdureError]:
    """Do what `appender.append_batches` promises. Without dedupe keys it is one statement, atomic by itself."""
    if len(batches) == 1 and len(batches[0].events) == 1 and batches[0].events[0].dedupe is None:
        return [_append_one(cursor, batches[0].session_id, batches[0].events[0], micros)]
    fresh = _fresh(cursor, batches)
    counts: dict[str, list[int]] = {}
    given: list[dict[str, Any]] = []
    places: list[tuple[int, int]] = []
    for batch, events in zip(batches, fresh, strict=True):
        count = counts.setdefault(batch.session_id, [0, 0])
        places.append((count[0] + 1, count[0] + len(events)))
        for event in events:
            count[0] += 1
            row: dict[str, Any] = {"session_id": batch.session_id, "nth": count[0], "type": event.type}
            if event.type == MESSAGE:
                count[1] += 1
                row["said"], row["payload"] = count[1], after_position(event)
            else:
                row["payload"] = payload_of(event)
            for name in ("run_id", "step_id", "dedupe"):
                value = getattr(event, name)
                if value is not None:
                    row[name] = value
            given.append(row)
    starts: dict[str, int] = {}
    if given:
        cursor.execute(_APPEND_MANY, (dumps(given), micros))
        starts.update(cursor.fetchall())
    idle = [session_id for session_id, count in counts.items() if not count[0]]
    if idle:  # nothing new for them, but whether they exist is still to be told
        cursor.execute(_HOLD, (idle,))
        starts.update(cursor.fetchall())
    return [
        list(range(starts[batch.session_id] + first, starts[batch.session_id] + last + 1))
        if batch.session_id in starts
        else NotFound("There is no such session.", session_id=batch.session_id)
        for batch, (first, last) in zip(batches, places, strict=True)
    ]


def _append_one(cursor: Any, session_id: str, event: NewEvent, micros: int) -> list[int] | PerdureError:
    said = event.type == MESSAGE
    payload = after_position(event) if said else payload_of(event)
    given = (session_id, event.type, event.run_id, event.step_id, payload, micros, event.dedupe)
    alone = _MESSAGE_ALONE if said else _EVENT_ALONE
    if alone.fits(cursor.connection, given):
        row = next(iter(alone.run(cursor.connection, given)), None)
    else:
        cursor.execute(_APPEND_MESSAGE if said else _APPEND_EVENT, given)
        row = cursor.fetchone()
    return NotFound("There is no such session.", session_id=session_id) if row is None else [int(row[0])]


def _fresh(cursor: Any, batches: Sequence[Batch]) -> list[Sequence[NewEvent]]:
    """Leave out what is in the logs already; the logs are held first, so that what is not known stays so."""
    keys = [{"session_id": batch.session_id, "dedupe": key} for batch in batches for key in batch.keys]
    if not keys:
        return [batch.events for batch in batches]
    cursor.execute(_HOLD, (sorted({batch.session_id for batch in batches}),))
    cursor.fetchall()
    cursor.execute(_KNOWN, (dumps(keys),))
    known: dict[str, set[str]] = {}
    for session_id, key in cursor.fetchall():
        known.setdefault(session_id, set()).add(key)
    fresh: list[Sequence[NewEvent]] = []
    for batch in batches:
        seen = known.setdefault(batch.session_id, set())
        fresh.append(without_known(batch.events, seen))
        seen.update(batch.keys)
    return fresh
