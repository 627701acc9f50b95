"""Reading the conversation: positions point into the log, where what was said stands once."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple, cast

import orjson
from sqlalchemy import update

from perdure.core.messages import Message, MessageRole
from perdure.store.prepared import Prepared
from perdure.store.tables import session_logs
from perdure.store.transaction import Tx


class _Query(NamedTuple):
    sqlite: str
    postgres: str
    prepared: Prepared
    """The same as `postgres`."""


_SQLITE = """
SELECT group_concat(e.payload), group_concat(e.created_at), group_concat(coalesce(e.run_id, ''))
FROM pd_messages m CROSS JOIN pd_events e ON e.session_id = ? AND e.seq = m.seq
WHERE m.session_id = ? AND """
_POSTGRES = """
SELECT string_agg(payload, ','), string_agg(created_at::text, ','), string_agg(coalesce(run_id, ''), ',')
FROM pd_events WHERE session_id = %s AND seq = ANY(ARRAY(SELECT m.seq FROM pd_messages m WHERE m.session_id = %s AND """
"""A page is one row, and its payloads one text that is parsed at once: a row for each message costs twice as much.
With all numbers in one array PostgreSQL goes through the log's index once, not once for each message."""
_LATEST = (
    "m.position > (SELECT {max}(message_count - {mark}, history_from)"
    " FROM pd_session_logs WHERE session_id = {mark})"
    " AND m.position <= (SELECT message_count FROM pd_session_logs WHERE session_id = {mark})"
)
_BEFORE = (
    "m.position < {mark} AND m.position >= (SELECT {max}({min}({mark}, message_count + 1) - {mark}, history_from + 1)"
    " FROM pd_session_logs WHERE session_id = {mark})"
)
_AFTER = (
    "m.position > (SELECT {max}({mark}, history_from) FROM pd_session_logs WHERE session_id = {mark})"
    " AND m.position <= (SELECT {max}({mark}, history_from) + {mark} FROM pd_session_logs WHERE session_id = {mark})"
)
"""Positions have no gaps, so a page is a range of them: nothing is sorted, whatever PostgreSQL knows of the table.
Both ends are named, or it would expect to find a third of them all and go through the whole table."""


def _query(name: str, placed: str) -> _Query:
    postgres = f"{_POSTGRES}{placed.format(max='greatest', min='least', mark='%s')}))"
    sqlite = _SQLITE + placed.format(max="max", min="min", mark="?")
    return _Query(sqlite, postgres, Prepared(f"perdure_messages_{name}", postgres))


_latest, _before, _after = _query("latest", _LATEST), _query("before", _BEFORE), _query("after", _AFTER)
_AT_ONCE = 512
"""Thousands of values alive at once cost more than fewer queries save."""
_ROLES = {str(role): role for role in MessageRole}
_POSITION = itemgetter(Message._fields.index("position"))
_new = cast("Callable[[type[Message], tuple[Any, ...]], Message]", tuple.__new__)  # pyright: ignore[reportUnknownMemberType]


def list_messages(
    tx: Tx, session_id: str, *, before: int | None = None, after: int | None = None, limit: int = 50
) -> list[Message]:
    """Return messages in ascending position: the newest page, the page before, or the page after.

    A cleared history starts after its marker, whatever is asked for.
    """
    pages: list[list[Message]] = []
    edge = before if after is None else after
    left = limit
    while left > 0:
        wanted = min(left, _AT_ONCE)
        if edge is None:
            page = _page(tx, session_id, _latest, wanted, session_id, session_id)
        elif after is None:
            page = _page(tx, session_id, _before, edge, edge, wanted, session_id)
        else:
            page = _page(tx, session_id, _after, edge, session_id, edge, wanted, session_id)
        pages.append(page)
        if len(page) < wanted:
            break
        left -= wanted
        edge = page[0 if after is None else -1].position
    if after is None:
        pages.reverse()
    return pages[0] if len(pages) == 1 else [message for page in pages for message in page]


def history_floor(tx: Tx, session_id: str) -> int:
    """Return the position after which the conversation starts; 0 unless it was cleared."""
    mark = "%s" if tx.postgres else "?"
    row = tx.cursor.execute(
        f"SELECT history_from FROM pd_session_logs WHERE session_id = {mark}", (session_id,)
    ).fetchone()
    return 0 if row is None else int(row[0])


def set_history_floor(tx: Tx, session_id: str, position: int) -> None:
    """Let the conversation start anew after `position`; nothing is erased."""
    tx.db.execute(
        update(session_logs).where(session_logs.c.session_id == session_id).values(history_from=position)
    )


def _page(tx: Tx, session_id: str, query: _Query, *placed: str | int) -> list[Message]:
    given = (session_id, session_id, *placed)
    driver = tx.driver
    if not tx.postgres:
        row = driver.execute(query.sqlite, given).fetchone()
    elif query.prepared.fits(driver, given):
        row = query.prepared.run(driver, given)[0]
    else:
        row = driver.execute(query.postgres, given).fetchone()
    payloads, times, run_ids = row
    if payloads is None:
        return []
    if isinstance(run_ids, bytes):
        return _to_messages(session_id, b"[%b]" % payloads, b"[%b]" % times, run_ids.decode())
    return _to_messages(session_id, f"[{payloads}]", f"[{times}]", run_ids)


def _to_messages(session_id: str, payloads: str | bytes, times: str | bytes, run_ids: str) -> list[Message]:
    """Build the tuples without a call for each: pages are read often, and histories in thousands."""
    found = [
        _new(
            Message,
            (
                said["message_id"],
                session_id,
                said["position"],
                _ROLES[said["role"]],
                said.get("agent"),
                said.get("parts") or said.get("content", ""),
                run_id or None,
                at_us,
                said.get("author"),
            ),
        )
        for said, at_us, run_id in zip(
            orjson.loads(payloads), orjson.loads(times), run_ids.split(","), strict=True
        )
    ]
    found.sort(key=_POSITION)
    return found
