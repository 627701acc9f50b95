"""Appends that commit together: a failure that is not theirs loses none, and none is written twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from perdure.core.events import NewEvent
from perdure.core.sessions import Session
from perdure.errors import PerdureError
from perdure.store import events, sessions
from perdure.store.store import Store
from tests import factories
from tests.factories import OpenStore, line

_PATIENCE_S = 20
_HOLD = "SELECT 1 FROM pd_session_logs WHERE session_id = %s FOR UPDATE"
_WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def new_sessions(store: Store, count: int) -> list[Session]:
    made = [factories.session() for _ in range(count)]
    store.write_now(factories.add_people)
    store.write_now(lambda tx: [sessions.insert_session(tx, one) for one in made])
    return sorted(made, key=lambda one: one.id)


@contextmanager
def holding(url: str, session: Session) -> Iterator[psycopg.Connection]:
    """Hold a session's log from outside; closing the connection lets it go."""
    with psycopg.connect(url) as connection:
        connection.execute("SET deadlock_timeout = '60s'")  # whoever else is in it gives way
        connection.execute(_HOLD, (session.id,))
        yield connection


def wait_for_waiting(url: str, count: int) -> None:
    with psycopg.connect(url, autocommit=True) as looking:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            row = looking.execute(_WAITING).fetchone()
            if row == (count,):
                return
    raise AssertionError(f"there were never {count} waiting")


async def seqs(store: Store, session: Session) -> list[int]:
    return [e.seq for e in await store.read(lambda tx: events.list_events(tx, session.id))]


@pytest.fixture
def short_deadlocks(ready_postgres_url: str) -> str:
    with psycopg.connect(ready_postgres_url, autocommit=True) as connection:
        connection.execute("""DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''20ms''', current_database()); END $$""")
    return ready_postgres_url


@pytest.mark.parametrize("keyed", [False, True])
async def test_a_group_that_a_deadlock_ends_is_written_once_all_the_same(
    open_store: OpenStore, short_deadlocks: str, keyed: bool
) -> None:
    store = open_store(short_deadlocks)
    first, second, third = new_sessions(store, 3)
    grown: set[str] = set()
    store.on_commit(lambda sessions, _hints: grown.update(sessions))
    with holding(short_deadlocks, third) as one:
        leading = asyncio.create_task(store.append(third.id, [line("leads")]))
        await asyncio.to_thread(wait_for_waiting, short_deadlocks, 1)
        with holding(short_deadlocks, second) as other:
            group = [
                asyncio.create_task(store.append(s.id, [line(f"{n}", f"k{n}" if keyed else None)]))
                for n, s in enumerate((second, first, second))
            ]
            await asyncio.sleep(0)  # all three wait for the one that leads
            one.commit()
            await leading
            await asyncio.to_thread(wait_for_waiting, short_deadlocks, 1)  # it holds the first log
            crossing = threading.Thread(target=other.execute, args=(_HOLD, (first.id,)))
            crossing.start()
            await asyncio.to_thread(crossing.join, _PATIENCE_S)
            assert not crossing.is_alive()
    assert [await task for task in group] == [[1], [1], [2]]
    assert (await seqs(store, first), await seqs(store, second)) == ([1], [1, 2])
    assert grown == {first.id, second.id, third.id}


async def test_what_cannot_be_stored_fails_alone_and_not_the_appends_beside_it(
    open_store: OpenStore, ready_postgres_url: str
) -> None:
    store = open_store(ready_postgres_url)
    held, first, second = new_sessions(store, 3)
    with holding(ready_postgres_url, held) as connection:
        leading = asyncio.create_task(store.append(held.id, [line("leads")]))
        await asyncio.to_thread(wait_for_waiting, ready_postgres_url, 1)
        nul = NewEvent(type="console", payload={"lines": ["x"]}, run_id="\0")
        group = [
            asyncio.create_task(store.append(session.id, [event]))
            for session, event in ((first, line("a")), (first, nul), (second, line("b")), (first, line("c")))
        ]
        await asyncio.sleep(0)
        connection.commit()
    await leading
    done = await asyncio.gather(*group, return_exceptions=True)
    assert isinstance(done.pop(1), PerdureError)
    assert done == [[1], [1], [2]]
    assert await seqs(store, first) == [1, 2]


async def test_in_one_file_too(open_store: OpenStore, sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    first, second, _ = new_sessions(store, 3)
    go_on = threading.Event()
    leading = store.submit(lambda _tx: go_on.wait(_PATIENCE_S))
    no_json = NewEvent(type="console", payload={"lines": [object()]})
    group = [
        asyncio.create_task(store.append(session.id, [event]))
        for session, event in ((first, line("a")), (first, no_json), (second, line("b")), (first, line("c")))
    ]
    written = store.submit(lambda tx: sessions.set_fields(tx, second.id, name="in the group"))
    await asyncio.sleep(0)
    go_on.set()
    assert await asyncio.wrap_future(leading)
    done = await asyncio.gather(*group, return_exceptions=True)
    await asyncio.wrap_future(written)
    assert isinstance(done.pop(1), TypeError)
    assert done == [[1], [1], [2]]
    assert (await store.read(lambda tx: sessions.get_session(tx, second.id))).name == "in the group"
