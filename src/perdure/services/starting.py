"""Inputs become runs: the one that is given now, or the next one that waits."""

from __future__ import annotations

from typing import Any

from perdure.core.messages import Author
from perdure.core.runs import Run, RunStatus
from perdure.core.sessions import Session, SessionCommand, SessionStatus
from perdure.ids import new_id
from perdure.services import lifecycle
from perdure.services.conversation import message_event
from perdure.services.ports import Limits
from perdure.store import operations, runs, sessions
from perdure.store.transaction import Tx


def start_in(
    tx: Tx,
    session: Session,
    task: str,
    config: dict[str, Any],
    limits: Limits,
    *,
    author: Author | None,
    owner_id: str,
    task_id: str | None = None,
) -> tuple[Run, str]:
    """Insert the run with its first message and make the session active; returns run and message id.

    Raises:
        NotAllowedNow: when the session cannot take a new run now.
    """
    changed = lifecycle.move_session(
        tx,
        session,
        SessionCommand.START_RUN,
        reason="run started",
        last_active_at=tx.now,
        expires_at=lifecycle.expiry_of(limits, SessionStatus.ACTIVE, tx.now),
        warned_at=None,
    )
    run = Run(
        id=new_id(),
        session_id=changed.id,
        task_id=task_id,
        task=task,
        mode=session.mode,
        agent=config.get("agent"),
        model=config.get("model"),
        config=config,
        status=RunStatus.QUEUED,
        created_at=tx.now,
    )
    runs.insert_run(tx, run, owner_id)
    sessions.set_fields(tx, session.id, current_run_id=run.id)
    message_id = new_id()
    tx.append(session.id, message_event("user", task, message_id=message_id, run_id=run.id, author=author))
    tx.hint(session.owner_id, "message:received", session.id)
    return run, message_id


def start_next_in(tx: Tx, session_id: str, limits: Limits) -> Run | None:
    """Turn the first waiting input of an idle, active session into a run; None when there is none."""
    waiting = operations.list_queue(tx, session_id)
    if not waiting:
        return None
    session = sessions.get_session(tx, session_id, lock=True)
    if session.status is not SessionStatus.ACTIVE:
        return (
            None  # completed, suspended, failed: what waits stays visible until the session is active again
        )
    if runs.find_open_run(tx, session_id, lock=True) is not None:
        return None
    item = waiting[0]
    operations.delete_queue_item(tx, session_id, item["id"])
    # A task id that was taken while the input waited must not hold up the end of the run before it.
    task_id = item["task_id"]
    taken = task_id is not None and runs.find_run_by_task(tx, item["created_by"], task_id) is not None
    run, _ = start_in(
        tx,
        session,
        item["content"],
        {**session.config, **item["config"]},
        limits,
        author=operations.author_in(tx, operations.writer_of(item)),
        owner_id=item["created_by"],
        task_id=None if taken else task_id,
    )
    return run
