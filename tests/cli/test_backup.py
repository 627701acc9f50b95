"""The drill: a server is backed up while it works, lost, restored elsewhere, and its work goes on there."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.cli.exits import Exit
from perdure.client import LogReset, Perdure
from perdure.errors import Unauthenticated
from perdure.store.store import Store
from perdure.store.tables import session_logs
from tests.cli.conftest import Command
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer

ANA, SECRET = "ana@example.com", "correct horse battery staple"


@pytest.fixture
def working() -> Iterator[OpenAIServer]:
    """A provider of the test's own, whose answers can be held."""
    with OpenAIServer() as provider:
        yield provider


def test_the_drill(perdure: Command, working: OpenAIServer, tmp_path: Path) -> None:
    old = tmp_path / "old"
    environment = {**working.environment(), "PERDURE_AUTH": "password"}
    made = perdure("users", "create", ANA, "--password-stdin", "--data", old, input=f"{SECRET}\n")
    assert made.exit_code == Exit.OK, made.output
    key = perdure("keys", "create", "ci", "--user", ANA, "--scope", "manage", "--data", old).stdout.strip()
    with PerdureServer(old, environment) as server, Perdure(server.url) as ana:
        ana.login(ANA, SECRET)
        access = ana.auth.login(ANA, SECRET).access_token
        session = ana.sessions.create("one-shot", name="Kept", metadata={"sealed": "metadata"}).session_id
        ana.files.upload(session, "notes/kept.md", b"Twelve people met.")
        working.hold("YOUR STEP (2)")
        work = ana.runs.submit("Summarise the notes", {"mode": "planning-control"})
        working.wait_until_held()
        result = perdure("backup", tmp_path / "backup", "--data", old, "--json")
        assert result.exit_code == Exit.OK, result.output
        later = ana.sessions.create("one-shot", name="After the backup").session_id
        ana.sessions.update(session, {"name": "Changed after the backup"})
        server.kill()
    working.release()
    shutil.rmtree(old)
    calls = dict(working.counts)

    restored = perdure("restore", tmp_path / "backup", "--data", tmp_path / "new", "--json")
    assert restored.exit_code == Exit.OK, restored.output
    assert json.loads(restored.stdout)["sign_ins"] == 2
    with PerdureServer(tmp_path / "new", environment) as server:
        with Perdure(server.url, token=access) as before, pytest.raises(Unauthenticated):
            before.sessions.list()
        with Perdure(server.url, key) as ana:
            names = {s.session_id: s.name for s in ana.sessions.list().sessions}
            assert names[session] == "Kept"
            assert later not in names
            assert ana.sessions.get(session).metadata == {"sealed": "metadata"}
            assert ana.files.read(session, "notes/kept.md") == b"Twelve people met."
            for _ in ana.stream(work.session_id, until_idle=True):
                pass
            assert ana.runs.get(work.run_id).status == "completed"
            events = ana.sessions.events(work.session_id, limit=200).events
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    done = [event.data["key"] for event in events if event.type == "step_completed"]
    assert done == ["plan", "step-1", "step-2", "step-3", "report"]
    repeated = {call for call, count in working.counts.items() if count > 1 and calls.get(call, 0)}
    assert len(repeated) <= 1, "only the call in flight is made again"
    assert perdure("db", "check", "--database", f"sqlite:///{tmp_path}/new/perdure.db").exit_code == Exit.OK
    assert perdure("audit", "verify", "--database", f"sqlite:///{tmp_path}/new/perdure.db").exit_code == 0


def test_a_reader_that_has_seen_more_than_the_copy_holds_starts_anew(
    perdure: Command, server: PerdureServer, provider: OpenAIServer, tmp_path: Path
) -> None:
    with Perdure(server.url) as client:
        session = client.sessions.create("one-shot").session_id
        assert perdure("backup", tmp_path / "backup", "--data", server.data_dir).exit_code == Exit.OK
        client.runs.start(session, "Say hello")
        seen = [event.seq for event in client.stream(session, until_idle=True)][-1]
    epochs = _epochs(tmp_path / "backup" / "perdure.db")
    for name in ("one", "two"):
        assert perdure("restore", tmp_path / "backup", "--data", tmp_path / name).exit_code == Exit.OK
        assert min(_epochs(tmp_path / name / "perdure.db")) > max(epochs)
    with PerdureServer(tmp_path / "two", provider.environment()) as again, Perdure(again.url) as client:
        head = client.sessions.get(session).head
        assert head < seen
        with pytest.raises(LogReset):
            list(client.stream(session, after=seen, until_idle=True))


def test_a_copy_is_for_its_owner_alone_and_leads_nowhere_else(
    perdure: Command, server: PerdureServer, tmp_path: Path
) -> None:
    with Perdure(server.url) as client:
        session = client.sessions.create("one-shot").session_id
        client.files.upload(session, "a.txt", b"a")
    (server.data_dir / "workspaces" / session / "passwords").symlink_to("/etc/passwd")
    copy = tmp_path / "copy"
    assert perdure("backup", copy, "--data", server.data_dir).exit_code == Exit.OK
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700
    assert {stat.S_IMODE((copy / n).stat().st_mode) for n in ("perdure.db", "secret.key")} == {0o600}
    assert [path.name for path in (copy / "workspaces" / session).iterdir()] == ["a.txt"]
    assert perdure("backup", copy, "--data", server.data_dir).exit_code == Exit.USAGE
    apart = perdure("backup", tmp_path / "apart", "--data", server.data_dir, "--without-key")
    assert "secret.key is not in it" in apart.stderr
    refused = perdure("restore", tmp_path / "apart", "--data", tmp_path / "new")
    assert (refused.exit_code, "PERDURE_SECRET_KEY" in refused.stderr) == (Exit.USAGE, True)
    assert not (tmp_path / "new").exists()


def test_what_cannot_be_restored_changes_nothing(perdure: Command, tmp_path: Path, sqlite_url: str) -> None:
    assert perdure("restore", tmp_path / "nothing").exit_code == Exit.USAGE
    assert perdure("restore").exit_code == Exit.USAGE
    data = tmp_path / "full"
    Store(sqlite_url, key_file=data / "secret.key")
    assert perdure("backup", tmp_path / "ok", "--data", data, "--database", sqlite_url).exit_code == Exit.OK
    assert perdure("restore", tmp_path / "ok", "--data", data).exit_code == Exit.USAGE
    broken = tmp_path / "ok" / "perdure.db"
    content = bytearray(broken.read_bytes())
    content[4096 * 3 : 4096 * 9] = b"\xff" * 4096 * 6
    broken.write_bytes(content)
    refused = perdure("restore", tmp_path / "ok", "--data", tmp_path / "new")
    assert refused.exit_code == Exit.USAGE
    assert not (tmp_path / "new").exists()
    assert perdure("backup", tmp_path / "no", "--database", "sqlite://").exit_code == Exit.USAGE
    assert perdure("backup", tmp_path / "no", "--data", tmp_path / "none").exit_code == Exit.USAGE
    assert not list(tmp_path.glob(".*partial"))


def _epochs(database: Path) -> list[int]:
    store = Store(f"sqlite:///{database}", secret_key=None)
    store.open()
    try:
        return store.read_now(lambda tx: [row.epoch for row in tx.db.execute(session_logs.select())])
    finally:
        store.close()
