"""The drill on PostgreSQL: dumped while a run is in flight, restored into another database, and the run goes on."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from perdure.cli.exits import Exit
from perdure.client import Perdure
from tests.cli.conftest import Command
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer
from tests.provision.postgres import PostgresServer


def test_the_drill_on_postgres(
    perdure: Command, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second = postgres_server.create_database(), postgres_server.create_database()
    old, new = postgres_server.url(first), postgres_server.url(second)
    monkeypatch.setenv("PERDURE_DATABASE_URL", old)
    with OpenAIServer() as provider:
        with PerdureServer(tmp_path / "old", provider.environment()) as server, Perdure(server.url) as client:
            session = client.sessions.create("one-shot", metadata={"sealed": "metadata"}).session_id
            client.files.upload(session, "kept.md", b"kept")
            provider.hold("YOUR STEP (2)")
            work = client.runs.submit("Summarise the notes", {"mode": "planning-control"})
            provider.wait_until_held()
            _run(postgres_server, "pg_dump", "--format=custom", f"--file={tmp_path / 'perdure.dump'}", old)
            made = perdure("backup", tmp_path / "files", "--data", tmp_path / "old")
            assert "pg_dump" in made.stderr
            server.kill()
        provider.release()
        _run(postgres_server, "pg_restore", f"--dbname={new}", str(tmp_path / "perdure.dump"))
        shutil.copytree(tmp_path / "files", tmp_path / "new")
        done = perdure("restore", "--database", new, "--data", tmp_path / "new")
        assert done.exit_code == Exit.OK, done.output
        monkeypatch.setenv("PERDURE_DATABASE_URL", new)
        with PerdureServer(tmp_path / "new", provider.environment()) as server, Perdure(server.url) as client:
            assert client.sessions.get(session).metadata == {"sealed": "metadata"}
            assert client.files.read(session, "kept.md") == b"kept"
            for _ in client.stream(work.session_id, until_idle=True):
                pass
            assert client.runs.get(work.run_id).status == "completed"
            events = client.sessions.events(work.session_id, limit=200).events
        assert perdure("db", "check").exit_code == Exit.OK
        assert perdure("audit", "verify").exit_code == Exit.OK
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events].count("workflow_complete") == 1


def _run(server: PostgresServer, program: str, *arguments: str) -> None:
    subprocess.run([server.program(program), *arguments], check=True, capture_output=True)
