"""The worker's side of a run: every write names the run's fence, and each event of a step exists once.

What happens twice after a crash or takeover writes once: boundary events are keyed by run, attempt and
step, calls by their id. A worker that lost its run gets `StaleWriter` from every method.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from perdure.core.approvals import Approval, ApprovalStatus
from perdure.core.clock import wire_time
from perdure.core.costs import CostRecord
from perdure.core.events import (
    ApprovalRequest,
    CostUpdate,
    NewEvent,
    PhaseChange,
    StepCompleted,
    StepFailed,
    StepStarted,
    WorkflowResumed,
    WorkflowStarted,
)
from perdure.core.runs import ENDED_RUN_STATUSES, Run, RunStatus, Step, StepStatus
from perdure.core.sessions import Session
from perdure.ids import new_id
from perdure.services import budgets, ending, lifecycle
from perdure.services.files import record_file_in
from perdure.services.ports import Limits, ModeCatalog
from perdure.store import approvals, costs, runs, sessions, usage
from perdure.store.store import Store
from perdure.store.transaction import Tx
from perdure.store.workspace import FileInfo

T = TypeVar("T")


class RunProgress:
    """Writes what a worker does, for any run it has begun."""

    def __init__(self, store: Store, modes: ModeCatalog, limits: Limits, worker: str) -> None:
        self._store = store
        self._modes = modes
        self._limits = limits
        self._worker = worker

    async def begin(self, run_id: str, default_model: str | None = None) -> Run:
        """Take the run: raise its fence and return it as it is now.

        A queued or waiting run becomes running; a pausing, paused, cancelling or ended one keeps its
        status, and the worker acts on that.
        """

        def body(tx: Tx) -> Run:
            sessions.lock_session(tx, runs.get_run(tx, run_id).session_id)
            run = runs.get_run(tx, run_id, lock=True)
            if run.status in ENDED_RUN_STATUSES:
                return run
            recovered = run.status is RunStatus.RUNNING
            status = (
                RunStatus.RUNNING
                if run.status in (RunStatus.QUEUED, RunStatus.WAITING, RunStatus.RUNNING)
                else run.status
            )
            taken = runs.change_run(
                tx,
                run,
                status=status,
                fence=run.fence + 1,
                worker=self._worker,
                model=run.model or run.config.get("default_model") or default_model,
                started_at=run.started_at or tx.now,
                active_since=tx.now,
            )
            tx.emit(
                run.session_id,
                WorkflowStarted(
                    task=run.task,
                    mode=run.mode,
                    agent=run.agent,
                    model=taken.model,
                    attempt=run.attempt,
                    task_id=run.task_id,
                ),
                run_id=run.id,
                dedupe=f"{run.id}:started",
            )
            if recovered:
                tx.emit(
                    run.session_id,
                    WorkflowResumed(reason="recovered after a restart", attempt=run.attempt),
                    run_id=run.id,
                )
            return taken

        return await self._store.write(body)

    async def status(self, run_id: str) -> RunStatus:
        """Return the run's status as it is now: what a boundary looks at."""
        return (await self._store.read(lambda tx: runs.get_run(tx, run_id))).status

    async def current(self, run_id: str) -> tuple[Run, Session]:
        """Return the run and its session as they are now."""

        def body(tx: Tx) -> tuple[Run, Session]:
            run = runs.get_run(tx, run_id)
            return run, sessions.get_session(tx, run.session_id)

        return await self._store.read(body)

    async def read(self, body: Callable[[Tx], T]) -> T:
        """Read what a run needs to know, in one transaction."""
        return await self._store.read(body)

    async def begin_again(self, run: Run) -> None:
        """Write that a run, resumed after this worker had begun it, is running: the worker just goes on."""

        def body(tx: Tx) -> None:
            now = runs.get_run(tx, run.id)
            if now.status is RunStatus.QUEUED:
                runs.change_run(tx, now, status=RunStatus.RUNNING, active_since=tx.now)

        await self._fenced(run, body)

    async def park(self, run: Run) -> RunStatus:
        """Write that a pausing run has stopped; returns the status, which another command may have changed."""

        def body(tx: Tx) -> RunStatus:
            sessions.lock_session(tx, run.session_id)
            now = runs.get_fenced_run(tx, run.id, run.fence)
            if now.status is not RunStatus.PAUSING:
                return now.status
            return lifecycle.park_run(tx, now).status

        return await self._store.write(body)

    async def kept_steps(self, run_id: str) -> dict[str, Any]:
        """Return the checkpoints that earlier attempts (or the run this was forked from) left, by key."""

        def body(tx: Tx) -> dict[str, Any]:
            done = runs.list_steps(tx, run_id=run_id)
            return {s.key: s.checkpoint for s in done if s.status is StepStatus.COMPLETED}

        return await self._store.read(body)

    async def enter_phase(self, run: Run, phase: str, number: int | None, key: str) -> None:
        """Note the phase on the session and log it once per attempt and key."""

        def change(tx: Tx) -> None:
            session = sessions.get_session(tx, run.session_id, lock=True)
            written = tx.emit(
                run.session_id,
                PhaseChange(phase=phase, step_number=number, version=session.version + 1),
                run_id=run.id,
                dedupe=f"{run.id}:{run.attempt}:phase:{key}",
            )
            if written:
                sessions.change_session(
                    tx,
                    session,
                    current_phase=phase,
                    current_step=number,
                    last_active_at=tx.now,
                    expires_at=lifecycle.expiry_of(self._limits, session.status, tx.now),
                )

        await self._fenced(run, change)

    async def begin_step(
        self,
        run: Run,
        key: str,
        *,
        phase: str,
        name: str,
        goal: str | None,
        agent: str | None,
        hop_id: str | None,
        number: int | None,
        repeated: bool = False,
    ) -> Step:
        """Write that a step has begun, once per attempt; a step that is finished already is returned as it is.

        So is one that failed in this attempt, which a replay meets again, unless its mode has just `repeated` it.
        """

        def change(tx: Tx) -> Step:
            step = runs.find_step(tx, run.id, key)
            if step is not None and step.status is StepStatus.COMPLETED:
                return step
            failed = step is not None and step.status is StepStatus.FAILED and step.attempt == run.attempt
            if step is not None and failed and not repeated:
                return step
            if step is None:
                step = Step(
                    id=new_id(),
                    run_id=run.id,
                    session_id=run.session_id,
                    key=key,
                    position=runs.next_step_position(tx, run.id),
                    phase=phase,
                    name=name,
                    goal=goal,
                    agent=agent,
                    hop_id=hop_id,
                    status=StepStatus.RUNNING,
                    attempt=run.attempt,
                    started_at=tx.now,
                )
                runs.insert_step(tx, step)
            elif step.status is not StepStatus.RUNNING or step.attempt != run.attempt:
                step = runs.change_step(
                    tx,
                    step,
                    status=StepStatus.RUNNING,
                    attempt=run.attempt,
                    hop_id=hop_id,
                    name=name,
                    goal=goal,
                    error=None,
                    started_at=tx.now,
                )
            tx.emit(
                run.session_id,
                StepStarted(
                    step_id=step.id,
                    key=key,
                    step_number=number,
                    name=name,
                    goal=goal,
                    agent=agent,
                    attempt=run.attempt,
                ),
                run_id=run.id,
                step_id=step.id,
                dedupe=f"{run.id}:{run.attempt}:{key}:started",
            )
            return step

        return await self._fenced(run, change)

    async def complete_step(
        self, run: Run, step: Step, *, checkpoint: Any, summary: str | None, number: int | None
    ) -> None:
        """Store a step's checkpoint; from now on it is never executed again."""

        def change(tx: Tx) -> None:
            now = runs.get_step(tx, step.id)
            if now.status is StepStatus.COMPLETED:
                return
            runs.change_step(
                tx,
                now,
                status=StepStatus.COMPLETED,
                checkpoint=checkpoint,
                summary=summary,
                completed_at=tx.now,
            )
            started = now.started_at or tx.now
            tx.emit(
                run.session_id,
                StepCompleted(
                    step_id=step.id,
                    key=step.key,
                    step_number=number,
                    name=step.name,
                    summary=summary,
                    duration_ms=int((tx.now - started).total_seconds() * 1000),
                    attempt=run.attempt,
                ),
                run_id=run.id,
                step_id=step.id,
                dedupe=f"{run.id}:{run.attempt}:{step.key}:completed",
            )

        await self._fenced(run, change)

    async def fail_step(self, run: Run, step: Step, error: dict[str, Any], number: int | None) -> None:
        """Write that a step used up its attempts; only this step is failed."""

        def change(tx: Tx) -> None:
            now = runs.get_step(tx, step.id)
            if now.status is StepStatus.FAILED and now.attempt == run.attempt:
                return
            runs.change_step(tx, now, status=StepStatus.FAILED, error=error, completed_at=tx.now)
            tx.emit(
                run.session_id,
                StepFailed(
                    step_id=step.id,
                    key=step.key,
                    step_number=number,
                    name=step.name,
                    error=error,
                    attempt=run.attempt,
                ),
                run_id=run.id,
                step_id=step.id,
                dedupe=f"{run.id}:{run.attempt}:{step.key}:failed",
            )

        await self._fenced(run, change)

    async def open_call(self, run: Run, record: CostRecord) -> None:
        """Enter a model call in the ledger before it is made."""
        await self._fenced(run, lambda tx: costs.open_call(tx, record))

    async def finish_call(self, run: Run, record: CostRecord, events: list[NewEvent]) -> None:
        """Enter the usage of a call that was made, and log what came of it; repeated, it writes nothing."""

        def change(tx: Tx) -> None:
            if costs.finish_call(tx, record):
                tx.emit(
                    run.session_id,
                    CostUpdate(
                        call_id=record.call_id,
                        agent=record.agent,
                        model=record.model,
                        provider=record.provider,
                        input_tokens=record.input_tokens,
                        output_tokens=record.output_tokens,
                        cached_tokens=record.cached_tokens,
                        cost_usd=None if record.cost_usd_micros is None else record.cost_usd_micros / 1e6,
                        price_version=record.price_version,
                        duration_ms=record.duration_ms,
                        run_totals=lifecycle.totals(runs.get_run(tx, run.id)),
                    ),
                    run_id=run.id,
                    step_id=record.step_id,
                    dedupe=f"{record.call_id}:cost",
                )
                if record.cost_usd_micros is None:
                    budgets.warn_of_unpriced_in(tx, runs.get_run(tx, run.id), record.model)
                budgets.note_in(tx, run.id)
            if events:
                tx.append(run.session_id, *events)

        await self._fenced(run, change)

    async def log(self, run: Run, *events: NewEvent) -> None:
        """Append events; those with a known `dedupe` key are left out."""
        await self._fenced(run, lambda tx: tx.append(run.session_id, *events))

    async def file_written(
        self, run: Run, info: FileInfo, *, role: str, step_id: str | None, hop_id: str | None = None
    ) -> None:
        """Note a file the run wrote; with a hop it becomes an asset of that hop."""
        await self._fenced(
            run,
            lambda tx: record_file_in(
                tx, run.session_id, info, role=role, run_id=run.id, step_id=step_id, hop_id=hop_id
            ),
        )

    async def ask(self, run: Run, approval: Approval) -> Approval:
        """Ask a question once and let the run wait for it; returns it as it is now.

        Asked again with the same key, the stored question comes back, answered or not. A run that waits
        holds nothing: the worker parks next. One that was to pause has paused by then, and one that is being
        cancelled asks nothing: the question comes back cancelled.
        """

        def change(tx: Tx) -> Approval:
            now = runs.get_run(tx, run.id)
            if now.status is RunStatus.CANCELLING:
                return approval.model_copy(update={"status": ApprovalStatus.CANCELLED})
            stored = approvals.find_approval(tx, run.id, approval.key)
            if stored is None:
                stored = approval.model_copy(
                    update={
                        "created_at": tx.now,
                        "deadline": approval.deadline or tx.now + self._limits.approval_deadline,
                    }
                )
                approvals.insert_approval(tx, stored)
                tx.emit(
                    run.session_id,
                    ApprovalRequest(
                        approval_id=stored.id,
                        request_type=stored.request_type,
                        title=stored.title,
                        request_data=stored.request_data,
                        options=stored.options,
                        answer_schema=stored.answer_schema,
                        deadline=wire_time(stored.deadline) if stored.deadline else None,
                        on_expiry=stored.on_expiry,
                    ),
                    run_id=run.id,
                    step_id=stored.step_id,
                    dedupe=f"{stored.id}:asked",
                )
                session = sessions.get_session(tx, run.session_id)
                tx.hint(session.owner_id, "session:updated", session.id)
            if stored.status is ApprovalStatus.PENDING:
                if now.status is RunStatus.RUNNING:
                    runs.change_run(tx, now, status=RunStatus.WAITING)
                    usage.tick(tx, now, stop=True)
                elif now.status is RunStatus.PAUSING:
                    lifecycle.park_run(tx, now)
            return stored

        return await self._fenced(run, change)

    async def finish(self, run: Run, result: dict[str, Any]) -> Run | None:
        """Complete the run, its mission and, in a one-task mode without waiting inputs, its session.

        Returns the next run when an input was waiting, else None.
        """
        return await self._fenced(
            run, lambda tx: ending.complete_in(tx, run.id, result, self._modes, self._limits)
        )

    async def fail(self, run: Run, error: dict[str, Any], failed_step: str | None) -> Run | None:
        """Fail the run, its mission and, in a one-task mode, its session: a conversation goes on.

        Returns the next run when it goes on and an input was waiting, else None.
        """
        return await self._fenced(
            run, lambda tx: ending.fail_in(tx, run.id, error, failed_step, self._modes, self._limits)
        )

    async def stopped(self, run: Run) -> Run | None:
        """Write the end of a cancelled run; the session is active again. Returns the next run, if one waited."""
        return await self._fenced(run, lambda tx: ending.stop_in(tx, run.id, self._limits))

    async def write(self, run: Run, body: Callable[[Tx], T]) -> T:
        """Write for the run in one fenced transaction: plans, effects, tool steps, variables.

        Raises:
            StaleWriter: when another worker has taken the run over; nothing is written then.
        """
        return await self._fenced(run, body)

    async def _fenced(self, run: Run, body: Callable[[Tx], T]) -> T:
        def guarded(tx: Tx) -> T:
            sessions.lock_session(tx, run.session_id)
            runs.get_fenced_run(tx, run.id, run.fence)
            return body(tx)

        return await self._store.write(guarded)
