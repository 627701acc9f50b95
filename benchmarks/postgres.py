"""A PostgreSQL server for benchmarks, the one that tests use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def server() -> Iterator[Callable[[], str] | None]:
    """Start a server and give what makes a fresh database; None where none can be started.

    Like in tests it does not sync to disk, for the floor as for us.
    """
    try:
        from tests.provision.postgres import PostgresServer
    except ImportError:
        yield None
        return
    running = PostgresServer()
    try:
        running.start()
        yield lambda: running.url(running.create_database())
    finally:
        running.remove()
