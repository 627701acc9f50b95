"""What every folder of tests shares: real databases, a clock that is moved by hand, and wired services."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from perdure.store import maintenance
from perdure.store.store import Store
from tests.factories import KEY, Clock, OpenStore, Services
from tests.provision.databases import new_database

if TYPE_CHECKING:
    from tests.provision.postgres import PostgresServer

pytest_plugins = [
    "tests.provision.bubblewrap",
    "tests.provision.chromium",
    "tests.provision.garbage",
    "tests.provision.longest_first",
    "tests.provision.postgres",
    "tests.provision.redis",
    "tests.provision.row_security",
]


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until a test moves it."""
    return Clock()


@pytest.fixture
def open_store(clock: Clock) -> Iterator[OpenStore]:
    """Opens stores, and closes those that the test left open."""
    opened: list[Store] = []

    def open_(url: str, **options: object) -> Store:
        store = Store(url, **{"secret_key": KEY, "clock": clock, "durability": "normal", **options})
        opened.append(store)
        store.open()
        return store

    yield open_
    for store in opened:
        store.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file at the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("template") / "perdure.db"
    new_database(path)
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database at the newest schema, to be copied."""
    name = postgres_server.create_database()
    maintenance.upgrade(postgres_server.url(name))
    yield name
    postgres_server.drop_database(name)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A database file of the test's own."""
    shutil.copy(sqlite_template, tmp_path / "perdure.db")
    return f"sqlite:///{tmp_path / 'perdure.db'}"


@pytest.fixture
def ready_postgres_url(postgres_server: PostgresServer, postgres_template: str) -> Iterator[str]:
    """A PostgreSQL database of the test's own, at the newest schema."""
    name = f"{postgres_template}_{id(object()):x}"
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(postgres_template)
            )
        )
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def services(open_store: OpenStore, sqlite_template: Path, tmp_path: Path) -> Services:
    """All services on a database of the test's own, with an engine that writes down what it is told."""
    shutil.copy(sqlite_template, tmp_path / "services.db")
    return Services(open_store(f"sqlite:///{tmp_path / 'services.db'}"))
