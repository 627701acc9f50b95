"""Reading the conversation: positions point into the log, where what was said stands once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, cast

import orjson
from sqlalchemy import update

from perdure.core.messages import Message, MessageRole
from perdure.store.tables import session_logs
from perdure.store.transaction import Tx

_PLACED = """
WHERE m.session_id = {mark} AND m.position {reach} AND m.position >
COALESCE((SELECT history_from FROM pd_session_logs WHERE session_id = {mark}), 0)
ORDER BY m.position {order} LIMIT {mark}"""
_SQLITE = f"""
SELECT e.run_id, e.payload, e.created_at FROM pd_messages m
JOIN pd_events e ON e.session_id = ? AND e.seq = m.seq {_PLACED}"""
_POSTGRES = f"""
SELECT run_id, payload, created_at FROM pd_events
WHERE session_id = %s AND seq = ANY(ARRAY(SELECT m.seq FROM pd_messages m {_PLACED}))"""
"""With all numbers in one array PostgreSQL goes through the log's index once, not once for each message."""
_LATEST, _BEFORE, _AFTER = (
    {
        postgres: query.format(mark=mark, reach=reach.format(mark), order=order)
        for postgres, query, mark in ((False, _SQLITE, "?"), (True, _POSTGRES, "%s"))
    }
    for reach, order in (("> 0", "DESC"), ("< {}", "DESC"), ("> {}", "ASC"))
)

_PARSED_AT_ONCE = 50
"""Fewer calls of the parser; but thousands of values alive at once cost more than they save."""
_ROLES = {str(role): role for role in MessageRole}
_moment = datetime.fromtimestamp  # of a float of seconds: exact to the microsecond until the year 2242
_POSITION = itemgetter(Message._fields.index("position"))
_new = cast("Callable[[type[Message], tuple[Any, ...]], Message]", tuple.__new__)  # pyright: ignore[reportUnknownMemberType]


def list_messages(
    tx: Tx, session_id: str, *, before: int | None = None, after: int | None = None, limit: int = 50
) -> list[Message]:
    """Return messages in ascending position: the newest page, the page before, or the page after.

    A cleared history starts after its marker unless `after` asks for what lies before it.
    """
    if after is not None:
        query, edge = _AFTER, (after,)
    else:
        query, edge = (_LATEST, ()) if before is None else (_BEFORE, (before,))
    cursor = tx.cursor
    cursor.execute(query[tx.postgres], (session_id, session_id, *edge, session_id, limit))
    return _to_messages(session_id, cursor.fetchall())


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


def _to_messages(session_id: str, rows: Sequence[Any]) -> list[Message]:
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
                said.get("parts") or [{"type": "text", "text": said.get("content", "")}],
                run_id,
                _moment(created_at / 1e6, UTC),
                said.get("author"),
            ),
        )
        for start in range(0, len(rows), _PARSED_AT_ONCE)
        for part in (rows[start : start + _PARSED_AT_ONCE],)
        for (run_id, _, created_at), said in zip(part, _parsed(part), strict=True)
    ]
    found.sort(key=_POSITION)
    return found


def _parsed(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return orjson.loads(f"[{','.join([payload for _, payload, _ in rows])}]")
