"""Approvals: the inbox, and the one answer each question gets."""

from __future__ import annotations

from typing import Any

from perdure.core.access import SYSTEM_ACTOR, Action, Actor
from perdure.core.answers import check_response
from perdure.core.approvals import (
    SESSION_SCOPE,
    Approval,
    ApprovalStatus,
    ApprovalType,
    OnExpiry,
    Resolution,
    check_answer,
    is_for_session,
    parse_resolution,
)
from perdure.core.events import ApprovalResolved, WorkflowPaused
from perdure.core.messages import author_of
from perdure.core.runs import ENDED_RUN_STATUSES, RunStatus
from perdure.core.sessions import Session, SessionCommand, SessionStatus
from perdure.core.tools import call_hash
from perdure.errors import AlreadyAnswered, InvalidInput, NotFound
from perdure.ids import parse_uuid
from perdure.services import budgets, lifecycle
from perdure.services.access import session_for, whose_list
from perdure.services.ports import Limits, RunEngine
from perdure.store import approvals, runs, sessions
from perdure.store.store import Store
from perdure.store.transaction import Tx


class ApprovalService:
    """Questions to people."""

    def __init__(self, store: Store, engine: RunEngine, limits: Limits) -> None:
        self._store = store
        self._engine = engine
        self._limits = limits

    async def list(
        self,
        actor: Actor,
        *,
        status: str | None = "pending",
        session_id: str | None = None,
        user_id: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[Approval], int]:
        """Return questions, earliest deadline first: those the actor may answer over all sessions, or all of one.

        An administrator may name a `user_id`, or `all`, and gets those of what that person owns.

        Raises:
            NotFound: when the session does not exist for the actor.
            Forbidden: when somebody else names another `user_id`.
        """
        person, shared = whose_list(actor, user_id)
        if status is not None and status not in set(ApprovalStatus):
            raise InvalidInput(
                f"{status!r} is not a status; use {', '.join(ApprovalStatus)}.", field="status"
            )

        def body(tx: Tx) -> tuple[list[Approval], int]:
            if session_id is None:
                return approvals.list_approvals(
                    tx, person, shared=shared, status=status, limit=limit, offset=offset
                )
            session = session_for(tx, actor, session_id, Action.READ)
            return approvals.list_approvals(
                tx, None, status=status, session_id=session.id, limit=limit, offset=offset
            )

        return await self._store.read(body)

    async def get(self, actor: Actor, approval_id: str) -> Approval:
        """Return a question.

        Raises:
            NotFound: when it does not exist for the actor.
        """
        return await self._store.read(lambda tx: _approval_for(tx, actor, approval_id, Action.READ))

    async def answer(
        self,
        actor: Actor,
        approval_id: str,
        *,
        resolution: str | None = None,
        approved: bool | None = None,
        feedback: str | None = None,
        modifications: Any = None,
        answer: Any = None,
    ) -> Approval:
        """Answer a question; the first answer holds, and its run goes on.

        Raises:
            AlreadyAnswered: with the stored outcome, for every later answer.
            InvalidInput: when the resolution is unknown or not offered, or what comes with it does not fit
                the question; nothing is stored then, and the question goes on waiting.
        """
        chosen = parse_resolution(resolution, approved)
        for_session = is_for_session(resolution)

        def body(tx: Tx) -> Approval:
            approval = _approval_for(tx, actor, approval_id, Action.ANSWER)
            status = check_answer(approval, chosen, tx.now)
            if for_session and approval.request_type is not ApprovalType.TOOL:
                raise InvalidInput(
                    f"Only a tool call can be allowed for the session; choose one of "
                    f"{', '.join(approval.options)}.",
                    field="resolution",
                    options=approval.options,
                )
            response = check_response(
                approval,
                chosen,
                feedback=feedback,
                modifications=modifications,
                answer=SESSION_SCOPE if for_session else answer,
            )
            settled = settle_in(tx, approval, status, chosen, response=response, by=actor, by_person=True)
            audit_answer(tx, actor, settled)
            return settled

        approval = await self._store.write(body)
        await self._engine.enqueue(approval.run_id)
        return approval

    async def expire_overdue(self) -> int:
        """Give every question whose deadline has passed its stated consequence; returns how many."""

        def body(tx: Tx) -> tuple[int, list[str]]:
            number, woken = 0, list[str]()
            for approval in approvals.list_overdue(tx, tx.now):
                try:
                    settled = settle_in(tx, approval, ApprovalStatus.EXPIRED, _consequence(approval), by=None)
                except AlreadyAnswered:
                    continue  # by a person just in time, or by another server's sweep
                number += 1
                audit_answer(tx, SYSTEM_ACTOR, settled, "approval.expire")
                if approval.on_expiry is OnExpiry.PAUSE:
                    _pause_for_silence(tx, settled, self._limits)
                else:
                    woken.append(approval.run_id)
            return number, woken

        number, woken = await self._store.write(body)
        for run_id in woken:
            await self._engine.enqueue(run_id)
        return number


def settle_in(
    tx: Tx,
    approval: Approval,
    status: ApprovalStatus,
    resolution: Resolution | None,
    *,
    response: dict[str, Any] | None = None,
    by: Actor | None = None,
    by_person: bool = False,
) -> Approval:
    """Write the outcome, log it, and put the waiting run back into the queue.

    Raises:
        AlreadyAnswered: when another answer was first.
    """
    sessions.lock_session(tx, approval.session_id)
    outcome: dict[str, Any] = {
        "status": status,
        "resolution": resolution,
        "response_data": response,
        "responded_by": by.name if by else None,
        "responded_by_id": by.user_id if by and not by.is_system else None,
        "responded_at": tx.now,
    }
    if not approvals.settle_approval(tx, approval, **outcome):
        stored = approvals.get_approval(tx, approval.id)
        raise AlreadyAnswered(
            f"This was already {stored.status}"
            + (f" by {stored.responded_by}." if stored.responded_by else "."),
            approval_id=stored.id,
            status=str(stored.status),
            resolution=str(stored.resolution) if stored.resolution else None,
            responded_by=stored.responded_by,
        )
    if by_person and approval.request_type is ApprovalType.BUDGET and resolution is Resolution.APPROVE:
        budgets.raise_in(tx, approval, (response or {}).get("answer"))
    tx.emit(
        approval.session_id,
        ApprovalResolved(
            approval_id=approval.id,
            status=status,
            resolution=resolution,
            feedback=(response or {}).get("feedback"),
            responded_by=by.name if by else None,
            answered_by=author_of(by) if by else None,
        ),
        run_id=approval.run_id,
        step_id=approval.step_id,
    )
    run = runs.get_run(tx, approval.run_id, lock=True)
    if run.status is RunStatus.WAITING and (by_person or approval.on_expiry is not OnExpiry.PAUSE):
        runs.change_run(tx, run, status=RunStatus.QUEUED)
    session = sessions.get_session(tx, approval.session_id)
    tx.hint(session.owner_id, "session:updated", session.id)
    return approval.model_copy(update=outcome)


def allowed_call_in(tx: Tx, approval_id: str) -> str | None:
    """Return the mark of the one call of a tool that an answered question lets through; None when it lets none.

    Of a call that the person edited it is the mark of what they made of it.
    """
    approval = approvals.get_approval(tx, approval_id)
    match approval.resolution:
        case Resolution.APPROVE | Resolution.CONTINUE:
            return approval.request_data.get("call_hash")
        case Resolution.MODIFY:
            edited = (approval.response_data or {})["modifications"]
            return call_hash(approval.request_data["tool"], edited["arguments"])
        case _:
            return None


def audit_answer(tx: Tx, actor: Actor, approval: Approval, action: str = "approval.answer") -> None:
    """Write into the audit log how a question was settled."""
    tx.audit(
        actor,
        action,
        "approval",
        approval.id,
        session_id=approval.session_id,
        run_id=approval.run_id,
        type=str(approval.request_type),
        status=str(approval.status),
        resolution=str(approval.resolution) if approval.resolution else None,
    )


def release_in(tx: Tx, session: Session, by: Actor) -> list[str]:
    """Answer the session's questions about limits that leave room by now; returns the runs that go on."""
    pending, _ = approvals.list_approvals(tx, None, status="pending", session_id=session.id, limit=200)
    freed = [
        approval
        for approval in pending
        if approval.request_type is ApprovalType.BUDGET and budgets.has_room(tx, session, approval)
    ]
    for approval in freed:
        settle_in(tx, approval, ApprovalStatus.APPROVED, Resolution.APPROVE, by=by, by_person=True)
    return [approval.run_id for approval in freed]


def _consequence(approval: Approval) -> Resolution | None:
    match approval.on_expiry:
        case OnExpiry.PAUSE:
            return None
        case OnExpiry.REJECT:
            return Resolution.REJECT
        case OnExpiry.APPROVE:
            return Resolution.APPROVE


def _pause_for_silence(tx: Tx, approval: Approval, limits: Limits) -> None:
    run = runs.get_run(tx, approval.run_id, lock=True)
    if run.status in ENDED_RUN_STATUSES:
        return  # it went on without this question, and its session is none of it any more
    if run.status is RunStatus.WAITING:
        runs.change_run(tx, run, status=RunStatus.PAUSED)
        tx.emit(run.session_id, WorkflowPaused(reason="a question was not answered in time"), run_id=run.id)
    session = sessions.get_session(tx, approval.session_id, lock=True)
    if session.status is SessionStatus.ACTIVE:
        lifecycle.move_session(
            tx,
            session,
            SessionCommand.SUSPEND,
            reason=f"not answered in time: {approval.title}",
            expires_at=lifecycle.expiry_of(limits, SessionStatus.SUSPENDED, tx.now),
        )


def _approval_for(tx: Tx, actor: Actor, approval_id: str, action: Action) -> Approval:
    approval = approvals.get_approval(tx, parse_uuid(approval_id, "approval id"))
    try:
        session_for(tx, actor, approval.session_id, action)
    except NotFound:
        raise NotFound("There is no such approval.") from None
    return approval
