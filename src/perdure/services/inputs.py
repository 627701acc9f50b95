"""What becomes of an input while a run is live: turned away, a place in the queue, a word to the run, or its end."""

from __future__ import annotations

from typing import Any

from perdure.core.access import Actor
from perdure.core.messages import Author, author_of
from perdure.core.runs import Run, RunStatus
from perdure.core.sessions import OnBusy, Session, SessionCommand, SessionStatus
from perdure.errors import RunInProgress
from perdure.ids import new_id
from perdure.services import lifecycle
from perdure.services.bounds import added_to, queue_in
from perdure.services.conversation import message_event
from perdure.services.ports import Limits
from perdure.services.session_checks import on_busy_of
from perdure.services.starting import start_in
from perdure.services.views import StartResult, waiting_input
from perdure.store import runs
from perdure.store.transaction import Tx


def take_while_busy(
    tx: Tx,
    actor: Actor,
    session: Session,
    live: Run,
    content: str,
    config: dict[str, Any],
    task_id: str | None,
    on_busy: str | None,
    limits: Limits,
) -> StartResult:
    """Do with an input what `on_busy`, or else the session, says while a run is live.

    Raises:
        RunInProgress: when it is turned away.
    """
    match on_busy_of(session, on_busy):
        case OnBusy.REJECT:
            raise busy(session, live)
        case OnBusy.STEER if live.status is not RunStatus.CANCELLING:
            message_id = steer_in(tx, live, content, author_of(actor))
            return StartResult(run=live, message_id=message_id, steered=True)
        case OnBusy.INTERRUPT:
            if live.status is not RunStatus.CANCELLING:
                live = lifecycle.cancel_run(tx, live, actor.name)
            if live.status is RunStatus.CANCELLED:
                # Nothing was in flight: the input is the next run, at once.
                if session.status is SessionStatus.SUSPENDED:
                    session = lifecycle.move_session(
                        tx, session, SessionCommand.RESUME, reason="run cancelled"
                    )
                run, message_id = start_in(
                    tx,
                    session,
                    content,
                    config,
                    limits,
                    author=author_of(actor),
                    owner_id=actor.user_id,
                    task_id=task_id,
                )
                return StartResult(run=run, message_id=message_id, interrupted=live.id)
            return _enqueued(tx, actor, session, content, config, task_id, before=live)
        case OnBusy.ENQUEUE | OnBusy.STEER:  # a run that is being cancelled hears nothing any more
            return _enqueued(tx, actor, session, content, config, task_id)


def _enqueued(
    tx: Tx,
    actor: Actor,
    session: Session,
    content: str,
    config: dict[str, Any],
    task_id: str | None,
    before: Run | None = None,
) -> StartResult:
    """Let the input wait for its turn, or be next after a run that gives way to it."""
    item = queue_in(
        tx,
        session.id,
        first=before is not None,
        id=new_id(),
        content=content,
        config=config,
        task_id=task_id,
        created_by=actor.user_id,
    )
    tx.hint(session.owner_id, "session:updated", session.id)
    return StartResult(queue_item=waiting_input(tx, item), interrupted=before.id if before else None)


def steer_in(tx: Tx, run: Run, content: str, author: Author | None) -> str:
    """Hand a word to a live run, for its next step boundary; returns the message id."""
    message_id = new_id()
    added = added_to(run, content)
    said = message_event("user", content, message_id=message_id, run_id=run.id, author=author)
    tx.append(run.session_id, said)
    runs.change_run(tx, run, config={**run.config, "additional_context": added})
    return message_id


def audit_run(tx: Tx, actor: Actor, action: str, run: Run, **details: Any) -> None:
    """Write into the audit log what a person did to a run."""
    tx.audit(actor, action, "run", run.id, session_id=run.session_id, **details)


def audit_input(tx: Tx, actor: Actor, session: Session, text: str, result: StartResult) -> None:
    """Write into the audit log what became of an input: how long it was, not what it said."""
    told: dict[str, Any] = {"message_id": result.message_id, "chars": len(text)}
    if result.interrupted is not None:
        tx.audit(actor, "run.cancel", "run", result.interrupted, session_id=session.id)
    if result.queue_item is not None:
        item = str(result.queue_item["id"])
        tx.audit(actor, "queue.add", "queue_item", item, session_id=session.id, **told)
    elif result.run is not None:
        audit_run(tx, actor, "run.steer" if result.steered else "run.start", result.run, **told)


def busy(session: Session, run: Run | None = None) -> RunInProgress:
    """Return the error that turns an input away while a run is open."""
    return RunInProgress(
        "A run of this session is still open. Wait for it, pause or cancel it, or send `on_busy` "
        f"({', '.join(o for o in OnBusy if o is not OnBusy.REJECT)}).",
        session_id=session.id,
        run_id=run.id if run else None,
        status=str(session.status),
    )
