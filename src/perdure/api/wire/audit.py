"""The audit log on the wire."""

from __future__ import annotations

from typing import Literal

from perdure.api.wire.base import Json, ListPage, Wire, WireTime
from perdure.core.audit import AuditEntry


class AuditEntryOut(Wire):
    """Who did what, on which, from where."""

    position: int
    """The entry's place in the one chain of the whole server; counts from 1 without a gap."""
    timestamp: WireTime
    actor_id: str
    action: str
    """`noun.verb`, like `session.suspend`."""
    object_type: str
    object_id: str | None
    session_id: str | None
    source: str | None
    """The address and program that asked, or `library`, or `server` for what the server does by itself."""
    result: Literal["done", "refused"]
    details: Json
    previous_hash: str
    hash: str

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditEntryOut:
        """Return the wire form."""
        act = entry.act
        return cls(
            position=entry.position,
            timestamp=entry.created_at,
            actor_id=act.actor_id,
            action=act.action,
            object_type=act.object_type,
            object_id=act.object_id,
            session_id=act.session_id,
            source=act.source,
            result=act.result,  # pyright: ignore[reportArgumentType]
            details=entry.details,
            previous_hash=entry.previous_hash,
            hash=entry.hash,
        )


class AuditPage(ListPage):
    """Entries, newest first; `next_cursor` leads to older ones."""

    entries: list[AuditEntryOut]
