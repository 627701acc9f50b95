"""The engine's life in one process: start, execute, recover, shut down.

DBOS keeps one engine per process, so there is one `EngineRuntime` at a time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID
from dbos import error as dbos_error

from perdure.agents.models import ModelCatalog
from perdure.agents.tools.box import ToolBox
from perdure.core.acting import SERVER, acting_as
from perdure.core.runs import ENDED_RUN_STATUSES, Run, RunStatus
from perdure.core.secrets import references
from perdure.engine.context import EngineContext
from perdure.engine.operations import Operations, RunCancelled, outside
from perdure.engine.purging import PurgedWorkflows
from perdure.engine.system import engine_database
from perdure.errors import NotFound, PerdureError, StaleWriter
from perdure.live.deltas import Deltas
from perdure.modes.contract import ModeConfig
from perdure.modes.registry import ModeRegistry
from perdure.redaction import redactor
from perdure.services.files import FileService
from perdure.services.open_runs import runs_in
from perdure.services.progress import RunProgress
from perdure.store import leases, runs, sessions
from perdure.store.store import Store
from perdure.store.transaction import Tx

_QUEUE = "runs"
_VERSION = "perdure-6"
"""Raised whenever runs carry out other operations than before, or in another order: a run that began under
another version goes on in a new attempt, from its last finished step."""
_POLL_S = 0.2
_DRAIN_S = 3
_RENEWALS = 4
"""How often a lease is renewed while it lasts."""
_REPAIRS = 3
"""How often one server lets a run go on whose end could not be written."""
_RUN_MODES_KEYS = ("additional_context",)

_ENDED = ("SUCCESS", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
_UNFINISHED = ("PENDING", "ENQUEUED", "CANCELLED")
_UNDER_WAY = (RunStatus.RUNNING, RunStatus.PAUSING, RunStatus.CANCELLING)

log = logging.getLogger("perdure.engine")


@dataclass
class EngineRuntime:
    """Executes runs as workflows; implements `services.ports.RunEngine`."""

    store: Store
    progress: RunProgress
    modes: ModeRegistry
    catalog: ModelCatalog
    files: FileService
    deltas: Deltas
    tools: ToolBox
    default_model: str
    server_id: str
    data_dir: Path | None
    max_parallel_runs: int = 64
    lease: timedelta = timedelta(seconds=20)
    """A server that has not renewed its lease for so long is taken for dead, and its runs are taken over."""
    _active: dict[str, Operations] = field(default_factory=dict[str, Operations])
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _waking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])
    _held: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])
    """What was to be executed while the server was stopping already."""
    _repairs: Counter[str] = field(default_factory=Counter[str])
    _engine: DBOS | None = None
    _started: bool = False

    def __post_init__(self) -> None:
        self._purged = PurgedWorkflows(self.store)

    async def start(self) -> None:
        """Launch the engine on the running loop; runs that were interrupted go on by themselves.

        Raises:
            StartupError: when the engine's database cannot be used.
        """
        _quiet_logs()
        database = engine_database(self.store.address, self.data_dir)
        config: DBOSConfig = {
            "name": "perdure",
            "system_database_url": database.url,
            "system_database_engine": database.engine,
            "executor_id": self.server_id if self.store.address.is_postgres else "local",
            "application_version": _VERSION,
            "serializer": DBOSPortableJSONSerializer(),
            "max_executor_threads": 16,
            "notification_listener_polling_interval_sec": _POLL_S,  # as long the end waits for it
            "log_level": "ERROR",
        }
        config.update(database.options)
        self._engine = DBOS(config=config)
        _current.runtime = self
        await self._renew_lease()
        DBOS.launch()
        await DBOS.register_queue_async(
            _QUEUE,
            partition_concurrency=1,
            worker_concurrency=self.max_parallel_runs,
            polling_interval_sec=_POLL_S,
        )
        self._started = True
        self._tasks.append(asyncio.create_task(self._keep_lease()))
        await self._repair()
        if self.store.address.is_postgres:
            await self._take_over()

    async def stop(self) -> None:
        """Let calls in flight come to their checkpoint for a few seconds, then leave the rest to recovery."""
        if not self._started:
            return
        async with self._waking:  # what is being handed over is handed over before the engine ends
            self._started = False
        self._stopping.set()
        await asyncio.to_thread(self._stop_taking)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        deadline = asyncio.get_running_loop().time() + _DRAIN_S
        while asyncio.get_running_loop().time() < deadline:
            if not any(operations.in_flight for operations in self._active.values()):
                break
            await asyncio.sleep(0.05)
        for operations in list(self._active.values()):
            operations.abort()
        await asyncio.sleep(0)
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)
        held = [task for operations in list(self._active.values()) for task in operations.held]
        held += self._held
        # The engine runs on its own loop what it takes while ours stands still, and has ended that by now.
        held = [task for task in held if task.get_loop() is asyncio.get_running_loop()]
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        # The engine lends the loop its own executor and takes it away again.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="perdure"))
        await self.store.write(lambda tx: leases.drop_lease(tx, self.server_id))

    def _stop_taking(self) -> None:
        """End the threads that take runs out of the queue: what they took last has its task by then."""
        assert self._engine is not None
        for event in self._engine.background_thread_stop_events:
            event.set()
        for thread in threading.enumerate():
            if thread.name.startswith("queue-worker-"):
                thread.join(_DRAIN_S)

    def state(self) -> dict[str, Any]:
        """Return what `/ready` says of the engine."""
        return {"ok": self._started, "kind": "dbos", "active_runs": len(self._active)}

    async def enqueue(self, run_id: str) -> None:
        """Execute a queued run, or go on with a parked one; nothing happens when it is executing.

        It raises nothing: what was committed stands, and a sweep enqueues what could not be.
        """
        if not self._started:
            return
        try:
            with acting_as(SERVER):
                await self._enqueue(run_id)
        except PerdureError as error:
            log.warning("run not enqueued, a sweep will: %s", error, extra={"run_id": run_id})
        except Exception:  # the engine's database: who asked has been given a run that is stored
            log.exception("run not enqueued, a sweep will", extra={"run_id": run_id})

    async def _enqueue(self, run_id: str) -> None:
        async with self._waking:
            if not self._started:
                return
            run = await self.store.read(lambda tx: runs.get_run(tx, run_id))
            if run.status is RunStatus.QUEUED:
                await outside(self._wake, run)

    async def abort(self, run_id: str) -> None:
        """Break off the call that is in flight for a run, if it executes here."""
        operations = self._active.get(run_id)
        if operations is not None:
            operations.abort()

    async def repair(self) -> int:
        """Let runs go on, from their last finished step, that nobody executes any more; returns how many.

        A run comes to that when its end could not be written, because storage was away. One to which it happens
        again and again is left as it is, so that it does not spend for ever.
        """
        if not self._started:
            return 0
        repaired = 0
        async for run in runs_in(self.store, _UNDER_WAY):
            if await self._is_nobodys(run):
                self._repairs[run.id] += 1
                if self._repairs[run.id] > _REPAIRS:
                    continue
                log.warning("run executed by nobody goes on", extra={"run_id": run.id})
                await self._wake(run)
                repaired += 1
        return repaired

    async def forget(self) -> int:
        """Remove checkpoints of sessions that were purged; returns of how many attempts."""
        return await self._purged.remove() if self._started else 0

    async def _is_nobodys(self, run: Run) -> bool:
        """Whether a run that is under way has no workflow that goes on, here or on another living server."""
        if run.id in self._active:
            return False
        alive = await self.store.read(lambda tx: leases.live_servers(tx, self.lease))
        if run.worker in alive - {self.server_id}:
            return False
        status = await DBOS.get_workflow_status_async(f"{run.id}:{run.attempt}")
        if status is not None and status.status not in (*_ENDED, "CANCELLED"):
            return False
        now = await self.store.read(lambda tx: runs.find_run(tx, run.id))
        return now == run and run.id not in self._active

    async def execute(self, run_id: str, workflow_id: str) -> None:
        """Carry a run out; called by the workflow, again after each crash, pause and answer."""
        if self._stopping.is_set():  # taken from the queue at the last moment: it is left as it is
            task = asyncio.current_task()
            assert task is not None
            self._held.add(task)
            await asyncio.Event().wait()
        run = await self.progress.begin(run_id, self.default_model)
        if run.status in ENDED_RUN_STATUSES:
            return
        operations = Operations(run, self.progress, workflow_id, self.enqueue, self._stopping)
        self._active[run_id] = operations
        try:
            await self._execute(run, operations)
        except StaleWriter:
            log.warning("run taken over by another worker", extra={"run_id": run_id})
        finally:
            if self._active.get(run_id) is operations:
                del self._active[run_id]

    async def _execute(self, run: Run, operations: Operations) -> None:
        context: EngineContext | None = None
        following: Run | None = None
        try:
            context = await self._context(run, operations)
            await context.know_secrets(references(run.config, self.modes.secret_keys(run.mode)))
            result = await self.modes.make(run.mode).run(context)
            await operations.boundary_before_end()
            following = await self.progress.finish(run, result)
        except RunCancelled:
            following = await self.progress.stopped(run)
        except StaleWriter:
            raise
        except PerdureError as error:
            await operations.hold_if_stopping()
            following = await self._fail(run, error.to_dict(), context)
        except Exception as error:
            await operations.hold_if_stopping()
            log.exception("run failed", extra={"run_id": run.id})
            following = await self._fail(
                run, {"code": "mode-error", "message": f"{type(error).__name__}: {error}"}, context
            )
        finally:
            if context is not None:
                await context.aclose()
        if following is not None:
            await outside(self.enqueue, following.id)

    async def _fail(self, run: Run, error: dict[str, Any], context: EngineContext | None) -> Run | None:
        if await self.progress.status(run.id) in (RunStatus.CANCELLING, RunStatus.CANCELLED):
            return await self.progress.stopped(run)
        return await self.progress.fail(run, redactor.value(error), context.failed_step if context else None)

    async def _context(self, run: Run, operations: Operations) -> EngineContext:
        _, session = await self.progress.current(run.id)
        spec = self.modes.get(run.mode)
        given = {k: v for k, v in run.config.items() if k not in _RUN_MODES_KEYS}
        config: ModeConfig = spec.config_model.model_validate(given)

        async def left() -> dict[str, Any]:
            inherited = run.attempt > 1 or run.parent_run_id is not None
            return {
                "steps": await self.progress.kept_steps(run.id) if inherited else {},
                "default_model": self.default_model,
            }

        found = await operations.durable("left-behind", left)

        return EngineContext(
            operations=operations,
            session=session,
            mode_config=config,
            catalog=self.catalog,
            # Another default after a restart is for the next attempt: a model's profile decides what is done.
            default_model=found.get("default_model") or self.default_model,
            workspace=self.files.workspace(session.id),
            deltas=self.deltas,
            box=self.tools,
            consents=spec.consents,
            kept=found["steps"],
        )

    async def _wake(self, run: Run) -> None:
        workflow_id = f"{run.id}:{run.attempt}"
        status = await DBOS.get_workflow_status_async(workflow_id)
        if status is None:
            with SetWorkflowID(workflow_id), SetEnqueueOptions(queue_partition_key=run.session_id):
                await DBOS.enqueue_workflow_async(_QUEUE, _run_workflow, run.id)
        elif status.status in _ENDED or (status.app_version != _VERSION and status.status in _UNFINISHED):
            await self._again(run)
        elif status.status == "CANCELLED":
            await DBOS.resume_workflow_async(workflow_id, queue_name=_QUEUE)

    async def _start_anew(self, workflow_id: str) -> None:
        run_id, attempt = workflow_id.rsplit(":", 1)
        try:
            run = await self.store.read(lambda tx: runs.get_run(tx, run_id))
        except NotFound:  # purged since
            run = None
        if run is None or run.attempt != int(attempt) or run.status in ENDED_RUN_STATUSES:
            await DBOS.cancel_workflow_async(workflow_id)
        else:
            await self._again(run)

    async def _again(self, run: Run) -> None:
        """Let a run go on in a new attempt: what it recorded cannot be replayed, its steps are kept."""
        await DBOS.cancel_workflow_async(f"{run.id}:{run.attempt}")

        def body(tx: Tx) -> Run | None:
            sessions.lock_session(tx, run.session_id)
            now = runs.get_run(tx, run.id, lock=True)
            if now.status in ENDED_RUN_STATUSES:
                return None
            if now.attempt != run.attempt:
                return now  # another server was faster
            return runs.change_run(tx, now, attempt=now.attempt + 1, model=now.config.get("model"))

        fresh = await self.store.write(body)
        if fresh is not None:
            await self._wake(fresh)

    async def _repair(self) -> None:
        """Give runs whose workflow is gone or ended a new one; those that DBOS recovers are left to it."""
        alive = await self.store.read(lambda tx: leases.live_servers(tx, self.lease))
        async for run in runs_in(self.store, (RunStatus.QUEUED, *_UNDER_WAY)):
            status = await DBOS.get_workflow_status_async(f"{run.id}:{run.attempt}")
            if status is None or status.status == "CANCELLED":
                await self._wake(run)
            elif status.status in _ENDED or (
                status.app_version != _VERSION and status.executor_id not in alive - {self.server_id}
            ):
                await self._again(run)

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(self.lease.total_seconds() / _RENEWALS)
            try:
                await self._renew_lease()
                if self.store.address.is_postgres:
                    await self._take_over()
            except PerdureError as error:
                log.warning("lease not renewed: %s", error)
            except Exception:  # whatever it is, a server that stops renewing loses its runs
                log.exception("lease not renewed")

    async def _renew_lease(self) -> None:
        host, pid = socket.gethostname(), os.getpid()
        await self.store.write(lambda tx: leases.renew_lease(tx, self.server_id, host, pid))

    async def _take_over(self) -> None:
        """Resume the runs of servers whose lease ran out; of the living, the oldest one does so."""
        alive = await self.store.read(lambda tx: leases.live_servers(tx, self.lease))
        if min(alive, default=self.server_id) != self.server_id:
            return
        pending = await DBOS.list_workflows_async(status="PENDING", load_input=False, load_output=False)
        # Again, after the list: a server that has joined since the first look may have taken something.
        alive = await self.store.read(lambda tx: leases.live_servers(tx, self.lease))
        for workflow in pending:
            if workflow.executor_id is None or workflow.executor_id in alive:
                continue
            if workflow.app_version == _VERSION:
                await DBOS.resume_workflow_async(workflow.workflow_id, queue_name=_QUEUE)
            else:
                await self._start_anew(workflow.workflow_id)


class _Current:
    runtime: EngineRuntime | None = None


_current = _Current()


@DBOS.workflow(name="perdure.run")
async def _run_workflow(run_id: str) -> None:
    runtime = _current.runtime
    workflow_id = DBOS.workflow_id
    assert runtime is not None
    assert workflow_id is not None
    with acting_as(SERVER):  # whoever asked for the run: it works with what the session holds
        await runtime.execute(run_id, workflow_id)


def _quiet_logs() -> None:
    """Keep what the engine logs about workflows that leave memory on purpose out of the log."""
    logging.getLogger("dbos").addFilter(_expected)


def _expected(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    cancelled = (
        dbos_error.DBOSWorkflowCancelledError,
        dbos_error.DBOSWorkflowConflictIDError,
        dbos_error.DBOSAwaitedWorkflowCancelledError,
    )
    return not isinstance(error, cancelled) and "cancelled" not in record.getMessage().lower()
