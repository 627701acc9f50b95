"""Writing the audit chain: the last thing a transaction does, so that its head is held for the commit alone.

Whoever holds the head asks for no other lock any more: nobody who waits for it can be waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from perdure.core.audit import Act, AuditEntry
from perdure.errors import StorageUnavailable
from perdure.store.columns import to_micros

_READ_HEAD = "SELECT position, hash FROM pd_audit_head WHERE id = 1"
_MOVE_HEAD = "UPDATE pd_audit_head SET position = ?, hash = ? WHERE id = 1"
_COLUMNS = (
    "position, created_at, actor_id, action, object_type, object_id, session_id, source, result, details,"
    " previous_hash, hash"
)
_INSERT = f"INSERT INTO pd_audit_entries ({_COLUMNS}) VALUES ({', '.join('?' * 12)})"


def append_acts(cursor: Any, postgres: bool, acts: Sequence[Act], now: datetime) -> None:
    """Put acts at the end of the chain, in order. The caller commits, and does nothing else before.

    Raises:
        StorageUnavailable: when the chain has no head; nothing is stored then.
    """
    cursor.execute(f"{_READ_HEAD} FOR UPDATE" if postgres else _READ_HEAD)
    head = cursor.fetchone()
    if head is None:
        raise StorageUnavailable("The audit log has lost its head; see `perdure audit verify`.")
    position, last = head
    micros = to_micros(now)
    rows: list[tuple[Any, ...]] = []
    for act in acts:
        entry = AuditEntry.following(position + 1, last, micros, act)
        position, last = entry.position, entry.hash
        rows.append(_row(entry))
    mark = "%s" if postgres else "?"
    cursor.executemany(_INSERT.replace("?", mark), rows)
    cursor.execute(_MOVE_HEAD.replace("?", mark), (position, last))


def _row(entry: AuditEntry) -> tuple[Any, ...]:
    act = entry.act
    return (
        *(entry.position, entry.created_micros, act.actor_id, act.action, act.object_type, act.object_id),
        *(act.session_id, act.source, act.result, act.details, entry.previous_hash, entry.hash),
    )
