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


def test_a_record_written_anew_is_noticed_by_what_was_noted(
    perdure: Command, sqlite_url: str, tmp_path: Path
) -> None:
    kept, database = tmp_path / "kept", sqlite_url.removeprefix("sqlite:///")
    _write_three(sqlite_url)
    first = perdure("audit", "head", "--append", kept, "--database", sqlite_url)
    assert first.exit_code == Exit.OK
    assert kept.read_text() == first.stdout
    _write_three(sqlite_url)
    report = json.loads(perdure("audit", "head", "--append", kept, "--database", sqlite_url, "--json").stdout)
    assert report["position"] == 6
    assert len(kept.read_text().splitlines()) == 2
    against = ("audit", "verify", "--against", kept, "--database", sqlite_url)
    assert perdure(*against).exit_code == Exit.OK
    whole = Path(database).read_bytes()

    with sqlite3.connect(database) as opened:
        opened.execute("DELETE FROM pd_audit_entries")
        opened.execute("UPDATE pd_audit_head SET position = 0, hash = ?", ("0" * 64,))
    opened.close()
    _write_three(sqlite_url)
    assert perdure("audit", "verify", "--database", sqlite_url).exit_code == Exit.OK  # consistent in itself
    assert perdure(*against).exit_code == Exit.FAILED
    shorter = perdure("audit", "head", "--append", kept, "--database", sqlite_url)
    assert (shorter.exit_code, "notes row 6" in shorter.stderr) == (Exit.FAILED, True)
    _write_three(sqlite_url)
    rewritten = perdure(*against)
    assert (rewritten.exit_code, "Row 3 is bad (rewritten)" in rewritten.stdout) == (Exit.FAILED, True)
    Path(database).write_bytes(whole)
    assert perdure(*against).exit_code == Exit.OK
    kept.write_text("not a hash\n")
    assert perdure(*against).exit_code == Exit.USAGE
    assert perdure("audit", "verify", "--against", tmp_path / "none").exit_code == Exit.USAGE


def test_copies_are_on_record_and_so_in_the_copy(perdure: Command, sqlite_url: str, tmp_path: Path) -> None:
    _write_three(sqlite_url)
    one = ("db", "backup", tmp_path / "one.db", "--database", sqlite_url)
    assert perdure(*one).exit_code == Exit.OK
    assert perdure(*one).exit_code == Exit.USAGE  # it exists: no copy, no entry
    data = tmp_path / "data"
    all_ = json.loads(
        perdure("backup", tmp_path / "all", "--data", data, "--database", sqlite_url, "--json").stdout
    )
    assert all_["recorded"] is True
    with sqlite3.connect(tmp_path / "all" / "perdure.db") as copy:
        noted = copy.execute(
            "SELECT action, details, source FROM pd_audit_entries WHERE position > 3 ORDER BY position"
        ).fetchall()
        copy.execute("UPDATE pd_schema_version SET version_num = '0003'")
    copy.close()
    assert [row[:2] for row in noted] == [
        ("server.backup", '{"what":"database"}'),
        ("server.backup", '{"key":true,"what":"all"}'),
    ]
    assert all(row[2].startswith("command line of ") for row in noted)
    older = perdure("db", "backup", tmp_path / "o.db", "--database", f"sqlite:///{tmp_path}/all/perdure.db")
    assert (older.exit_code, "not in the audit log" in older.stderr) == (Exit.OK, True)


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
