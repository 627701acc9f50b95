"""Statements that are prepared by hand on a PostgreSQL connection."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from perdure.store.prepared import Prepared

_JOIN = Prepared("test_join", "SELECT %s::text || %s::text, %s::bigint + 1, %s::text")
_GIVEN = ("a", "é %s $1 '", 41, None)
_FOUND = [("aé %s $1 '".encode(), b"42", None)]


@pytest.fixture
def connection(ready_postgres_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(ready_postgres_url, autocommit=True) as connection:
        yield connection


def test_it_is_prepared_once_and_again_when_the_driver_let_all_go(connection: psycopg.Connection) -> None:
    assert [_JOIN.run(connection, _GIVEN) for _ in range(2)] == [_FOUND, _FOUND]
    assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (1,)
    connection.execute("DEALLOCATE ALL")
    assert _JOIN.run(connection, _GIVEN) == _FOUND


def test_an_error_is_the_one_that_the_driver_would_raise(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        Prepared("test_zero", "SELECT 1 / %s::int").run(connection, (0,))
    with pytest.raises(psycopg.errors.UndefinedTable):
        Prepared("test_missing", "SELECT 1 FROM pd_nothing WHERE 1 = %s").run(connection, (1,))
    assert _JOIN.run(connection, _GIVEN) == _FOUND


def test_a_connection_that_is_gone_is_an_operational_error(connection: psycopg.Connection) -> None:
    connection.execute("SET idle_session_timeout = 0")
    with psycopg.connect(connection.info.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
    with pytest.raises(psycopg.OperationalError):
        _JOIN.run(connection, _GIVEN)
    assert connection.closed


def test_it_fits_only_outside_of_a_transaction_and_what_the_library_takes_whole(
    connection: psycopg.Connection,
) -> None:
    assert Prepared.fits(connection, _GIVEN)
    assert not Prepared.fits(connection, ("a\0b",))
    with connection.transaction():
        assert not Prepared.fits(connection, _GIVEN)
    connection.execute("SET client_encoding TO latin1")
    assert not Prepared.fits(connection, _GIVEN)


def test_other_threads_go_on_while_the_server_works(connection: psycopg.Connection) -> None:
    # The lock is held by this thread, which can let go of it only if the call does not keep the interpreter.
    connection.execute("SET statement_timeout = '30s'")
    with psycopg.connect(connection.info.dsn, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(7)")
        waiting = threading.Thread(
            target=lambda: Prepared("test_lock", "SELECT pg_advisory_lock(%s)").run(connection, (7,))
        )
        waiting.start()
        blocked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while holder.execute(blocked).fetchone() == (0,):
            assert waiting.is_alive()
        holder.execute("SELECT pg_advisory_unlock(7)")
        waiting.join(30)
        assert not waiting.is_alive()
