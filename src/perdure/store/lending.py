"""PostgreSQL connections that are lent out for one transaction each, and given back open.

They are in autocommit: a single statement needs no transaction around it, a read of several has a snapshot,
and a write begins and ends its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine

from perdure.store import row_security
from perdure.store.failures import DRIVER_ERRORS, is_broken
from perdure.store.prepared import run_plain

_HOLD_MEMORY = "SELECT length(repeat('x', 1000000))"
"""The C library of the server takes the memory of each larger result from the system and gives it back, page by
page, until it once held more: a page of messages costs a new connection twice as much without this."""
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class Loan:
    """A connection in use."""

    __slots__ = ("connection", "used_before")

    def __init__(self, connection: Connection, used_before: bool) -> None:
        self.connection = connection
        self.used_before = used_before
        """Whether it lay idle before: the server may have closed it meanwhile."""

    @property
    def driver(self) -> Any:
        """The driver's connection."""
        return self.connection.connection.driver_connection

    @property
    def is_idle(self) -> bool:
        """Whether it is alive and no transaction is open on it."""
        return self.driver.pgconn.transaction_status == TransactionStatus.IDLE

    @contextmanager
    def snapshot(self, whose: str | None) -> Generator[None]:
        """Let all statements see one moment, and for `whose` only what that person may; writing is refused."""
        driver = self.driver
        run_plain(driver, _SNAPSHOT if whose is None else f"{_SNAPSHOT}; {row_security.name(whose)}")
        try:
            yield
        finally:
            with suppress(*DRIVER_ERRORS):  # a connection that broke has ended it too
                run_plain(driver, "ROLLBACK")


class Lender:
    """Keeps at most `count` connections, and lets further borrowers wait."""

    def __init__(self, engine: Engine, count: int) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._idle: deque[Connection] = deque()
        self._places = threading.Semaphore(count)
        self._closed = False

    def connect(self) -> Connection:
        """Return a connection for good, beside those that are lent out."""
        return self._engine.connect()

    @contextmanager
    def borrow(self) -> Generator[Loan]:
        """Lend a connection; one that is lost is closed, with those that lay idle beside it."""
        with self._places:
            try:
                loan = Loan(self._idle.pop(), True)
            except IndexError:
                loan = Loan(self._engine.connect(), False)
            try:
                if not loan.used_before:
                    run_plain(loan.driver, _HOLD_MEMORY)
                yield loan
            except DRIVER_ERRORS as error:
                if is_broken(error):
                    self._drop_idle()
                raise
            finally:
                self._give_back(loan)

    def close(self) -> None:
        """Close what lies idle now, and later what is given back."""
        self._closed = True
        self._drop_idle()

    def _give_back(self, loan: Loan) -> None:
        connection = loan.connection
        if self._closed or connection.closed or connection.invalidated or not loan.is_idle:
            self._drop(connection)
        else:
            self._idle.append(connection)

    def _drop_idle(self) -> None:
        while self._idle:
            try:
                self._drop(self._idle.pop())
            except IndexError:  # somebody else took the last one
                return

    @staticmethod
    def _drop(connection: Connection) -> None:
        try:
            if not connection.closed:
                connection.invalidate()
                connection.close()
        except DRIVER_ERRORS:
            pass  # it is gone either way
