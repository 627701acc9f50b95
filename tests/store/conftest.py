"""One suite, three stores: a SQLite file, SQLite in memory, and PostgreSQL."""

from __future__ import annotations

import pytest

from perdure.core.sessions import Session
from perdure.store import sessions
from perdure.store.store import Store
from tests import factories
from tests.factories import OpenStore


@pytest.fixture(params=["file", "memory", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty database at the newest schema."""
    match request.param:
        case "file":
            return request.getfixturevalue("sqlite_url")
        case "memory":
            return "sqlite://"
        case _:
            return request.getfixturevalue("ready_postgres_url")


@pytest.fixture
def store(open_store: OpenStore, database_url: str) -> Store:
    """An open store that knows the people of the tests."""
    opened = open_store(database_url)
    opened.write_now(factories.add_people)
    return opened


@pytest.fixture
def session(store: Store) -> Session:
    """A session in the store."""
    made = factories.session()
    store.write_now(lambda tx: sessions.insert_session(tx, made))
    return made
