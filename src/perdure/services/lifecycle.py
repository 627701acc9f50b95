"""Moving a session or run along its lifecycle, with the events that say so; used inside transactions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from perdure.core.clock import wire_time
from perdure.core.events import (
    ApprovalResolved,
    SessionUpdate,
    Totals,
    WorkflowCancelled,
    WorkflowPaused,
)
from perdure.core.missions import MISSION_LIFECYCLE, Mission, MissionCommand
from perdure.core.runs import RUN_LIFECYCLE, Run, RunCommand, RunStatus, StepStatus
from perdure.core.sessions import SESSION_LIFECYCLE, Session, SessionCommand, SessionStatus
from perdure.services.mission_moves import move_mission_in
from perdure.services.plan_log import log_plan_in, note_plan_in
from perdure.services.ports import Limits
from perdure.store import approvals, missions, runs, sessions, usage
from perdure.store.transaction import Tx


def move_session(
    tx: Tx, session: Session, command: SessionCommand, *, reason: str | None = None, **changes: Any
) -> Session:
    """Apply a command of the session lifecycle and log it.

    Raises:
        NotAllowedNow: when the lifecycle does not allow it now.
        StaleVersion: when somebody else changed the session meanwhile.
    """
    row = SESSION_LIFECYCLE.decide(session.status, command)
    target = row.target or session.status_before or SessionStatus.SUSPENDED
    if target is session.status and not changes:
        return session
    changed = sessions.change_session(tx, session, status=target, status_reason=reason, **changes)
    tx.emit(session.id, session_update(changed, reason))
    return changed


def session_update(session: Session, reason: str | None = None) -> SessionUpdate:
    """Return the payload that tells readers how the session is now."""
    return SessionUpdate(
        status=session.status,
        name=session.name,
        version=session.version,
        reason=reason,
        expires_at=wire_time(session.expires_at) if session.expires_at else None,
    )


def expiry_of(limits: Limits, status: SessionStatus, now: datetime) -> datetime | None:
    """Return when a session that was active just now expires; None is never."""
    if status is SessionStatus.ACTIVE:
        return now + limits.session_ttl
    if status is SessionStatus.SUSPENDED and limits.suspended_ttl is not None:
        return now + limits.suspended_ttl
    if status is SessionStatus.EXPIRED:
        return now  # it stays expired, and the time to its archiving starts anew
    return None


def note_activity(tx: Tx, session: Session, limits: Limits) -> None:
    """Let the session's idle time start now; the version stays."""
    sessions.touch_session(tx, session.id, expiry_of(limits, session.status, tx.now))


def pause_run(tx: Tx, run: Run, reason: str) -> Run:
    """Ask a run to stop at its next boundary, or stop it at once when nothing is in flight.

    A run that is pausing, paused or on its way to be cancelled is returned as it is.
    """
    row = RUN_LIFECYCLE.find(run.status, RunCommand.PAUSE)
    if row is None or row.target is None:
        return run
    changed = runs.change_run(tx, run, status=row.target)
    if row.target is RunStatus.PAUSED:
        tx.emit(run.session_id, WorkflowPaused(reason=reason), run_id=run.id)
    return changed


def park_run(tx: Tx, run: Run) -> Run:
    """Write that a pausing run has come to its stop."""
    parked = runs.change_run(tx, run, status=RunStatus.PAUSED)
    usage.tick(tx, run, stop=True)
    tx.emit(run.session_id, WorkflowPaused(reason="requested"), run_id=run.id)
    return parked


def cancel_run(tx: Tx, run: Run, by: str | None) -> Run:
    """Cancel a run: at once when nothing is in flight, else at the abort of the call in flight.

    Raises:
        NotAllowedNow: when the run has ended.
    """
    row = RUN_LIFECYCLE.decide(run.status, RunCommand.CANCEL)
    if row.target is RunStatus.CANCELLED:
        return end_cancelled(tx, run, by)
    return runs.change_run(tx, run, status=RunStatus.CANCELLING)


def cancel_questions(tx: Tx, run: Run) -> None:
    """Take back what a run asks and nobody has to answer any more."""
    for approval in approvals.cancel_pending(tx, run.id):
        tx.emit(run.session_id, ApprovalResolved(approval_id=approval.id, status="cancelled"), run_id=run.id)


def end_cancelled(tx: Tx, run: Run, by: str | None) -> Run:
    """Write the end of a cancelled run: its questions, steps and mission go with it."""
    cancel_questions(tx, run)
    runs.end_unfinished_steps(tx, run.id, StepStatus.CANCELLED)
    mission = move_mission(tx, run.id, MissionCommand.CANCEL)
    ended = runs.change_run(tx, run, status=RunStatus.CANCELLED, completed_at=tx.now)
    if mission is not None:
        log_plan_in(tx, mission, "cancelled")
    tx.emit(run.session_id, WorkflowCancelled(by=by, totals=totals(ended)), run_id=run.id)
    return ended


def move_mission(tx: Tx, run_id: str, command: MissionCommand) -> Mission | None:
    """Apply a command to the run's mission and everything under it; None when it does not apply now."""
    mission = missions.find_mission(tx, run_id=run_id)
    if mission is None or MISSION_LIFECYCLE.find(mission.status, command) is None:
        return None
    moved = move_mission_in(tx, mission, command)
    note_plan_in(tx, moved)
    return moved


def totals(run: Run) -> Totals:
    """Return what a run has used, as events carry it."""
    return Totals(
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        cost_usd=run.cost_usd_micros / 1_000_000,
        unpriced_calls=run.unpriced_calls,
    )
