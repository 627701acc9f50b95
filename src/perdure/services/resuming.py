"""Going on with what was interrupted: a paused run from its boundary, a failed one from its step."""

from __future__ import annotations

from perdure.core.events import WorkflowResumed
from perdure.core.missions import MissionCommand
from perdure.core.runs import RUN_LIFECYCLE, Run, RunCommand, RunStatus, StepStatus
from perdure.core.sessions import Session, SessionCommand, SessionStatus
from perdure.errors import NotAllowedNow, NotFound
from perdure.services import lifecycle
from perdure.services.conversation import message_event
from perdure.services.ports import Limits
from perdure.store import runs, sessions
from perdure.store.transaction import Tx


def resume_in(
    tx: Tx,
    session: Session,
    limits: Limits,
    *,
    supports_resume: bool,
    additional_context: str | None,
    from_step: str | None,
) -> tuple[Session, Run | None]:
    """Make the session active and put its interrupted run back into the queue.

    Returns the run that goes on, or None when nothing was interrupted.

    Raises:
        NotAllowedNow: when the session cannot be resumed now, or failed in a mode that cannot go on.
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
    if run is None:
        latest = runs.find_latest_run(tx, session.id)
        if not failed or latest is None or latest.status is not RunStatus.FAILED:
            if additional_context:
                tx.append(session.id, message_event("user", additional_context))
            return changed, None
        return changed, retry_in(tx, latest, from_step, additional_context)
    return changed, continue_in(tx, run, additional_context)


def continue_in(tx: Tx, run: Run, additional_context: str | None = None) -> Run:
    """Take a pausing or paused run out of its pause; a run that is not paused is returned as it is."""
    row = RUN_LIFECYCLE.find(run.status, RunCommand.RESUME)
    if row is None or row.target is None:
        return run
    config = _with_context(tx, run, additional_context)
    resumed = runs.change_run(tx, run, status=row.target, config=config)
    tx.emit(
        run.session_id,
        WorkflowResumed(attempt=run.attempt, additional_context=additional_context),
        run_id=run.id,
    )
    return resumed


def retry_in(tx: Tx, run: Run, from_step: str | None, additional_context: str | None = None) -> Run:
    """Start a new attempt of a failed run; finished steps are kept, those from `from_step` on are not.

    Raises:
        NotAllowedNow: when the run has not failed.
        NotFound: when there is no such step.
    """
    RUN_LIFECYCLE.decide(run.status, RunCommand.RETRY)
    known = runs.list_steps(tx, run_id=run.id)
    again = [step for step in known if step.status is not StepStatus.COMPLETED]
    if from_step is not None:
        start = next((s for s in known if from_step in (s.id, s.key)), None)
        if start is None:
            raise NotFound(f"The run has no step {from_step!r}.", steps=[s.key for s in known])
        again = [s for s in known if s.position >= start.position or s.status is not StepStatus.COMPLETED]
    for step in again:
        runs.change_step(tx, step, status=StepStatus.PENDING, checkpoint=None, error=None)
    lifecycle.move_mission(tx, run.id, MissionCommand.RETRY)
    retried = runs.change_run(
        tx,
        run,
        status=RunStatus.QUEUED,
        attempt=run.attempt + 1,
        error=None,
        completed_at=None,
        config=_with_context(tx, run, additional_context),
    )
    sessions.set_fields(tx, run.session_id, current_run_id=run.id)
    tx.emit(
        run.session_id,
        WorkflowResumed(reason="retry", attempt=retried.attempt, additional_context=additional_context),
        run_id=run.id,
    )
    return retried


def _with_context(tx: Tx, run: Run, additional_context: str | None) -> dict[str, object]:
    if not additional_context:
        return run.config
    tx.append(run.session_id, message_event("user", additional_context, run_id=run.id))
    given = list(run.config.get("additional_context") or [])
    return {**run.config, "additional_context": [*given, additional_context]}
