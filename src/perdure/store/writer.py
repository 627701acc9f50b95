"""The group writer: one thread, one connection, one commit for everything that is waiting.

A group forms while the commit before it is in flight, so a lone write waits for nobody. Each job's
result is delivered only after the commit that makes it durable. When a group fails through one of its
jobs, its transaction is gone, and each job is carried out by itself.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection

from perdure.core.clock import Clock
from perdure.errors import StorageUnavailable
from perdure.store import row_security
from perdure.store.appender import append_batches
from perdure.store.batch import Batch
from perdure.store.crypto import Cipher
from perdure.store.failures import DRIVER_ERRORS, concerns_all, failure_of, is_deadlock, may_be_of_one
from perdure.store.replies import Reply
from perdure.store.transaction import ListHint, Tx

T = TypeVar("T")

_MAX_GROUP = 256
_MAX_WAITING = 10_000
_ATTEMPTS = 5
"""How often a group is tried that PostgreSQL wants again; then each of its jobs is a group of its own."""
_SAVEPOINT = "job"


class Job(Generic[T]):
    """A transaction body and the future of its result."""

    __slots__ = ("body", "future")

    def __init__(self, body: Callable[[Tx], T], reply: Reply | None = None) -> None:
        self.body = body
        self.future: Reply = reply or Future[T]()


class AppendJob:
    """An append, which the writer may merge with its neighbours."""

    __slots__ = ("batch", "future", "whose")

    def __init__(self, batch: Batch, reply: Reply | None = None, whose: str | None = None) -> None:
        self.batch = batch
        self.future: Reply = reply or Future[list[int]]()
        self.whose = whose
        """For whom it is done, where the database checks rows; None where it does not."""

    @staticmethod
    def kind(job: object) -> tuple[bool, str | None]:
        """Whether a job is an append, and for whom: neighbours that agree are merged."""
        return (True, job.whose) if isinstance(job, AppendJob) else (False, None)


_AnyJob = Job[Any] | AppendJob
_Outcome = tuple[Reply, Any, BaseException | None]


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
        self._driver: Any = connection.connection.driver_connection
        self._cursor: Any = self._driver.cursor()
        self._postgres = postgres
        self._cipher = cipher
        self._clock = clock
        self._committed = committed
        self._note_failure = note_failure
        self._jobs: queue.SimpleQueue[_AnyJob | None] = queue.SimpleQueue()
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
        if self._jobs.qsize() >= _MAX_WAITING:
            raise StorageUnavailable("Too many writes are waiting; try again in a moment.")
        self._jobs.put(job)

    def run_now(self, job: _AnyJob) -> None:
        """Run a job on the calling thread, when it is this job's turn; its reply holds the result then.

        For callers without an event loop: nothing waits for a thread to wake up.
        """
        if self._closed:
            raise StorageUnavailable("The store is closed.")
        self._run_group([job])

    def close(self) -> None:
        """Finish what is waiting, then end the thread and close the connection."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        self._thread.join()
        while not self._jobs.empty():
            late = self._jobs.get_nowait()
            if late is not None and late.future.set_running_or_notify_cancel():
                late.future.set_exception(StorageUnavailable("The store is closed."))
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
        # From here on a job cannot be cancelled; one whose caller has given up is not begun.
        wanted = [job for job in group if job.future.set_running_or_notify_cancel()]
        if wanted:
            with self._turn:
                self._run_group_in_turn(wanted)

    def _run_group_in_turn(self, group: list[_AnyJob]) -> None:
        attempts = 0
        while True:
            try:
                self._commit(group)
            except Exception as error:  # noqa: BLE001 - any failure of the transaction is one of every job in it
                self._abandon()
                attempts += 1
                if is_deadlock(error) and attempts < _ATTEMPTS:
                    continue
                failure = error
                break
            return
        if len(group) > 1 and may_be_of_one(failure):
            for job in group:
                self._run_group_in_turn([job])
            return
        if isinstance(failure, DRIVER_ERRORS):
            failure = failure_of(failure)
            self._note_failure(failure.message)
        for job in group:
            job.future.set_exception(failure)

    def _commit(self, group: list[_AnyJob]) -> None:
        """Carry out all jobs in one transaction, and deliver what came of each once it has committed."""
        grown: set[str] = set()
        hints: list[ListHint] = []
        # On PostgreSQL appends without dedupe keys are one statement, which commits by itself.
        alone = self._postgres and all(
            isinstance(job, AppendJob) and not job.batch.keys and job.whose is None for job in group
        )
        if self._db.closed:
            self._connect()
        if not alone:
            self._driver.execute("BEGIN" if self._postgres else "BEGIN IMMEDIATE")
        now = self._clock()
        outcomes: list[_Outcome] = []
        for (appending, whose), jobs in itertools.groupby(group, AppendJob.kind):
            if whose is not None:
                outcomes += self._run_appends_as(whose, list(jobs), now, grown)
                continue
            if appending:
                outcomes += self._run_appends(list(jobs), now, grown)
                continue
            tx = Tx(self._db, self._postgres, now, self._cipher, grown, hints)
            for job in jobs:
                outcomes.append(self._run_job(tx, cast("Job[Any]", job)))
        if not alone:
            self._driver.execute("COMMIT")
        self._note_failure(None)
        self._committed(grown, hints)
        for future, result, error in outcomes:
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def _run_appends(self, jobs: list[Any], now: datetime, grown: set[str]) -> list[_Outcome]:
        results = append_batches(self._cursor, self._postgres, [job.batch for job in jobs], now)
        outcomes: list[_Outcome] = []
        for job, result in zip(jobs, results, strict=True):
            if isinstance(result, list):
                grown.add(job.batch.session_id)
                outcomes.append((job.future, result, None))
            else:
                outcomes.append((job.future, None, result))
        return outcomes

    def _run_appends_as(self, whose: str, jobs: list[Any], now: datetime, grown: set[str]) -> list[_Outcome]:
        """Append for one user; what the database refuses them fails alone."""
        outcomes: list[_Outcome]
        self._driver.execute(f"SAVEPOINT {_SAVEPOINT}; {row_security.name(whose)}", prepare=False)
        try:
            outcomes = self._run_appends(jobs, now, grown)
        except DRIVER_ERRORS as error:
            if concerns_all(error):
                raise
            self._driver.execute(f"ROLLBACK TO {_SAVEPOINT}")
            failure = failure_of(error)
            outcomes = [(job.future, None, failure) for job in jobs]
        self._driver.execute(f"RELEASE {_SAVEPOINT}")
        return outcomes

    def _run_job(self, tx: Tx, job: Job[Any]) -> _Outcome:
        grown, hints = set(tx.grown), len(tx.hints)
        self._driver.execute(f"SAVEPOINT {_SAVEPOINT}")
        try:
            result = job.body(tx)
            tx.seal()
            self._driver.execute(f"RELEASE {_SAVEPOINT}")
        except BaseException as error:
            if concerns_all(error):
                raise
            self._driver.execute(f"ROLLBACK TO {_SAVEPOINT}")
            self._driver.execute(f"RELEASE {_SAVEPOINT}")
            tx.grown.intersection_update(grown)
            del tx.hints[hints:]
            tx.acts.clear()
            return job.future, None, failure_of(error) if isinstance(error, DRIVER_ERRORS) else error
        return job.future, result, None

    def _connect(self) -> None:
        self._db = self._db.engine.connect()
        self._driver = self._db.connection.driver_connection
        self._cursor = self._driver.cursor()

    def _abandon(self) -> None:
        try:
            self._driver.execute("ROLLBACK")
        except DRIVER_ERRORS:
            # The transaction is gone already: SQLite ended it itself, or PostgreSQL's connection broke.
            if self._postgres and not self._db.closed:
                self._db.invalidate()
                self._db.close()
