"""How a run ends, well or not, and what becomes of its mission and session; used inside transactions."""

from __future__ import annotations

from typing import Any

from perdure.core.events import WorkflowComplete, WorkflowFailed
from perdure.core.missions import MissionCommand
from perdure.core.runs import RUN_LIFECYCLE, Run, RunCommand, RunStatus, StepStatus
from perdure.core.sessions import SessionCommand, SessionStatus
from perdure.services import lifecycle
from perdure.services.ports import Limits, ModeCatalog
from perdure.services.starting import start_next_in
from perdure.store import runs, sessions, usage
from perdure.store.transaction import Tx


def complete_in(
    tx: Tx, run_id: str, result: dict[str, Any], modes: ModeCatalog, limits: Limits
) -> Run | None:
    """Complete the run, its mission and, in a one-task mode without waiting inputs, its session.

    Returns the next run when an input was waiting, else None.

    Raises:
        NotAllowedNow: when the run is not carried out now.
    """
    run = runs.get_run(tx, run_id)
    RUN_LIFECYCLE.decide(run.status, RunCommand.COMPLETE)
    lifecycle.cancel_questions(tx, run)  # of an attempt before, that went on under another version
    usage.tick(tx, run, stop=True)
    ended = runs.change_run(
        tx, run, status=RunStatus.COMPLETED, result=result, completed_at=tx.now, error=None
    )
    lifecycle.move_mission(tx, run.id, MissionCommand.COMPLETE)
    tx.emit(
        run.session_id,
        WorkflowComplete(result=result, totals=lifecycle.totals(ended), duration_ms=_duration_ms(ended)),
        run_id=run.id,
        dedupe=f"{run.id}:{run.attempt}:complete",
    )
    session = sessions.get_session(tx, run.session_id, lock=True)
    if session.status is SessionStatus.SUSPENDED:
        # The last step ended after the pause was asked for: there is nothing left to pause.
        session = lifecycle.move_session(tx, session, SessionCommand.RESUME, reason="run ended")
    lifecycle.note_activity(tx, session, limits)
    following = start_next_in(tx, run.session_id, limits)
    one_task = not modes.stays_active(run.mode)
    if following is None and one_task and session.status is SessionStatus.ACTIVE:
        lifecycle.move_session(tx, session, SessionCommand.COMPLETE, reason="run completed", expires_at=None)
    return following


def fail_in(
    tx: Tx, run_id: str, error: dict[str, Any], failed_step: str | None, modes: ModeCatalog, limits: Limits
) -> Run | None:
    """Fail the run, its mission and, in a one-task mode, its session: a conversation goes on.

    Returns the next run when it goes on and an input was waiting, else None.

    Raises:
        NotAllowedNow: when the run is not carried out now.
    """
    run = runs.get_run(tx, run_id)
    RUN_LIFECYCLE.decide(run.status, RunCommand.FAIL)
    usage.tick(tx, run, stop=True)
    runs.end_unfinished_steps(tx, run.id, StepStatus.CANCELLED)
    ended = runs.change_run(tx, run, status=RunStatus.FAILED, error=error, completed_at=tx.now)
    lifecycle.move_mission(tx, run.id, MissionCommand.FAIL)
    tx.emit(
        run.session_id,
        WorkflowFailed(
            error=error,
            failed_step=failed_step,
            resumable=modes.supports_resume(run.mode),
            totals=lifecycle.totals(ended),
        ),
        run_id=run.id,
        dedupe=f"{run.id}:{run.attempt}:failed",
    )
    session = sessions.get_session(tx, run.session_id, lock=True)
    if session.status is SessionStatus.SUSPENDED:
        session = lifecycle.move_session(tx, session, SessionCommand.RESUME, reason="run ended")
    if session.status is SessionStatus.ACTIVE and not modes.stays_active(run.mode):
        lifecycle.move_session(tx, session, SessionCommand.FAIL, reason=str(error.get("message", ""))[:500])
    return start_next_in(tx, run.session_id, limits)


def stop_in(tx: Tx, run_id: str, limits: Limits) -> Run | None:
    """Write the end of a cancelled run; the session is active again. Returns the next run, if one waited."""
    run = runs.get_run(tx, run_id)
    if run.status is not RunStatus.CANCELLING:
        return None
    usage.tick(tx, run, stop=True)
    lifecycle.end_cancelled(tx, run, None)
    session = sessions.get_session(tx, run.session_id, lock=True)
    if session.status is SessionStatus.SUSPENDED:
        session = lifecycle.move_session(tx, session, SessionCommand.RESUME, reason="run cancelled")
    lifecycle.note_activity(tx, session, limits)
    return start_next_in(tx, run.session_id, limits)


def _duration_ms(run: Run) -> int | None:
    if run.started_at is None or run.completed_at is None:
        return None
    return int((run.completed_at - run.started_at).total_seconds() * 1000)
