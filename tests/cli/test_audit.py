"""`perdure audit`: the list from the server, and the verification on the database itself."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from perdure.cli.exits import Exit
from perdure.client import Perdure
from perdure.core.access import LOCAL_ACTOR
from perdure.store.store import Store
from tests.cli.conftest import Command
from tests.factories import KEY
from tests.fakes.perdure_server import PerdureServer


def test_lists_who_did_what(command: Command, server: PerdureServer) -> None:
    with Perdure(server.url, program="script") as client:
        session = client.sessions.create("one-shot", name="Told to nobody")
    assert command("sessions", "suspend", session.session_id).exit_code == Exit.OK
    result = command("audit", "list", "--session", session.session_id)
    assert result.exit_code == Exit.OK
    lines = result.stdout.splitlines()
    assert "session.suspend" in lines[1]
    assert "127.0.0.1 perdure-cli" in lines[1]
    assert "session.create" in lines[2]
    assert lines[2].rstrip().endswith("127.0.0.1 script")
    assert "Told to nobody" not in result.stdout
    first = command("audit", "list", "--limit", "1", "--json")
    page = json.loads(first.stdout)
    assert page["entries"][0]["action"] == "session.suspend"
    older = json.loads(command("audit", "list", "--cursor", page["next_cursor"], "--json").stdout)
    assert older["entries"][0]["position"] == page["entries"][0]["position"] - 1


def test_verifies_beside_a_running_server(command: Command, server: PerdureServer) -> None:
    with Perdure(server.url) as client:
        client.sessions.create("one-shot")
        newest = client.audit.list(limit=1).entries[0]
    database = f"sqlite:///{server.data_dir / 'perdure.db'}"
    report = json.loads(command("audit", "verify", "--database", database, "--json").stdout)
    assert report["ok"] is True
    assert (report["rows"], report["last_hash"]) == (newest.position, newest.hash)


def test_names_the_first_bad_row(perdure: Command, sqlite_url: str) -> None:
    empty = perdure("audit", "verify", "--database", sqlite_url)
    assert (empty.exit_code, empty.stdout) == (Exit.OK, "0 rows verified: ok\n")
    _write_three(sqlite_url)
    result = perdure("audit", "verify", "--database", sqlite_url)
    assert (result.exit_code, result.stdout) == (Exit.OK, "3 rows verified: ok\n")
    assert "Hash of row 3: " in result.stderr
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE pd_audit_entries SET actor_id = 'somebody else' WHERE position = 2")
    database.close()
    result = perdure("audit", "verify", "--database", sqlite_url)
    assert result.exit_code == Exit.FAILED
    assert "Row 2 is bad (changed)" in result.stdout
    assert "1 rows before it verified" in result.stdout
    report = json.loads(perdure("audit", "verify", "--database", sqlite_url, "--json").stdout)
    assert (report["ok"], report["fault"], report["position"], report["rows"]) == (False, "changed", 2, 1)


def test_without_a_database_there_is_nothing_to_verify(perdure: Command) -> None:
    result = perdure("audit", "verify")
    assert (result.exit_code, result.stdout) == (Exit.OK, "0 rows verified: ok\n")
    assert not Path("data").exists()


def _write_three(url: str) -> None:
    store = Store(url, secret_key=KEY)
    store.open()
    for number in range(3):
        store.write_now(lambda tx, n=number: tx.audit(LOCAL_ACTOR, "session.load", "session", str(n)))
    store.close()
