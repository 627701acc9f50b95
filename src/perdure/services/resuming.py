"""Going on with what was interrupted: a paused run from its boundary, a failed one from its step."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from perdure.core.events import ApprovalResolved, DagUpdate, WorkflowResumed
from perdure.core.messages import Author
from perdure.core.missions import HopStatus, MissionCommand
from perdure.core.runs import RUN_LIFECYCLE, Run, RunCommand, RunStatus, StepStatus
from perdure.core.sessions import Session, SessionCommand, SessionStatus
from perdure.errors import NotAllowedNow, NotFound
from perdure.services import lifecycle
from perdure.services.bounds import added_to
from perdure.services.conversation import message_event
from perdure.services.missions import dag_in
from perdure.services.plan_log import note_plan_in
from perdure.services.ports import Limits
from perdure.services.starting import start_next_in
from perdure.store import approvals, missions, runs, sessions
from perdure.store.transaction import Tx

_ENDED_HOPS = (HopStatus.COMPLETED, HopStatus.FAILED, HopStatus.CANCELLED, HopStatus.SKIPPED)
_NOT_BEGUN: dict[str, Any] = {
    "status": StepStatus.PENDING,
    "checkpoint": None,
    "summary": None,
    "error": None,
    "started_at": None,
    "completed_at": None,
}


def resume_in(
    tx: Tx,
    session: Session,
    limits: Limits,
    *,
    supports_resume: bool,
    additional_context: str | None,
    from_step: str | None,
    author: Author | None,
) -> tuple[Session, Run | None]:
    """Make the session active and put its interrupted run back into the queue.

    Returns the run that goes on, or the next one when inputs were waiting, or None when there is neither.
    With `from_step` the run goes back: that step and all after it run again.

    Raises:
        NotAllowedNow: when the session cannot be resumed now, failed in a mode that cannot go on, or has no
            stopped run that could go back to a step.
        NotFound: when there is no such step.
    """
    failed = session.status is SessionStatus.FAILED
    if failed and not supports_resume:
        raise NotAllowedNow(
            f"A failed {session.mode} run cannot go on from a step; retry it or start a new one.",
            current_status=str(session.status),
            allowed=["retry", "start_run"],
        )
    changed = lifecycle.move_session(
        tx,
        session,
        SessionCommand.RESUME,
        reason="resumed",
        last_active_at=tx.now,
        expires_at=lifecycle.expiry_of(limits, SessionStatus.ACTIVE, tx.now),
        warned_at=None,
    )
    run = runs.find_open_run(tx, session.id, lock=True)
    if run is not None:
        if from_step is None:
            return changed, continue_in(tx, run, additional_context, author)
        return changed, _go_back_in(tx, run, from_step, additional_context, author)
    latest = runs.find_latest_run(tx, session.id)
    if failed and latest is not None and latest.status is RunStatus.FAILED:
        return changed, retry_in(tx, latest, from_step, additional_context, author)
    if from_step is not None:
        raise NotAllowedNow(
            "No run of this session was interrupted, so none can go on from a step; fork it there instead.",
            current_status=str(latest.status) if latest else None,
            allowed=["fork", "start_run"],
        )
    if additional_context:
        tx.append(session.id, message_event("user", additional_context, author=author))
    following = start_next_in(tx, session.id, limits)
    return sessions.get_session(tx, session.id), following


def continue_in(tx: Tx, run: Run, additional_context: str | None = None, author: Author | None = None) -> Run:
    """Take a pausing or paused run out of its pause; a run that is not paused is returned as it is."""
    row = RUN_LIFECYCLE.find(run.status, RunCommand.RESUME)
    if row is None or row.target is None:
        return run
    config = _with_context(tx, run, additional_context, author)
    resumed = runs.change_run(tx, run, status=row.target, config=config)
    tx.emit(
        run.session_id,
        WorkflowResumed(
            attempt=run.attempt,
            additional_context=additional_context,
            author=author if additional_context else None,
        ),
        run_id=run.id,
    )
    return resumed


def retry_in(
    tx: Tx,
    run: Run,
    from_step: str | None,
    additional_context: str | None = None,
    author: Author | None = None,
) -> Run:
    """Start a new attempt of a failed run; finished steps are kept, those from `from_step` on are not.

    A failed step that somebody chose to leave out stays so, unless the run goes back to it or further. What
    people answered before the first step that runs again stands; what they answered after it is asked
    anew.

    Raises:
        NotAllowedNow: when the run has not failed.
        NotFound: when there is no such step.
    """
    RUN_LIFECYCLE.decide(run.status, RunCommand.RETRY)
    return _again_in(tx, run, from_step, additional_context, author, reason="retry")


def _go_back_in(
    tx: Tx, run: Run, from_step: str, additional_context: str | None, author: Author | None
) -> Run:
    if run.status is not RunStatus.PAUSED:
        raise NotAllowedNow(
            "The run has not come to its stop yet; resume it from a step when it is paused.",
            current_status=str(run.status),
            allowed=["resume", "cancel"],
        )
    return _again_in(tx, run, from_step, additional_context, author, reason="requested")


def _again_in(
    tx: Tx,
    run: Run,
    from_step: str | None,
    additional_context: str | None,
    author: Author | None,
    *,
    reason: str,
) -> Run:
    known = runs.list_steps(tx, run_id=run.id)
    mission = missions.find_mission(tx, run_id=run.id)
    left_out = {hop.id for hop in mission.hops if hop.status is HopStatus.SKIPPED} if mission else set[str]()
    again = [s for s in known if s.status is not StepStatus.COMPLETED and s.hop_id not in left_out]
    if from_step is not None:
        start = next((s for s in known if from_step in (s.id, s.key)), None)
        if start is None:
            raise NotFound(f"The run has no step {from_step!r}.", steps=[s.key for s in known])
        again = [s for s in known if s.position >= start.position or s.status is not StepStatus.COMPLETED]
    for step in again:
        runs.change_step(tx, step, **_NOT_BEGUN)
    _ask_again(tx, run, min((s.started_at for s in again if s.started_at), default=None))
    lifecycle.move_mission(tx, run.id, MissionCommand.RETRY)
    _reopen_hops(tx, run, {step.hop_id for step in again if step.hop_id})
    attempt = run.attempt + 1
    queued = runs.change_run(
        tx,
        run,
        status=RunStatus.QUEUED,
        attempt=attempt,
        model=run.config.get("model"),  # the default of the server that begins the attempt, if it names none
        error=None,
        completed_at=None,
        config=_with_context(tx, run, additional_context, author),
    )
    sessions.set_fields(tx, run.session_id, current_run_id=run.id)
    tx.emit(
        run.session_id,
        WorkflowResumed(
            reason=reason,
            attempt=attempt,
            additional_context=additional_context,
            author=author if additional_context else None,
        ),
        run_id=run.id,
    )
    return queued


def _ask_again(tx: Tx, run: Run, since: datetime | None) -> None:
    for approval in approvals.put_away(tx, run.id, since, mark=str(run.attempt)):
        tx.emit(run.session_id, ApprovalResolved(approval_id=approval.id, status="cancelled"), run_id=run.id)


def _reopen_hops(tx: Tx, run: Run, hop_ids: set[str]) -> None:
    mission = missions.find_mission(tx, run_id=run.id)
    ended = [h for h in mission.hops if h.id in hop_ids and h.status in _ENDED_HOPS] if mission else []
    for hop in ended:
        missions.change_hop(tx, hop.id, status=HopStatus.READY, error=None)
    if mission is not None and ended:
        note_plan_in(tx, missions.get_mission(tx, mission.id))
    reopened = {hop.id for hop in ended}
    nodes = [node for node in dag_in(tx, run.session_id)["nodes"] if node["id"] in reopened]
    if nodes:
        tx.emit(run.session_id, DagUpdate(nodes=nodes, full=False), run_id=run.id)


def _with_context(
    tx: Tx, run: Run, additional_context: str | None, author: Author | None
) -> dict[str, object]:
    if not additional_context:
        return run.config
    added = added_to(run, additional_context)
    tx.append(run.session_id, message_event("user", additional_context, run_id=run.id, author=author))
    return {**run.config, "additional_context": added}
