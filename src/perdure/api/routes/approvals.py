"""Approvals: the inbox over all sessions, and the answers."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from perdure.api.auth import Caller, Services
from perdure.api.route import repeatable
from perdure.api.routes.parts import (
    Page,
    Paging,
    SessionPath,
    Shape,
    flat,
    next_offset_cursor,
    offset_of,
    router,
)
from perdure.api.wire.approvals import ApprovalAnswer, ApprovalAnswered, ApprovalOut, ApprovalPage
from perdure.api.wire.base import Uuid
from perdure.api.wire.problems import problem_answers

routes = router("approvals")
StatusQuery = Annotated[str | None, Query(description="`all` lists every status.")]


@routes.get("/api/approvals", responses=problem_answers(404))
async def list_approvals(
    perdure: Services,
    actor: Caller,
    page: Page,
    status: StatusQuery = "pending",
    session_id: Uuid | None = None,
    user_id: Annotated[
        str | None, Query(description="Administrators: of what this person owns, or `all`.")
    ] = None,
    shape: Shape = "envelope",
) -> ApprovalPage:
    """List questions over all sessions one may see; by default those that wait for an answer."""
    return await _page(perdure, actor, page, status, session_id, shape, user_id)


@routes.get("/api/sessions/{session_id}/approvals", responses=problem_answers(404))
async def list_session_approvals(
    session_id: SessionPath,
    perdure: Services,
    actor: Caller,
    page: Page,
    status: StatusQuery = "all",
    shape: Shape = "envelope",
) -> ApprovalPage:
    """List the questions of one session, answered ones too."""
    return await _page(perdure, actor, page, status, session_id, shape)


@routes.get("/api/approvals/{approval_id}", responses=problem_answers(404))
async def get_approval(approval_id: Uuid, perdure: Services, actor: Caller) -> ApprovalOut:
    """Read one question."""
    return ApprovalOut.of(await perdure.approvals.get(actor, approval_id))


@routes.post("/api/approvals/{approval_id}", responses=problem_answers(404, 409), openapi_extra=repeatable())
async def answer_approval(
    approval_id: Uuid, body: ApprovalAnswer, perdure: Services, actor: Caller
) -> ApprovalAnswered:
    """Answer a question, once; a later answer gets 409 with the stored one."""
    approval = await perdure.approvals.answer(actor, approval_id, **body.model_dump())
    return ApprovalAnswered.of(approval)


async def _page(
    perdure: Services,
    actor: Caller,
    page: Paging,
    status: str | None,
    session_id: str | None,
    shape: str,
    user_id: str | None = None,
) -> ApprovalPage:
    offset = offset_of(page)
    found, total = await perdure.approvals.list(
        actor,
        status=None if status in {None, "", "all"} else status,
        session_id=session_id,
        user_id=user_id,
        limit=page.limit,
        offset=offset,
    )
    approvals = [ApprovalOut.of(approval) for approval in found]
    if shape == "flat":
        return flat(approvals, total)  # pyright: ignore[reportReturnType]
    cursor = next_offset_cursor(page, len(approvals), total)
    return ApprovalPage(approvals=approvals, total=total, limit=page.limit, offset=offset, next_cursor=cursor)
