"""Steps that were left out: a row and an event say so, as they do for those that ran."""

from __future__ import annotations

from perdure.core.events import StepSkipped
from perdure.core.hops import Hop
from perdure.core.runs import Run, Step, StepStatus
from perdure.ids import new_id
from perdure.store import runs
from perdure.store.transaction import Tx


def skip_in(tx: Tx, run: Run, hop: Hop) -> None:
    """Write that the step of a hop was left out; one that has ended, well or not, keeps how it ended."""
    key = f"step-{hop.position}"
    step = runs.find_step(tx, run.id, key)
    if step is None:
        step = Step(
            id=new_id(),
            run_id=run.id,
            session_id=run.session_id,
            key=key,
            position=runs.next_step_position(tx, run.id),
            phase="execution",
            name=hop.name,
            goal=hop.goal,
            agent=hop.agent,
            hop_id=hop.id,
            status=StepStatus.SKIPPED,
            attempt=run.attempt,
            completed_at=tx.now,
        )
        runs.insert_step(tx, step)
    elif step.status in (StepStatus.PENDING, StepStatus.RUNNING):
        runs.change_step(tx, step, status=StepStatus.SKIPPED, completed_at=tx.now)
    tx.emit(
        run.session_id,
        StepSkipped(step_id=step.id, key=key, step_number=hop.position, name=hop.name),
        run_id=run.id,
        step_id=step.id,
        dedupe=f"{run.id}:{run.attempt}:{key}:skipped",
    )
