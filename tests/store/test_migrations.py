"""The schema goes up and down on both databases, and says the same as the tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from perdure.store import maintenance, migrate
from perdure.store.address import open_postgres, open_sqlite, parse_address
from perdure.store.tables import metadata


@pytest.fixture(params=["sqlite", "postgres"])
def connection(request: pytest.FixtureRequest, tmp_path: object) -> Iterator[Connection]:
    """A connection to an empty database."""
    if request.param == "sqlite":
        engine = open_sqlite(parse_address(f"sqlite:///{tmp_path}/empty.db"))
    else:
        engine = open_postgres(parse_address(request.getfixturevalue("postgres_url")))
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def tables(connection: Connection) -> set[str]:
    return {name for name in inspect(connection).get_table_names() if name.startswith("pd_")}


def test_up_down_and_up_again(connection: Connection) -> None:
    config = migrate._config(connection)
    command.upgrade(config, "head")
    assert tables(connection) == {*metadata.tables, "pd_schema_version"}
    command.downgrade(config, "base")
    assert tables(connection) == {"pd_schema_version"}
    command.upgrade(config, "head")
    assert tables(connection) == {*metadata.tables, "pd_schema_version"}


def test_missions_of_an_older_program_stay_the_missions_of_their_sessions(connection: Connection) -> None:
    config = migrate._config(connection)
    command.upgrade(config, "0002")
    connection.execute(
        text("INSERT INTO pd_users (id, name, role, created_at) VALUES ('u', 'n', 'member', 1)")
    )
    common = "'u', 'n', 'g', '[]', '', 'accepted', 1, 7, 7"
    insert = "INSERT INTO pd_missions (id, owner_id, name, goal, success_criteria, scope, status, revision,"
    connection.execute(text(f"{insert} created_at, updated_at) VALUES ('free', {common})"))
    connection.execute(
        text(
            "INSERT INTO pd_sessions (id, owner_id, name, mode, status, config, metadata, tags, resource_limits,"
            " context_variables, version, created_at, updated_at, last_active_at)"
            " VALUES ('s', 'u', 'n', 'm', 'active', '{}', :sealed, '[]', '{}', '{}', 1, 1, 1, 1)"
        ),
        {"sealed": b""},
    )
    connection.execute(text(f"{insert} created_at, updated_at, session_id) VALUES ('linked', {common}, 's')"))
    command.upgrade(config, "head")
    rows = connection.execute(
        text("SELECT id, linked_at, archived_at, origin, metadata FROM pd_missions ORDER BY id")
    ).all()
    assert [tuple(row) for row in rows] == [
        ("free", None, None, "run", "{}"),
        ("linked", 7, None, "run", "{}"),
    ]


def test_the_newest_schema_is_what_the_tables_say(connection: Connection) -> None:
    command.upgrade(migrate._config(connection), "head")
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": "pd_schema_version",
            "compare_type": False,
            "include_object": lambda _o, name, type_, _r, _c: type_ != "table" or str(name).startswith("pd_"),
        },
    )
    assert compare_metadata(context, metadata) == []


def test_an_upgrade_that_is_repeated_changes_nothing(tmp_path: object, postgres_url: str) -> None:
    for url in (f"sqlite:///{tmp_path}/a.db", postgres_url):
        first = maintenance.upgrade(url)
        assert first["revision"] == first["head"]
        assert maintenance.upgrade(url) == first
        assert maintenance.check(url)["revision"] == first["head"]
