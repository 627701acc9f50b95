"""The audit log: who did what, of one session or of the whole server."""

from __future__ import annotations

from perdure.client import models
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, given, reads, segment


def list_(
    *,
    session_id: str | None = None,
    actor_id: str | None = None,
    action: str | None = None,
    object_type: str | None = None,
    object_id: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Call[models.AuditPage]:
    """Read a page of the whole log, newest first; for administrators of the server. Conditions narrow it."""
    query = given(
        session_id=session_id,
        actor_id=actor_id,
        action=action,
        object_type=object_type,
        object_id=object_id,
        limit=limit,
        cursor=cursor,
    )
    return Call("GET", "/api/audit", reads(models.AuditPage), query)


def of_session(session_id: str, *, limit: int = 50, cursor: str | None = None) -> Call[models.AuditPage]:
    """Read a page of what was done to a session and in it, newest first; for those who administer it."""
    query = given(limit=limit, cursor=cursor)
    return Call("GET", f"/api/sessions/{segment(session_id)}/audit", reads(models.AuditPage), query)


class Audit(Group):
    """`client.audit`."""

    list = Sync(list_)
    of_session = Sync(of_session)


class AsyncAudit(AsyncGroup):
    """`client.audit`, awaited."""

    list = Async(list_)
    of_session = Async(of_session)
