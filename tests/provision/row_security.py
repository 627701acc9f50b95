"""PostgreSQL databases that check rows themselves, and a role that may not step over that."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.engine import make_url

from perdure.store import maintenance, row_security
from tests.provision.postgres import PostgresServer

ROLE = "perdure_app"


def as_role(url: str, role: str = ROLE) -> str:
    """Return the same address for another role; the server of the tests trusts everybody."""
    return make_url(url).set(username=role).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def guarded_template(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database at the newest schema that checks rows, to be copied."""
    name = postgres_server.create_database()
    maintenance.upgrade(postgres_server.url(name))
    row_security.enable(postgres_server.url(name), ROLE)
    yield name
    postgres_server.drop_database(name)


@contextmanager
def guarded_database(server: PostgresServer, template: str) -> Generator[str]:
    """Copy the template, and give its address for the role that the rules hold for."""
    name = f"guarded_{uuid4().hex}"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    yield as_role(server.url(name))
    server.drop_database(name)


@pytest.fixture
def guarded_postgres_url(postgres_server: PostgresServer, guarded_template: str) -> Iterator[str]:
    """The address of a database of the test's own, for the role that the rules hold for."""
    with guarded_database(postgres_server, guarded_template) as url:
        yield url
