"""The audit chain in real databases: no gap and no fork, written last, and tampering is found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text

from perdure.core.access import SYSTEM_ACTOR
from perdure.core.audit import GENESIS, Fault, Head, Verdict
from perdure.core.sessions import Session
from perdure.errors import PerdureError, StartupError, StorageUnavailable
from perdure.store import audit, maintenance
from perdure.store.store import Store
from perdure.store.transaction import Tx
from tests.factories import OWNER, STRANGER, OpenStore, Services, line


def act(name: str, **details: Any) -> Callable[[Tx], None]:
    return lambda tx: tx.audit(OWNER, "session.update", "session", name, **details)


async def all_of(store: Store) -> list[Any]:
    found, total = await store.read(lambda tx: audit.list_entries(tx, limit=10_000))
    assert total == len(found)
    return found[::-1]


@pytest.fixture(params=["file", "postgres"])
def kept_url(request: pytest.FixtureRequest) -> str:
    """The address of a database that can be opened beside the store."""
    return request.getfixturevalue("sqlite_url" if request.param == "file" else "ready_postgres_url")


def change(url: str, *statements: str) -> None:
    """Change the database behind the program's back."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


async def test_acts_take_their_places_in_order(store: Store) -> None:
    def body(tx: Tx) -> None:
        tx.audit(OWNER, "run.start", "run", "r", session_id="s", chars=3, nothing=None)
        tx.audit(STRANGER, "session.suspend", "session", "s")

    await store.write(body)
    await store.write(act("t"))
    first, second, third = await all_of(store)
    assert [e.position for e in (first, second, third)] == [1, 2, 3]
    assert (first.previous_hash, second.previous_hash) == (GENESIS, first.hash)
    assert (first.details, first.act.session_id, first.act.action) == ({"chars": 3}, "s", "run.start")
    assert third.previous_hash == second.hash


async def test_what_is_rolled_back_leaves_nothing(store: Store) -> None:
    def body(tx: Tx) -> None:
        tx.audit(OWNER, "session.update", "session", "lost")
        raise PerdureError("no")

    results = await asyncio.gather(
        store.write(act("a")), store.write(body), store.write(act("b")), return_exceptions=True
    )
    assert [type(r) for r in results] == [type(None), PerdureError, type(None)]
    entries = await all_of(store)
    assert sorted(e.act.object_id for e in entries) == ["a", "b"]


async def test_many_writers_make_one_chain(store: Store, session: Session) -> None:
    def body(number: int) -> Callable[[Tx], None]:
        def write(tx: Tx) -> None:
            tx.append(session.id, line(str(number)))
            tx.audit(OWNER, "session.update", "session", str(number))
            if number % 7 == 0:
                raise PerdureError("no")

        return write

    await asyncio.gather(*(store.write(body(n)) for n in range(140)), return_exceptions=True)
    entries = await all_of(store)
    assert sorted(int(e.act.object_id) for e in entries) == [n for n in range(140) if n % 7]
    assert audit.verify_entries(entries).ok
    assert [e.position for e in entries] == list(range(1, 121))


async def test_several_servers_on_one_database_make_one_chain(
    open_store: OpenStore, ready_postgres_url: str
) -> None:
    stores = [open_store(ready_postgres_url) for _ in range(3)]
    await asyncio.gather(*(stores[n % 3].write(act(str(n), n=n)) for n in range(150)))
    verdict = audit.verify(ready_postgres_url)
    assert (verdict.ok, verdict.rows) == (True, 150)
    assert {e.details["n"] for e in await all_of(stores[0])} == set(range(150))


async def test_workers_write_on_while_somebody_holds_the_head(
    open_store: OpenStore, ready_postgres_url: str
) -> None:
    services = Services(open_store(ready_postgres_url))
    session, run = await services.running()
    acts = len(await all_of(services.store))
    with psycopg.connect(ready_postgres_url) as held:
        held.execute("SELECT * FROM pd_audit_head FOR UPDATE")
        for number in range(20):
            await services.store.append(session.id, [line(str(number))])
            await services.progress.write(run, lambda tx, n=number: tx.append(session.id, line(f"w{n}")))
        late = asyncio.ensure_future(services.sessions.suspend(OWNER, session.id))
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
        while not held.execute(waiting).fetchone():  # noqa: ASYNC110 - the database offers no event
            await asyncio.sleep(0)
        assert not late.done()
        held.rollback()
    await late
    assert len(await all_of(services.store)) == acts + 1


async def test_lists_by_session_by_actor_and_by_object_page_by_page(store: Store) -> None:
    def body(tx: Tx) -> None:
        for number in range(25):
            actor = OWNER if number % 5 else STRANGER
            tx.audit(actor, "run.start", "run", f"r{number}", session_id=f"s{number % 2}")

    await store.write(body)
    seen: list[str | None] = []
    before: int | None = None
    while True:
        page, total = await store.read(
            lambda tx, b=before: audit.list_entries(tx, session_id="s0", before=b, limit=4)
        )
        assert total == 13
        if not page:
            break
        seen += [e.act.object_id for e in page]
        before = page[-1].position
    assert seen == [f"r{n}" for n in range(24, -1, -2)]
    by_actor, total = await store.read(
        lambda tx: audit.list_entries(tx, actor_id=STRANGER.user_id, limit=2, offset=1)
    )
    assert ([e.act.object_id for e in by_actor], total) == (["r15", "r10"], 5)
    one, _ = await store.read(lambda tx: audit.list_entries(tx, object_type="run", object_id="r7"))
    assert [e.position for e in one] == [8]


async def _written(open_store: OpenStore, url: str, count: int) -> Verdict:
    store = open_store(url)
    await asyncio.gather(*(store.write(act(str(n))) for n in range(count)))
    verdict = audit.verify(url)  # while the store is open
    store.close()
    return verdict


async def test_a_long_chain_is_verified_in_parts(
    open_store: OpenStore, kept_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_AT_ONCE", 7)
    assert (await _written(open_store, kept_url, 50)).rows == 50
    change(kept_url, "UPDATE pd_audit_entries SET actor_id = 'somebody' WHERE position = 36")
    verdict = audit.verify(kept_url)
    assert (verdict.fault, verdict.position, verdict.rows) == (Fault.CHANGED, 36, 35)


@pytest.mark.parametrize(
    ("statement", "fault", "position"),
    [
        ("UPDATE pd_audit_entries SET action = 'session.read' WHERE position = 2", Fault.CHANGED, 2),
        ("UPDATE pd_audit_entries SET object_id = NULL WHERE position = 1", Fault.CHANGED, 1),
        ("UPDATE pd_audit_entries SET session_id = 'x' WHERE position = 3", Fault.CHANGED, 3),
        ("UPDATE pd_audit_entries SET source = '' WHERE position = 3", Fault.CHANGED, 3),
        ("UPDATE pd_audit_entries SET result = 'refused' WHERE position = 4", Fault.CHANGED, 4),
        ("UPDATE pd_audit_entries SET details = '{ }' WHERE position = 2", Fault.CHANGED, 2),
        ("UPDATE pd_audit_entries SET details = NULL WHERE position = 2", Fault.CHANGED, 2),
        ("UPDATE pd_audit_entries SET details = 'no json' WHERE position = 2", Fault.CHANGED, 2),
        ("UPDATE pd_audit_entries SET created_at = created_at + 1 WHERE position = 4", Fault.CHANGED, 4),
        ("UPDATE pd_audit_entries SET previous_hash = 'x' WHERE position = 2", Fault.CHANGED, 2),
        ("UPDATE pd_audit_entries SET hash = 'x' WHERE position = 4", Fault.CHANGED, 4),
        ("UPDATE pd_audit_entries SET position = 50 WHERE position = 2", Fault.MISSING, 2),
        ("UPDATE pd_audit_entries SET position = -1 WHERE position = 2", Fault.WRONG_ORDER, -1),
        ("DELETE FROM pd_audit_entries WHERE position = 1", Fault.MISSING, 1),
        ("DELETE FROM pd_audit_entries WHERE position = 3", Fault.MISSING, 3),
        ("DELETE FROM pd_audit_entries WHERE position > 2", Fault.MISSING, 3),
        ("DELETE FROM pd_audit_entries", Fault.MISSING, 1),
        ("UPDATE pd_audit_head SET position = 3", Fault.ADDED, 4),
        ("UPDATE pd_audit_head SET hash = 'x'", Fault.CHANGED, 4),
        ("DELETE FROM pd_audit_head", Fault.ADDED, 1),
    ],
)
async def test_the_first_bad_row_is_named(
    open_store: OpenStore, kept_url: str, statement: str, fault: Fault, position: int
) -> None:
    assert (await _written(open_store, kept_url, 4)).ok
    change(kept_url, statement)
    verdict = audit.verify(kept_url)
    assert (verdict.fault, verdict.position) == (fault, position)


async def test_what_is_done_without_a_server_is_noted_beside_one(
    open_store: OpenStore, kept_url: str
) -> None:
    store = open_store(kept_url)
    await store.write(act("a"))
    audit.note(kept_url, SYSTEM_ACTOR, "server.backup", "server", what="all")
    await store.write(act("b"))
    assert [entry.act.action for entry in await all_of(store)] == [
        "session.update",
        "server.backup",
        "session.update",
    ]
    verdict = audit.verify(kept_url, [audit.head(kept_url)])
    assert (verdict.ok, verdict.rows) == (True, 3)
    assert audit.head(kept_url).hash == verdict.last_hash


async def test_bytes_that_are_no_text_are_a_changed_row(open_store: OpenStore, sqlite_url: str) -> None:
    await _written(open_store, sqlite_url, 3)
    change(sqlite_url, "UPDATE pd_audit_entries SET action = CAST(x'ff61' AS TEXT) WHERE position = 2")
    assert audit.verify(sqlite_url).position == 2


async def test_without_its_head_the_chain_takes_nothing_and_nothing_else_is_written(
    store: Store, session: Session
) -> None:
    await store.write(lambda tx: tx.db.execute(text("DELETE FROM pd_audit_head")) and None)

    def body(tx: Tx) -> None:
        tx.append(session.id, line("unheard"))
        tx.audit(OWNER, "session.update", "session", session.id)

    with pytest.raises(StorageUnavailable, match="perdure audit verify"):
        await store.write(body)
    assert await store.append(session.id, [line("goes on")]) == [1]


def test_a_database_that_is_not_there_has_an_empty_chain(tmp_path: Any) -> None:
    assert audit.head(f"sqlite:///{tmp_path}/none.db") == Head(0, GENESIS)
    with pytest.raises(StartupError, match="no database"):
        audit.note(f"sqlite:///{tmp_path}/none.db", SYSTEM_ACTOR, "server.backup", "server")
    verdict = audit.verify(f"sqlite:///{tmp_path}/none.db")
    assert (verdict.ok, verdict.rows) == (True, 0)
    assert not list(tmp_path.iterdir())


def test_an_older_schema_is_to_be_upgraded_first(sqlite_url: str) -> None:
    change(sqlite_url, "UPDATE pd_schema_version SET version_num = '0003'")
    with pytest.raises(StartupError, match="perdure db upgrade"):
        audit.verify(sqlite_url)
    assert maintenance.check(sqlite_url)["revision"] == "0003"
