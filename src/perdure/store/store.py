"""The store: short transactions on one database, grouped commits, and a hint to readers after each.

A transaction is a plain function of a `Tx`. On SQLite one thread owns the only writing connection and
commits everything that is waiting as one group; on PostgreSQL a pool of threads runs transactions side
by side, and one of them groups log appends.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from perdure.core.acting import acting
from perdure.core.audit import Act, Refused
from perdure.core.clock import Clock, utc_now
from perdure.core.events import NewEvent
from perdure.errors import PerdureError, StartupError, StorageUnavailable
from perdure.store import migrate, row_security
from perdure.store.address import Address, open_postgres, open_sqlite, parse_address
from perdure.store.batch import Batch
from perdure.store.crypto import Cipher
from perdure.store.failures import DRIVER_ERRORS, failure_of, is_broken, is_deadlock
from perdure.store.guard import FileGuard
from perdure.store.keyring import Keyring
from perdure.store.lending import Lender, Loan
from perdure.store.noting import with_note
from perdure.store.replies import Awaited, Held
from perdure.store.transaction import ListHint, Tx
from perdure.store.workers import Workers
from perdure.store.writer import AppendJob, GroupWriter, Job

T = TypeVar("T")
OnCommit = Callable[[set[str], list[ListHint]], None]

_SQLITE_READERS = 4
_POSTGRES_WORKERS = 10
_POSTGRES_CALLERS = 2
"""How many may use a connection on threads of their own at once."""
_DEADLOCK_ATTEMPTS = 5

log = logging.getLogger("perdure.store")


class Store:
    """Runs transactions. Thread-safe; usable from any event loop or from none."""

    def __init__(
        self,
        url: str,
        *,
        durability: str = "full",
        secret_key: str | None = None,
        key_file: Path | None = None,
        clock: Clock = utc_now,
        row_security: bool = False,
    ) -> None:
        self.address: Address = parse_address(url)
        self._row_security = row_security
        self._durability = durability
        self.keyring = Keyring.load(secret_key, key_file)
        self._cipher = Cipher(self.keyring)
        self._clock = clock
        self._on_commit: OnCommit = lambda _grown, _hints: None
        self._guard: FileGuard | None = None
        self._engine: Engine | None = None
        self._read_engine: Engine | None = None
        self._writer: GroupWriter | None = None
        self._workers: Workers | None = None
        self._lender: Lender | None = None
        self._local = threading.local()
        self._reader_connections: list[Connection] = []
        self._failure: str | None = None

    def derive_key(self, purpose: bytes, key_id: int | None = None) -> bytes:
        """Return 32 bytes for one purpose, of the newest secret key or of the one with an id.

        They tell nothing about the key. What is signed names `keyring.newest.id`, so that it can be checked with
        that key when there is a newer one.

        Raises:
            StorageUnavailable: when there is no key of this id; for what strangers send, ask `keyring.find` first.
        """
        key = self.keyring.newest if key_id is None else self.keyring.get(key_id)
        return key.derive(purpose)

    def now(self) -> datetime:
        """The moment, by the clock whose times are stored."""
        return self._clock()

    def on_commit(self, listener: OnCommit) -> None:
        """Call `listener(sessions that grew, list hints)` after each commit, from the committing thread."""
        self._on_commit = listener

    def open(self, *, beside_servers: bool = False) -> None:
        """Take the file, bring the schema up to date, and start the writer. Blocks; call once.

        With `beside_servers` the SQLite file is not taken for longer than an upgrade needs, so that a server
        may be running on it; for a few short writes.

        Raises:
            StartupError: when the database cannot be used, is newer than this program, or is in use.
        """
        if self.address.is_postgres:
            self._open_postgres()
        elif self._row_security:
            raise StartupError(
                "PERDURE_ROW_SECURITY is `on`, but only PostgreSQL checks rows itself: set PERDURE_DATABASE_URL.",
                setting="PERDURE_ROW_SECURITY",
            )
        else:
            self._open_sqlite(beside_servers)

    def close(self) -> None:
        """Finish waiting writes and let everything go. A second call does nothing."""
        if self._writer is not None:
            self._writer.close()
        if self._workers is not None:
            self._workers.close()
        if self._lender is not None:
            self._lender.close()
        for connection in self._reader_connections:
            connection.close()
        self._reader_connections.clear()
        for engine in (self._engine, self._read_engine):
            if engine is not None:
                engine.dispose()
        if self._guard is not None:
            self._guard.release()
        self._writer = self._workers = self._lender = self._guard = None
        self._engine = self._read_engine = None

    async def write(self, body: Callable[[Tx], T]) -> T:
        """Run `body` in one transaction and return its result once that is committed.

        An error raised by `body` rolls its transaction back and is raised here; of `Refused`, the audit log says so.
        PostgreSQL may run `body` again
        after a deadlock, so it must change nothing but the database.

        Raises:
            StorageUnavailable: when the database cannot take the write; nothing of it is stored.
        """
        try:
            return await self._write(with_note(body))
        except Refused as refused:
            await self._note_refusal(refused.act)
            raise

    async def read(self, body: Callable[[Tx], T], *, snapshot: bool = True) -> T:
        """Run `body` on a reading connection and return its result.

        All it reads is of one moment. A body of a single statement can do without the `snapshot`, which costs
        PostgreSQL two round trips.

        Raises:
            StorageUnavailable: when the database cannot be read, or `body` writes.
        """
        if self.address.is_memory:
            return await self.write(body)
        reply = Awaited()
        if self.address.is_postgres:
            self._require(self._workers).put(
                partial(self._read_postgres, body, self._whose(), snapshot), reply
            )
        else:
            self._require(self._workers).put(partial(self._read_sqlite, body), reply)
        try:
            return await reply.future
        except Refused as refused:
            await self._note_refusal(refused.act)
            raise

    def read_now(self, body: Callable[[Tx], T], *, snapshot: bool = True) -> T:
        """Blocking twin of `read`, on the caller's thread."""
        if self.address.is_memory:
            return self.write_now(body)
        if self.address.is_postgres:
            return self._read_postgres(body, self._whose(), snapshot)
        return self._read_sqlite(body)

    def write_now(self, body: Callable[[Tx], T]) -> T:
        """Blocking twin of `write`, for callers without an event loop."""
        if self.address.is_postgres:
            return self._write_postgres(body, self._whose())
        reply = Held()
        self._require(self._writer).run_now(Job(body, reply))
        return reply.result()

    def append_now(self, session_id: str, events: Sequence[NewEvent]) -> list[int]:
        """Blocking twin of `append`, for callers without an event loop."""
        reply = Held()
        self._require(self._writer).run_now(AppendJob(Batch(session_id, events), reply, self._whose()))
        return reply.result()

    def submit(self, body: Callable[[Tx], T]) -> Future[T]:
        """Queue a transaction; the future resolves after its commit."""
        future: Future[T] = Future()
        if self.address.is_postgres:
            self._require(self._workers).put(partial(self._write_postgres, body, self._whose()), future)
        else:
            self._require(self._writer).put(Job(body, future))
        return future

    async def append(self, session_id: str, events: Sequence[NewEvent]) -> list[int]:
        """Append to one session's log through the grouped appender and return the new numbers.

        Raises:
            NotFound: when the session does not exist.
            StorageUnavailable: when the write failed; nothing of it is stored.
        """
        reply = Awaited()
        self._require(self._writer).put(AppendJob(Batch(session_id, events), reply, self._whose()))
        return await reply.future

    def health(self) -> dict[str, Any]:
        """What the last attempt to write met: `{backend, ok, error}`."""
        return {"backend": self.address.kind, "ok": self._failure is None, "error": self._failure}

    def _open_sqlite(self, beside_servers: bool) -> None:
        file = self.address.file
        if file is not None and not (beside_servers and migrate.is_current(self.address)):
            self._guard = FileGuard.take(file)
        try:
            self._engine = open_sqlite(self.address, durability=self._durability)
            connection = migrate.prepare_sqlite(self._engine, self.address)
        except BaseException:
            if self._guard is not None:
                self._guard.release()
                self._guard = None
            raise
        if beside_servers and self._guard is not None:
            self._guard.release()
            self._guard = None
        if file is not None:
            self._read_engine = open_sqlite(self.address, read_only=True)
            self._workers = Workers(_SQLITE_READERS, "perdure-read")
        self._writer = GroupWriter(
            connection, False, self._cipher, self._clock, self._committed, self._note_failure
        )
        self._writer.start()

    def _open_postgres(self) -> None:
        self._engine = open_postgres(self.address)
        migrate.prepare_postgres(self._engine, self.address)
        with self._engine.connect() as connection:
            row_security.check(connection, self._row_security)
        self._lender = Lender(self._engine, _POSTGRES_WORKERS + _POSTGRES_CALLERS)
        self._workers = Workers(_POSTGRES_WORKERS, "perdure-db")
        self._writer = GroupWriter(
            self._lender.connect(), True, self._cipher, self._clock, self._committed, self._note_failure
        )
        self._writer.start()

    def _read_sqlite(self, body: Callable[[Tx], T]) -> T:
        connection: Connection | None = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = self._require(self._read_engine).connect()
                self._local.connection = connection
                self._reader_connections.append(connection)
            driver: Any = connection.connection.driver_connection
            driver.execute("BEGIN")
            try:
                return body(Tx(connection, False, self._clock(), self._cipher))
            finally:
                driver.execute("ROLLBACK")
        except DRIVER_ERRORS as error:
            raise failure_of(error) from error

    def _whose(self) -> str | None:
        """Return for whom a transaction acts that is queued now; None when the database does not ask."""
        return acting() if self._row_security else None

    def _read_postgres(self, body: Callable[[Tx], T], whose: str | None, snapshot: bool) -> T:
        while True:
            loan: Loan | None = None
            try:
                with self._require(self._lender).borrow() as loan:
                    tx = Tx(loan.connection, True, self._clock(), self._cipher)
                    if whose is None and not snapshot:
                        return body(tx)
                    with loan.snapshot(whose):
                        return body(tx)
            except DRIVER_ERRORS as error:
                if loan is not None and loan.used_before and is_broken(error):
                    continue  # the server ended it while it lay idle; the next one is new
                failure = failure_of(error)
                if isinstance(failure, StorageUnavailable):
                    self._note_failure(failure.message)
                raise failure from error

    def _write_postgres(self, body: Callable[[Tx], T], whose: str | None) -> T:
        attempt = 0
        while True:
            loan: Loan | None = None
            begun = False
            try:
                with self._require(self._lender).borrow() as loan:
                    driver = loan.driver
                    driver.execute("BEGIN" if whose is None else row_security.begin_as(whose), prepare=False)
                    begun = True
                    tx = Tx(loan.connection, True, self._clock(), self._cipher)
                    try:
                        result = body(tx)
                        tx.seal()
                        driver.execute("COMMIT")
                    except BaseException:
                        with suppress(*DRIVER_ERRORS):
                            driver.execute("ROLLBACK")
                        raise
            except DRIVER_ERRORS as error:
                if not begun and loan is not None and loan.used_before and is_broken(error):
                    continue  # the server ended it while it lay idle; nothing has been done
                attempt += 1
                if is_deadlock(error) and attempt < _DEADLOCK_ATTEMPTS:
                    continue
                failure = failure_of(error)
                if isinstance(failure, StorageUnavailable):
                    self._note_failure(failure.message)
                raise failure from error
            self._note_failure(None)
            self._committed(tx.grown, tx.hints)
            return result

    def _committed(self, grown: set[str], hints: list[ListHint]) -> None:
        if grown or hints:
            try:
                self._on_commit(grown, hints)
            except Exception:
                log.exception("a listener to commits failed")

    async def _write(self, body: Callable[[Tx], T]) -> T:
        reply = Awaited()
        if self.address.is_postgres:
            self._require(self._workers).put(partial(self._write_postgres, body, self._whose()), reply)
        else:
            self._require(self._writer).put(Job(body, reply))
        return await reply.future

    async def _note_refusal(self, act: Act) -> None:
        """Write an attempt into the audit log; it stays refused when that cannot be done."""
        try:
            await self._write(lambda tx: tx.acts.append(act))
        except PerdureError:
            log.exception("a refused attempt is missing in the audit log")

    def _note_failure(self, failure: str | None) -> None:
        self._failure = failure

    def _require(self, part: T | None) -> T:
        if part is None:
            raise StorageUnavailable("The store is closed.")
        return part
