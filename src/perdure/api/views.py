"""Answers that are put together from several services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from perdure.api.wire.approvals import ApprovalOut
from perdure.api.wire.messages import MessageOut
from perdure.api.wire.sessions import SessionDetail, detail_fields, etag
from perdure.core.access import Actor

if TYPE_CHECKING:
    from perdure.bootstrap import Perdure
    from perdure.core.sessions import Session
    from perdure.services.views import MessagePage, SessionRow


async def detail_of(
    perdure: Perdure, actor: Actor, row: SessionRow[Session], page: MessagePage | None = None
) -> dict[str, Any]:
    """Return the fields of a session's detail: the row, the newest messages, the open questions.

    `as_of_seq` belongs to the row, which is read first: a stream after it repeats rather than misses.
    """
    page = page or await perdure.history.messages(actor, row.session.id)
    approvals, _total = (
        await perdure.approvals.list(actor, session_id=row.session.id, limit=200, offset=0)
        if row.pending_approvals
        else ([], 0)
    )
    history = [MessageOut.of(message) for message in page.messages]
    return detail_fields(row, history, page.next_cursor, [ApprovalOut.of(a) for a in approvals])


async def session_detail(
    perdure: Perdure,
    actor: Actor,
    row: SessionRow[Session],
    response: Response,
    page: MessagePage | None = None,
) -> SessionDetail:
    """Return the detail and set its ETag."""
    response.headers["ETag"] = etag(row.session.version)
    return SessionDetail(**await detail_of(perdure, actor, row, page))
