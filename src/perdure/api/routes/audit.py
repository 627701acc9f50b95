"""The audit log: of one session, and of the whole server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query

from perdure.api.auth import Caller, Services
from perdure.api.routes.parts import Page, Paging, SessionPath, Shape, flat, router
from perdure.api.wire.audit import AuditEntryOut, AuditPage
from perdure.api.wire.base import Uuid
from perdure.api.wire.problems import problem_answers
from perdure.core.audit import AuditEntry
from perdure.errors import InvalidInput
from perdure.services.audit import AuditQuery

routes = router("audit")
Word = Annotated[str | None, Query(max_length=200)]


@routes.get("/api/sessions/{session_id}/audit", responses=problem_answers(403, 404))
async def list_session_audit(
    session_id: SessionPath, perdure: Services, actor: Caller, page: Page, shape: Shape = "envelope"
) -> AuditPage:
    """List who did what to a session, newest first; for its owner and its administrators."""
    before = _before(page)
    found, total = await perdure.audit.list_of_session(
        actor, session_id, before=before, limit=page.limit, offset=0 if before else page.offset
    )
    return _page(found, total, page, shape)


@routes.get("/api/audit", responses=problem_answers(403))
async def list_audit(
    perdure: Services,
    actor: Caller,
    page: Page,
    session_id: Uuid | None = None,
    actor_id: Uuid | None = None,
    action: Word = None,
    object_type: Word = None,
    object_id: Word = None,
    shape: Shape = "envelope",
) -> AuditPage:
    """List who did what on this server, newest first, also to what is gone by now; for administrators."""
    before = _before(page)
    query = AuditQuery(
        session_id=session_id,
        actor_id=actor_id,
        action=action,
        object_type=object_type,
        object_id=object_id,
        before=before,
        limit=page.limit,
        offset=0 if before else page.offset,
    )
    found, total = await perdure.audit.list(actor, query)
    return _page(found, total, page, shape)


def _before(page: Paging) -> int | None:
    if page.cursor is None:
        return None
    if not page.cursor.isascii() or not page.cursor.isdigit() or not 0 < int(page.cursor) < 2**31:
        raise InvalidInput("This cursor was not given by this list.", field="cursor")
    return int(page.cursor)


def _page(found: Sequence[AuditEntry], total: int, page: Paging, shape: str) -> AuditPage:
    entries = [AuditEntryOut.of(entry) for entry in found]
    if shape == "flat":
        return flat(entries, total)  # pyright: ignore[reportReturnType]
    more = len(entries) == page.limit and entries[-1].position > 1
    cursor = str(entries[-1].position) if more else None
    return AuditPage(entries=entries, total=total, limit=page.limit, offset=page.offset, next_cursor=cursor)
