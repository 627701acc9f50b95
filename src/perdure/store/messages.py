"""Reading the conversation: positions point into the log, where what was said stands once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import orjson
from sqlalchemy import update

from perdure.core.messages import Message, MessageRole
from perdure.store.tables import session_logs
from perdure.store.transaction import Tx

_PAGE = (
    "SELECT m.position, e.run_id, e.payload, e.created_at FROM pd_messages m"
    " JOIN pd_events e ON e.session_id = m.session_id AND e.seq = m.seq"
)

_ROLES = {str(role): role for role in MessageRole}
_moment = datetime.fromtimestamp  # of a float of seconds: exact to the microsecond until the year 2242
_new = cast("Callable[[type[Message], tuple[Any, ...]], Message]", tuple.__new__)  # pyright: ignore[reportUnknownMemberType]


def list_messages(
    tx: Tx, session_id: str, *, before: int | None = None, after: int | None = None, limit: int = 50
) -> list[Message]:
    """Return messages in ascending position: the newest page, the page before, or the page after.

    A cleared history starts after its marker unless `after` asks for what lies before it.
    """
    cursor = tx.cursor
    largest, mark = ("GREATEST", "%s") if tx.postgres else ("max", "?")
    floor = f"COALESCE((SELECT history_from FROM pd_session_logs WHERE session_id = {mark}), 0)"
    if after is not None:
        cursor.execute(
            f"{_PAGE} WHERE m.session_id = {mark} AND m.position > {largest}({mark}, {floor})"
            f" ORDER BY m.position LIMIT {mark}",
            (session_id, after, session_id, limit),
        )
        rows = cursor.fetchall()
    else:
        upper = before if before is not None else 1 << 62
        cursor.execute(
            f"{_PAGE} WHERE m.session_id = {mark} AND m.position < {mark} AND m.position > {floor}"
            f" ORDER BY m.position DESC LIMIT {mark}",
            (session_id, upper, session_id, limit),
        )
        rows = cursor.fetchall()[::-1]
    return _to_messages(session_id, rows)


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
    return [
        _new(
            Message,
            (
                said["message_id"],
                session_id,
                position,
                _ROLES[said["role"]],
                said.get("agent"),
                said.get("parts") or [{"type": "text", "text": said.get("content", "")}],
                run_id,
                _moment(created_at / 1e6, UTC),
            ),
        )
        for position, run_id, payload, created_at in rows
        for said in (orjson.loads(payload),)
    ]
