"""PostgreSQL itself decides who sees and writes which rows; no query here asks who may."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from perdure.core.access import Role
from perdure.core.acting import NOBODY, SERVER, acting, acting_as
from perdure.core.clock import utc_now
from perdure.core.events import Console, NewEvent
from perdure.core.sessions import Session
from perdure.core.shares import Share
from perdure.errors import Forbidden, InvalidInput, NotFound, PerdureError, StartupError
from perdure.ids import new_id
from perdure.store import row_security, runs, sessions, shares
from perdure.store.store import Store
from perdure.store.tables import metadata
from tests import factories
from tests.factories import OWNER, STRANGER, VIEWER, OpenStore
from tests.provision.postgres import PostgresServer
from tests.provision.row_security import ROLE, as_role

ANN, BOB = OWNER.user_id, STRANGER.user_id


@pytest.fixture
def store(open_store: OpenStore, guarded_postgres_url: str) -> Store:
    """A store whose database checks rows, with the people of the tests."""
    opened = open_store(guarded_postgres_url, row_security=True, clock=utc_now)
    opened.write_now(factories.add_people)
    return opened


@pytest.fixture
def session(store: Store) -> Session:
    """A session of Ann's, with a run and a line in its log."""
    made = factories.session(owner_id=ANN)
    with acting_as(ANN):
        store.write_now(lambda tx: sessions.insert_session(tx, made))
        store.write_now(lambda tx: runs.insert_run(tx, factories.run(made.id), ANN))
        store.append_now(made.id, [line("one")])
    return made


def line(said: str) -> NewEvent:
    return NewEvent.of(Console(lines=[said]))


def share_with(store: Store, session_id: str, user_id: str, role: Role, **options: Any) -> None:
    share = Share(
        id=new_id(), session_id=session_id, user_id=user_id, name="", role=role, created_by=ANN,
        created_at=utc_now(), **{"expires_at": None, **options},
    )  # fmt: skip
    with acting_as(ANN):
        store.write_now(lambda tx: shares.put_share(tx, share))


def counts(store: Store) -> dict[str, int]:
    """Return how many rows of each table whoever acts can see."""

    def body(tx: Any) -> dict[str, int]:
        return {
            name: tx.db.execute(text(f"SELECT count(*) FROM {name}")).scalar()
            for name in metadata.tables
            if name not in row_security.OPEN_TABLES
        }

    return {name: count for name, count in store.read_now(body).items() if count}


def test_every_table_is_guarded_or_named_as_belonging_to_nobody(guarded_postgres_url: str) -> None:
    with psycopg.connect(guarded_postgres_url) as connection:
        rows = connection.execute(
            "SELECT tablename, count(*) FROM pg_policies WHERE tablename LIKE 'pd\\_%' GROUP BY 1"
        ).fetchall()
    assert {name for name, _ in rows} == set(metadata.tables) - set(row_security.OPEN_TABLES)
    assert {count for _, count in rows} == {4}


def test_nobody_sees_nothing_a_stranger_nothing_and_the_server_everything(
    store: Store, session: Session
) -> None:
    with acting_as(ANN):
        mine = counts(store)
    assert {"pd_sessions", "pd_session_logs", "pd_events", "pd_runs"} <= set(mine)
    for nobody in (NOBODY, BOB, "", "%", "ann' OR '1'='1", "**", "*'"):
        with acting_as(nobody):
            assert counts(store) == {}
    with acting_as(SERVER):
        assert counts(store) == mine


def test_without_a_name_there_are_no_rows(store: Store, session: Session, guarded_postgres_url: str) -> None:
    with psycopg.connect(guarded_postgres_url, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM pd_sessions").fetchone() == (0,)
        connection.execute(f"BEGIN; {row_security.name(ANN)}".encode())
        assert connection.execute("SELECT count(*) FROM pd_sessions").fetchone() == (1,)
        connection.execute("COMMIT")
        assert connection.execute("SELECT count(*) FROM pd_sessions").fetchone() == (0,)


def test_a_connection_forgets_who_used_it(store: Store, session: Session) -> None:
    for _ in range(40):  # more than connections, in turn, over reads, writes, refusals and broken statements
        with acting_as(ANN):
            assert counts(store)["pd_sessions"] == 1
            with pytest.raises(PerdureError):
                store.write_now(lambda tx: tx.db.execute(text("SELECT 1 / 0")))
            with pytest.raises(ZeroDivisionError):
                store.read_now(lambda _tx: 1 // 0)
        with acting_as(BOB):
            assert counts(store) == {}
        with acting_as(NOBODY):
            assert counts(store) == {}


async def test_what_is_queued_keeps_the_name_of_whoever_queued_it(store: Store, session: Session) -> None:
    async def seen(user_id: str) -> int:
        with acting_as(user_id):
            await asyncio.sleep(0)
            return await store.read(
                lambda tx: tx.db.execute(text("SELECT count(*) FROM pd_sessions")).scalar_one()
            )

    found = await asyncio.gather(*(seen(who) for who in (ANN, BOB, SERVER, NOBODY) * 15))
    assert found == [1, 0, 1, 0] * 15
    assert acting() == SERVER


async def test_appends_of_several_people_in_one_group_are_each_their_own(
    store: Store, session: Session
) -> None:
    async def append(user_id: str, number: int) -> object:
        with acting_as(user_id):
            try:
                return await store.append(session.id, [line(str(number))])
            except PerdureError as error:
                return type(error)

    share_with(store, session.id, VIEWER.user_id, Role.VIEW)
    who = (ANN, BOB, SERVER, VIEWER.user_id, NOBODY)
    found = await asyncio.gather(*(append(who[n % 5], n) for n in range(100)))
    for number, result in enumerate(found):
        expected = {1: NotFound, 4: NotFound, 3: Forbidden}.get(number % 5)
        assert (result is expected) if expected else isinstance(result, list), (number, result)
    with acting_as(ANN):
        assert counts(store)["pd_events"] == 41
    assert store.health()["ok"]


@pytest.mark.parametrize("role", list(Role)[:3])
def test_a_share_opens_and_its_role_decides_about_writing(store: Store, session: Session, role: Role) -> None:
    share_with(store, session.id, BOB, role)
    with acting_as(BOB):
        assert counts(store)["pd_events"] == 1
        if role is Role.VIEW:
            with pytest.raises(Forbidden):
                store.append_now(session.id, [line("mine")])
            with pytest.raises(Forbidden):
                store.write_now(lambda tx: tx.db.execute(text("UPDATE pd_sessions SET name = 'mine'")))
        else:
            store.append_now(session.id, [line("mine")])
        assert store.write_now(lambda tx: tx.db.execute(text("DELETE FROM pd_runs")).rowcount) == (
            0 if role is Role.VIEW else 1
        )
        assert store.write_now(lambda tx: tx.db.execute(text("DELETE FROM pd_sessions")).rowcount) == 0


def test_a_share_that_has_expired_opens_nothing(store: Store, session: Session) -> None:
    share_with(store, session.id, BOB, Role.ADMIN, expires_at=utc_now() - timedelta(seconds=1))
    with acting_as(BOB):
        assert set(counts(store)) <= {"pd_shares"}


def test_nobody_gives_themselves_a_share_or_a_session(store: Store, session: Session) -> None:
    mine = Share(
        id=new_id(), session_id=session.id, user_id=BOB, name="", role=Role.ADMIN, created_by=BOB,
        created_at=utc_now(), expires_at=None,
    )  # fmt: skip
    with acting_as(BOB):
        with pytest.raises(Forbidden):
            store.write_now(lambda tx: shares.put_share(tx, mine))
        with pytest.raises(Forbidden):
            store.write_now(lambda tx: sessions.insert_session(tx, factories.session(owner_id=ANN)))
        taken = text("UPDATE pd_sessions SET owner_id = :bob")
        assert store.write_now(lambda tx: tx.db.execute(taken, {"bob": BOB}).rowcount) == 0
    share_with(store, session.id, BOB, Role.VIEW)
    with acting_as(BOB), pytest.raises(Forbidden):
        store.write_now(lambda tx: tx.db.execute(text("UPDATE pd_shares SET role = 'admin'")))


def test_the_audit_log_is_written_by_everybody_and_changed_by_nobody(store: Store, session: Session) -> None:
    with acting_as(BOB):
        store.write_now(lambda tx: tx.audit(STRANGER, "session.read", "session", session.id))
        assert counts(store)["pd_audit_entries"] == 1
        for statement in ("DELETE FROM pd_audit_entries", "UPDATE pd_audit_entries SET action = 'x'"):
            changed = store.write_now(lambda tx, statement=statement: tx.db.execute(text(statement)).rowcount)
            assert changed == 0
    with acting_as(VIEWER.user_id):
        assert counts(store) == {}


def test_the_server_starts_only_as_a_role_that_the_rules_hold_for(
    open_store: OpenStore, guarded_postgres_url: str, ready_postgres_url: str, sqlite_url: str
) -> None:
    with pytest.raises(StartupError, match="superuser"):
        open_store(as_role(guarded_postgres_url, "postgres"), row_security=True)
    with pytest.raises(StartupError, match="PERDURE_ROW_SECURITY is `off`"):
        open_store(guarded_postgres_url)
    with pytest.raises(StartupError, match="only PostgreSQL"):
        open_store(sqlite_url, row_security=True)
    row_security.enable(ready_postgres_url, ROLE)
    row_security.disable(ready_postgres_url)
    with pytest.raises(StartupError, match="does not check rows of pd_"):
        open_store(as_role(ready_postgres_url), row_security=True)
    open_store(as_role(ready_postgres_url)).close()


def test_a_role_that_steps_over_rules_is_not_given_them(
    ready_postgres_url: str, postgres_server: PostgresServer
) -> None:
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS stepping_over")
        connection.execute("CREATE ROLE stepping_over LOGIN BYPASSRLS")
    with pytest.raises(InvalidInput, match="BYPASSRLS"):
        row_security.enable(ready_postgres_url, "stepping_over")
    with pytest.raises(InvalidInput, match="PostgreSQL"):
        row_security.enable("sqlite://", ROLE)
    odd = 'odd "name" %s; --'
    assert row_security.enable(ready_postgres_url, odd, "p'w%") == {
        "role": odd,
        "created": True,
        "tables": len(metadata.tables) - len(set(row_security.OPEN_TABLES) & set(metadata.tables)),
    }
    assert row_security.enable(ready_postgres_url, odd)["created"] is False


@pytest.fixture
def owned_url(ready_postgres_url: str, postgres_server: PostgresServer) -> Iterator[str]:
    """The database belongs to a role that is no superuser, as a careful operator has it."""
    with psycopg.connect(ready_postgres_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS perdure_owner")
        connection.execute("CREATE ROLE perdure_owner LOGIN CREATEROLE")
        database = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{database}" OWNER TO perdure_owner'.encode())
        connection.execute("ALTER SCHEMA public OWNER TO perdure_owner")
        for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            connection.execute(f'ALTER TABLE "{name}" OWNER TO perdure_owner'.encode())
        connection.execute("ALTER FUNCTION pd_session_role(text, text) OWNER TO perdure_owner")
    yield as_role(ready_postgres_url, "perdure_owner")
    with psycopg.connect(ready_postgres_url, autocommit=True) as connection:
        connection.execute("REASSIGN OWNED BY perdure_owner TO postgres")
        connection.execute("DROP OWNED BY perdure_owner")
        connection.execute("DROP OWNED BY app_of_owner")
        connection.execute("DROP ROLE app_of_owner")
        connection.execute("DROP ROLE perdure_owner")


def test_the_rules_hold_for_the_tables_owner_too_and_migrations_still_see_rows(
    owned_url: str, open_store: OpenStore
) -> None:
    row_security.enable(owned_url, "app_of_owner")
    store = open_store(as_role(owned_url, "app_of_owner"), row_security=True, clock=utc_now)
    store.write_now(factories.add_people)
    made = factories.session(owner_id=ANN)
    with acting_as(ANN):
        store.write_now(lambda tx: sessions.insert_session(tx, made))
    share_with(store, made.id, BOB, Role.VIEW)  # a rule that asks a function of the owner's
    with acting_as(BOB):
        assert counts(store)["pd_shares"] == 1
    with psycopg.connect(owned_url) as connection:
        assert connection.execute("SELECT count(*) FROM pd_sessions").fetchone() == (0,)
    owners = open_store(owned_url, row_security=True)
    assert counts(owners)["pd_sessions"] == 1
