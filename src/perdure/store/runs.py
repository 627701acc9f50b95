"""Queries of runs and their steps; every write of a worker names its fence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import func, select, update

from perdure.core.runs import OPEN_RUN_STATUSES, Run, RunStatus, Step, StepStatus
from perdure.errors import NotFound, StaleWriter
from perdure.store.rows import fetch_all, fetch_one, find_one, insert_row, locked, update_row
from perdure.store.shares import visible
from perdure.store.tables import runs, sessions, steps
from perdure.store.transaction import Tx


def insert_run(tx: Tx, run: Run, owner_id: str) -> None:
    """Insert a run.

    Raises:
        Conflict: when the session has an open run or the task id is taken.
    """
    insert_row(tx, runs, {**run.model_dump(), "owner_id": owner_id})


def get_run(tx: Tx, run_id: str, *, lock: bool = False) -> Run:
    """Return a run.

    Raises:
        NotFound: when there is none.
    """
    query = select(runs).where(runs.c.id == run_id)
    return fetch_one(tx, Run, locked(tx, query) if lock else query, "run")


def find_run(tx: Tx, run_id: str) -> Run | None:
    """Return a run or None."""
    return find_one(tx, Run, select(runs).where(runs.c.id == run_id))


def get_fenced_run(tx: Tx, run_id: str, fence: int) -> Run:
    """Return the run for its worker, locked.

    Raises:
        StaleWriter: when another worker has taken it over since.
    """
    run = get_run(tx, run_id, lock=True)
    if run.fence != fence:
        raise StaleWriter("Another worker has taken this run over.", run_id=run_id, fence=run.fence)
    return run


def change_run(tx: Tx, run: Run, **changes: Any) -> Run:
    """Write changes to a run and return it."""
    update_row(tx, runs, run.id, **changes)
    return run.model_copy(update=changes)


def find_open_run(tx: Tx, session_id: str, *, lock: bool = False) -> Run | None:
    """Return the session's open run or None."""
    query = select(runs).where(runs.c.session_id == session_id, runs.c.status.in_(OPEN_RUN_STATUSES))
    return find_one(tx, Run, locked(tx, query) if lock else query)


def find_latest_run(tx: Tx, session_id: str) -> Run | None:
    """Return the session's newest run or None."""
    query = select(runs).where(runs.c.session_id == session_id)
    return find_one(tx, Run, query.order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(1))


def find_run_by_task(tx: Tx, owner_id: str | None, task_id: str) -> Run | None:
    """Return the owner's run of that task id or None."""
    query = select(runs).where(runs.c.task_id == task_id)
    if owner_id is not None:
        query = query.where(runs.c.owner_id == owner_id)
    return find_one(tx, Run, query.limit(1))


def list_runs(tx: Tx, session_id: str, limit: int, offset: int) -> tuple[list[Run], int]:
    """Return runs newest first, and how many there are."""
    query = select(runs).where(runs.c.session_id == session_id)
    total = tx.db.execute(
        select(func.count()).select_from(runs).where(runs.c.session_id == session_id)
    ).scalar_one()
    page = query.order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit).offset(offset)
    return fetch_all(tx, Run, page), int(total)


def list_tasks(tx: Tx, session_id: str, run_ids: Collection[str], chars: int) -> dict[str, str]:
    """Return how the tasks of those runs of a session begin, by run."""
    query = select(runs.c.id, func.substr(runs.c.task, 1, chars)).where(runs.c.session_id == session_id)
    return {run_id: task for run_id, task in tx.db.execute(query) if run_id in run_ids}


def list_runs_in(tx: Tx, statuses: Sequence[RunStatus], *, after: str = "", limit: int = 500) -> list[Run]:
    """Return a page of the runs in any of the statuses, oldest first: those behind the id `after`."""
    query = select(runs).where(runs.c.status.in_(statuses), runs.c.id > after)
    return fetch_all(tx, Run, query.order_by(runs.c.id).limit(limit))


def find_shared_run_by_task(tx: Tx, person_id: str, task_id: str) -> Run | None:
    """Return the newest run of that task id in a session that the person may see, or None."""
    query = select(runs).join(sessions, sessions.c.id == runs.c.session_id)
    query = query.where(runs.c.task_id == task_id, visible(tx, person_id))
    return find_one(tx, Run, query.order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(1))


def count_open_runs(tx: Tx, person_id: str | None = None) -> dict[str, int]:
    """Return how many open runs there are in each status, of what a person may see or of everybody."""
    query = select(runs.c.status, func.count()).where(runs.c.status.in_(OPEN_RUN_STATUSES))
    if person_id is not None:
        query = query.join(sessions, sessions.c.id == runs.c.session_id).where(visible(tx, person_id))
    return {row[0]: row[1] for row in tx.db.execute(query.group_by(runs.c.status))}


def find_step(tx: Tx, run_id: str, key: str) -> Step | None:
    """Return the step of that key or None."""
    return find_one(tx, Step, select(steps).where(steps.c.run_id == run_id, steps.c.key == key))


def insert_step(tx: Tx, step: Step) -> None:
    """Insert a step."""
    insert_row(tx, steps, step.model_dump())


def change_step(tx: Tx, step: Step, **changes: Any) -> Step:
    """Write changes to a step and return it."""
    update_row(tx, steps, step.id, **changes)
    return step.model_copy(update=changes)


def list_steps(tx: Tx, *, session_id: str | None = None, run_id: str | None = None) -> list[Step]:
    """Return steps of a session or run in the order they were first reached."""
    query = select(steps)
    if session_id is not None:
        query = query.where(steps.c.session_id == session_id)
    if run_id is not None:
        query = query.where(steps.c.run_id == run_id)
    return fetch_all(tx, Step, query.order_by(steps.c.run_id, steps.c.position))


def next_step_position(tx: Tx, run_id: str) -> int:
    """Return the position for the run's next new step."""
    highest = tx.db.execute(select(func.max(steps.c.position)).where(steps.c.run_id == run_id)).scalar()
    return int(highest or 0) + 1


def end_unfinished_steps(tx: Tx, run_id: str, status: StepStatus) -> list[Step]:
    """Move running steps of an ended run to `status`; returns them."""
    query = select(steps).where(steps.c.run_id == run_id, steps.c.status == StepStatus.RUNNING)
    unfinished = fetch_all(tx, Step, query)
    if unfinished:
        tx.db.execute(
            update(steps)
            .where(steps.c.run_id == run_id, steps.c.status == StepStatus.RUNNING)
            .values(status=status, completed_at=tx.now)
        )
    return unfinished


def get_step(tx: Tx, step_id: str) -> Step:
    """Return a step.

    Raises:
        NotFound: when there is none.
    """
    found = find_one(tx, Step, select(steps).where(steps.c.id == step_id))
    if found is None:
        raise NotFound("There is no such step.", step_id=step_id)
    return found
