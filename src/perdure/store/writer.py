"""The group writer: one thread, one connection, one commit for everything that is waiting.

A group forms while the commit before it is in flight, so a lone write waits for nobody. Each job's
result is delivered only after the commit that makes it durable.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy import exc as sa_exc

from perdure.core.clock import Clock
from perdure.errors import Conflict, PerdureError, StorageUnavailable
from perdure.store.appender import Batch
from perdure.store.crypto import Cipher
from perdure.store.transaction import ListHint, Tx

T = TypeVar("T")

_MAX_GROUP = 256
_MAX_WAITING = 10_000
_SAVEPOINT = "job"


class Job(Generic[T]):
    """A transaction body and the future of its result."""

    __slots__ = ("body", "future")

    def __init__(self, body: Callable[[Tx], T]) -> None:
        self.body = body
        self.future: Future[T] = Future()


class AppendJob:
    """An append, which the writer may merge with its neighbours."""

    __slots__ = ("batch", "future")

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.future: Future[list[int]] = Future()


_AnyJob = Job[Any] | AppendJob
_Outcome = tuple[Future[Any], Any, BaseException | None]


class GroupWriter:
    """Owns the writing connection and the thread that uses it."""

    def __init__(
        self,
        connection: Connection,
        postgres: bool,
        cipher: Cipher,
        clock: Clock,
        committed: Callable[[set[str], list[ListHint]], None],
        note_failure: Callable[[str | None], None],
    ) -> None:
        self._db = connection
        self._postgres = postgres
        self._cipher = cipher
        self._clock = clock
        self._committed = committed
        self._note_failure = note_failure
        self._jobs: queue.Queue[_AnyJob | None] = queue.Queue(_MAX_WAITING)
        self._thread = threading.Thread(target=self._loop, name="perdure-writer", daemon=True)
        self._closed = False
        self._turn = threading.Lock()

    def start(self) -> None:
        """Start taking jobs."""
        self._thread.start()

    def put(self, job: _AnyJob) -> None:
        """Queue a job.

        Raises:
            StorageUnavailable: when too many are waiting or the writer is closed.
        """
        if self._closed:
            raise StorageUnavailable("The store is closed.")
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise StorageUnavailable("Too many writes are waiting; try again in a moment.") from None

    def run_now(self, job: _AnyJob) -> Any:
        """Run a job on the calling thread, when it is this job's turn, and return its result.

        For callers without an event loop: nothing waits for a thread to wake up.
        """
        if self._closed:
            raise StorageUnavailable("The store is closed.")
        self._run_group([job])
        return job.future.result()

    def close(self) -> None:
        """Finish what is waiting, then end the thread and close the connection."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        self._thread.join()
        self._db.close()

    def _loop(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            group, last = self._take_group(job)
            self._run_group(group)
            if last:
                return

    def _take_group(self, first: _AnyJob) -> tuple[list[_AnyJob], bool]:
        group = [first]
        while len(group) < _MAX_GROUP:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return group, False
            if job is None:
                return group, True
            group.append(job)
        return group, False

    def _run_group(self, group: list[_AnyJob]) -> None:
        with self._turn:
            self._run_group_in_turn(group)

    def _run_group_in_turn(self, group: list[_AnyJob]) -> None:
        tx = Tx(self._db, self._postgres, self._clock(), self._cipher)
        outcomes: list[_Outcome] = []
        try:
            self._begin()
            index = 0
            while index < len(group):
                job = group[index]
                if isinstance(job, AppendJob):
                    end = index + 1
                    while end < len(group) and isinstance(group[end], AppendJob):
                        end += 1
                    outcomes += self._run_appends(tx, group[index:end])
                    index = end
                else:
                    outcomes.append(self._run_job(tx, job, len(group) > 1))
                    index += 1
            self._end("COMMIT")
        except Exception as error:  # any failure of the group's transaction fails every job in it
            self._abandon()
            failure = _storage_error(error)
            self._note_failure(failure.message)
            for job in group:
                job.future.set_exception(failure)
            return
        self._note_failure(None)
        self._committed(tx.grown, tx.hints)
        for future, result, error in outcomes:
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def _run_appends(self, tx: Tx, jobs: list[Any]) -> list[_Outcome]:
        results = tx.append_batches([job.batch for job in jobs])
        return [
            (job.future, None, result) if isinstance(result, PerdureError) else (job.future, result, None)
            for job, result in zip(jobs, results, strict=True)
        ]

    def _run_job(self, tx: Tx, job: Job[Any], shared: bool) -> _Outcome:
        grown, hints = set(tx.grown), len(tx.hints)
        self._db.exec_driver_sql(f"SAVEPOINT {_SAVEPOINT}")
        try:
            result = job.body(tx)
            self._db.exec_driver_sql(f"RELEASE {_SAVEPOINT}")
        except sa_exc.OperationalError:
            raise
        except BaseException as error:
            self._db.exec_driver_sql(f"ROLLBACK TO {_SAVEPOINT}")
            self._db.exec_driver_sql(f"RELEASE {_SAVEPOINT}")
            tx.grown.intersection_update(grown)
            del tx.hints[hints:]
            return job.future, None, _job_error(error)
        return job.future, result, None

    def _begin(self) -> None:
        if not self._postgres:
            self._db.exec_driver_sql("BEGIN IMMEDIATE")

    def _end(self, command: str) -> None:
        if self._postgres:
            self._db.commit() if command == "COMMIT" else self._db.rollback()
        else:
            self._db.exec_driver_sql(command)

    def _abandon(self) -> None:
        try:
            self._end("ROLLBACK")
        except sa_exc.SQLAlchemyError:
            # The connection is gone with its transaction; PostgreSQL gets a new one at the next use.
            if self._postgres:
                engine = self._db.engine
                self._db.invalidate()
                self._db.close()
                self._db = engine.connect()


def _job_error(error: BaseException) -> BaseException:
    if isinstance(error, sa_exc.IntegrityError):
        conflict = Conflict("Something with the same key exists already.")
        conflict.__cause__ = error
        return conflict
    return error


def _storage_error(error: Exception) -> PerdureError:
    cause = getattr(error, "orig", None) or error
    failure = StorageUnavailable(
        f"The database cannot be written now ({cause}); nothing was stored. Try again."
    )
    failure.__cause__ = error
    return failure
