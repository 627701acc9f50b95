"""`perdure db row-security`: from a bare database to a server that the rules hold for, and back."""

from __future__ import annotations

import json

import psycopg
import pytest

from perdure.cli.exits import Exit
from perdure.store.store import Store
from tests.cli.conftest import Command
from tests.factories import KEY
from tests.provision.row_security import as_role


def test_switches_the_rules_on_for_a_role_and_off_again(perdure: Command, ready_postgres_url: str) -> None:
    told = perdure(
        *("db", "row-security", "--role", "of_cli", "--password", "--json", "--database", ready_postgres_url),
        input="it's secret\n",
    )
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert (report["role"], report["created"]) == ("of_cli", True)
    assert "secret" not in told.stdout
    with psycopg.connect(as_role(ready_postgres_url, "of_cli"), password="it's secret") as connection:
        assert connection.execute("SELECT count(*) FROM pd_sessions").fetchone() == (0,)

    store = Store(as_role(ready_postgres_url, "of_cli"), secret_key=KEY, row_security=True)
    store.open()
    store.close()
    checked = perdure("db", "check", "--json", "--database", as_role(ready_postgres_url, "of_cli"))
    assert json.loads(checked.stdout)["ok"] is True

    off = perdure("db", "row-security", "--off", "--database", ready_postgres_url)
    assert off.exit_code == 0
    assert off.stdout.startswith(f"{report['tables']} tables")


@pytest.mark.parametrize("arguments", [[], ["--role", "a", "--off"]])
def test_needs_to_know_which(perdure: Command, arguments: list[str]) -> None:
    told = perdure("db", "row-security", *arguments)
    assert told.exit_code != Exit.OK
    assert "--role NAME or --off" in told.stderr


def test_says_that_other_databases_do_not_check_rows(perdure: Command) -> None:
    told = perdure("db", "row-security", "--role", "somebody")
    assert told.exit_code != Exit.OK
    assert "Only PostgreSQL" in told.stderr
