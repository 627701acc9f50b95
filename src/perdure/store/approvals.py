"""Queries of approvals; the answer is one guarded update."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import false, func, or_, select, update

from perdure.core.access import Action
from perdure.core.approvals import REFUSALS, Approval, ApprovalStatus
from perdure.store.rows import fetch_all, fetch_one, find_one, insert_row, update_row
from perdure.store.shares import visible
from perdure.store.tables import approvals, sessions
from perdure.store.transaction import Tx


def insert_approval(tx: Tx, approval: Approval) -> None:
    """Insert a question."""
    insert_row(tx, approvals, approval.model_dump())


def get_approval(tx: Tx, approval_id: str) -> Approval:
    """Return an approval.

    Raises:
        NotFound: when there is none.
    """
    return fetch_one(tx, Approval, select(approvals).where(approvals.c.id == approval_id), "approval")


def find_approval(tx: Tx, run_id: str, key: str) -> Approval | None:
    """Return the run's question of that key or None."""
    return find_one(
        tx, Approval, select(approvals).where(approvals.c.run_id == run_id, approvals.c.key == key)
    )


def settle_approval(tx: Tx, approval: Approval, **outcome: Any) -> bool:
    """Write the outcome if the approval is still pending; returns whether this was the one that did."""
    result = tx.db.execute(
        update(approvals)
        .where(approvals.c.id == approval.id, approvals.c.status == ApprovalStatus.PENDING)
        .values(**outcome)
    )
    return result.rowcount == 1


def list_approvals(
    tx: Tx,
    person_id: str | None,
    *,
    shared: bool | None = None,
    status: str | None = None,
    session_id: str | None = None,
    run_id: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Approval], int]:
    """Return approvals, earliest deadline first, and how many there are; deleted sessions are hidden.

    They are what the person may answer: of what they own and, unless `shared` is False, of what is shared with them
    for it; or everybody's.
    """
    query = (
        select(approvals)
        .join(sessions, sessions.c.id == approvals.c.session_id)
        .where(sessions.c.status != "deleted")
    )
    if person_id is not None:
        own = sessions.c.owner_id == person_id
        query = query.where(own if shared is False else visible(tx, person_id, Action.ANSWER))
    if status is not None:
        query = query.where(approvals.c.status == status)
    if session_id is not None:
        query = query.where(approvals.c.session_id == session_id)
    if run_id is not None:
        query = query.where(approvals.c.run_id == run_id)
    total = int(tx.db.execute(select(func.count()).select_from(query.subquery())).scalar_one())
    page = query.order_by(func.coalesce(approvals.c.deadline, approvals.c.created_at), approvals.c.id).limit(
        limit
    )
    return fetch_all(tx, Approval, page.offset(offset)), total


def list_overdue(tx: Tx, now: datetime, limit: int = 500) -> list[Approval]:
    """Return pending approvals whose deadline has passed."""
    query = select(approvals).where(
        approvals.c.status == ApprovalStatus.PENDING,
        approvals.c.deadline.is_not(None),
        approvals.c.deadline <= now,
    )
    return fetch_all(tx, Approval, query.order_by(approvals.c.deadline).limit(limit))


def cancel_pending(tx: Tx, run_id: str) -> list[Approval]:
    """Cancel the run's open questions; returns those it cancelled."""
    query = select(approvals).where(
        approvals.c.run_id == run_id, approvals.c.status == ApprovalStatus.PENDING
    )
    open_ones = fetch_all(tx, Approval, query)
    return [
        a for a in open_ones if settle_approval(tx, a, status=ApprovalStatus.CANCELLED, responded_at=tx.now)
    ]


def put_away(tx: Tx, run_id: str, since: datetime | None, *, mark: str) -> list[Approval]:
    """Cancel a run's open questions; free their keys, those of refusals and of all asked from `since` on.

    A question with a freed key is asked anew. Returns those that were cancelled.
    """
    open_ones = cancel_pending(tx, run_id)
    late = approvals.c.created_at >= since if since is not None else false()
    refused = approvals.c.resolution.in_(REFUSALS)
    query = select(approvals).where(
        approvals.c.run_id == run_id, or_(late, refused, approvals.c.id.in_([a.id for a in open_ones]))
    )
    for approval in fetch_all(tx, Approval, query):
        update_row(tx, approvals, approval.id, key=f"{approval.key}@{mark}")
    return open_ones
