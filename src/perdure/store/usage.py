"""What runs have used so far: tokens, dollars, time of execution, steps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update

from perdure.core.limits import Usage
from perdure.core.runs import Run, StepStatus
from perdure.store.tables import runs, sessions, steps
from perdure.store.transaction import Tx


def of_run(tx: Tx, run_id: str) -> Usage:
    """Return what one run used."""
    return _usage(tx, runs.c.id == run_id, steps.c.run_id == run_id)


def of_session(tx: Tx, session_id: str) -> Usage:
    """Return what all runs of a session used together."""
    return _usage(tx, runs.c.session_id == session_id, steps.c.session_id == session_id)


def tick(tx: Tx, run: Run, *, stop: bool = False) -> None:
    """Add the time since the last tick to the run's execution; with `stop` the clock stands still after."""
    values: dict[str, Any] = {"active_since": None if stop else tx.now}
    if run.active_since is not None:
        values["active_ms"] = runs.c.active_ms + _ms(run.active_since, tx.now)
    tx.db.execute(update(runs).where(runs.c.id == run.id).values(**values))


def _usage(tx: Tx, of_runs: ColumnElement[bool], of_steps: ColumnElement[bool]) -> Usage:
    row = tx.db.execute(
        select(
            func.sum(runs.c.cost_usd_micros),
            func.sum(runs.c.input_tokens + runs.c.output_tokens),
            func.sum(runs.c.active_ms),
        ).where(of_runs)
    ).one()
    # Steps that began before their session was made came along with a fork: they were paid for elsewhere.
    begun = (
        select(func.count())
        .select_from(steps.join(sessions, sessions.c.id == steps.c.session_id))
        .where(of_steps, steps.c.status != StepStatus.PENDING, steps.c.started_at >= sessions.c.created_at)
    )
    return Usage(
        cost_usd=int(row[0] or 0) / 1_000_000,
        tokens=int(row[1] or 0),
        seconds=int(row[2] or 0) / 1000,
        steps=int(tx.db.execute(begun).scalar_one()),
    )


def _ms(since: datetime, now: datetime) -> int:
    return max(0, int((now - since).total_seconds() * 1000))
