"""Searching the log of one session, in either direction, a bounded stretch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select

from perdure.core.event_search import says
from perdure.core.events import Event
from perdure.store.columns import dumps
from perdure.store.events import to_event
from perdure.store.tables import events
from perdure.store.transaction import Tx

SPAN = 20_000
"""So many events are looked through for one answer, found or not: a search never holds a long log's readers up."""
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Found:
    """Events in ascending `seq`, and the last one that was looked at on the way."""

    events: list[Event]
    reached: int


def search_events(
    tx: Tx,
    session_id: str,
    words: str,
    *,
    after: int,
    before: int,
    backwards: bool,
    limit: int = 200,
    types: Sequence[str] = (),
) -> Found:
    """Return at most `limit` events between `after` and `before`, both outside, that say the words.

    `backwards` begins with the newest. Without words every event counts, and there is no end before `limit`.
    """
    low, high = after, before
    if words and backwards:
        low = max(after, before - 1 - SPAN)
    elif words:
        high = min(before, after + 1 + SPAN)
    first, last = low + 1, high - 1
    found: list[Event] = []
    while len(found) < limit:
        within = [events.c.session_id == session_id, events.c.seq > low, events.c.seq < high]
        if types:
            within.append(events.c.type.in_(types))
        if words:
            within.append(_may_say(tx, words))
        order = events.c.seq.desc() if backwards else events.c.seq
        many = _AT_ONCE if words else limit
        rows = tx.db.execute(select(events).where(and_(*within)).order_by(order).limit(many)).all()
        for row in rows:
            event = to_event(row)
            if not words or says(event.type, event.payload, words):
                found.append(event)
                if len(found) == limit:
                    break
        if len(rows) < many:
            break
        low, high = (low, rows[-1].seq) if backwards else (rows[-1].seq, high)
    end = first if backwards else last
    reached = found[-1].seq if len(found) == limit else end
    return Found(found[::-1] if backwards else found, reached)


def _may_say(tx: Tx, words: str) -> ColumnElement[bool]:
    """Return what holds for every event that says the words, and for few others.

    Which letters are the same in upper case is known to the databases for ASCII alone, so any other letter
    stands for any.
    """
    escaped = dumps(words)[1:-1].replace("/", "//").replace("%", "/%").replace("_", "/_")
    pattern = f"%{''.join(letter if letter.isascii() else '_' for letter in escaped)}%"
    if tx.postgres:
        return or_(events.c.payload.ilike(pattern, escape="/"), events.c.type.ilike(pattern, escape="/"))
    return or_(events.c.payload.like(pattern, escape="/"), events.c.type.like(pattern, escape="/"))
