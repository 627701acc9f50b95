"""Approvals: the questions that wait for a person, over all sessions."""

from __future__ import annotations

from typing import Any

from perdure.client import models
from perdure.client.models import Json
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, given, reads, segment


def list_(
    *, status: str = "pending", session_id: str | None = None, limit: int = 50, offset: int = 0
) -> Call[models.ApprovalPage]:
    """Read a page of the inbox; `session_id` narrows it to one session."""
    query = given(status=status, session_id=session_id, limit=limit, offset=offset)
    return Call("GET", "/api/approvals", reads(models.ApprovalPage), query)


def get(approval_id: str) -> Call[models.Approval]:
    """Read one question, with its answer if it has one."""
    return Call("GET", f"/api/approvals/{segment(approval_id)}", reads(models.Approval))


def answer(
    approval_id: str,
    resolution: str | None = None,
    *,
    approved: bool | None = None,
    feedback: str | None = None,
    modifications: Json | None = None,
    answer: Any = None,
) -> Call[models.Approval]:
    """Answer once; a second answer gets `AlreadyAnswered` with the first."""
    body = given(
        resolution=resolution,
        approved=approved,
        feedback=feedback,
        modifications=modifications,
        answer=answer,
    )
    return Call("POST", f"/api/approvals/{segment(approval_id)}", reads(models.Approval), body=body)


class Approvals(Group):
    """`client.approvals`."""

    list = Sync(list_)
    get = Sync(get)
    answer = Sync(answer)


class AsyncApprovals(AsyncGroup):
    """`client.approvals`, awaited."""

    list = Async(list_)
    get = Async(get)
    answer = Async(answer)
