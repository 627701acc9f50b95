"""What the command line does and says when no server runs."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import tempfile
from pathlib import Path

import pytest

from perdure.cli import answering, output
from perdure.cli.app import app
from perdure.cli.exits import Exit, exit_of
from perdure.client import ServerUnreachable
from perdure.config import Settings
from perdure.errors import Kind, PerdureError
from perdure.store import maintenance
from tests.cli.conftest import Command

NOWHERE = "http://127.0.0.1:1"
SOME_ID = "01900000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "task"],
        ["attach", SOME_ID],
        ["sessions", "list"],
        ["sessions", "resume", SOME_ID],
        ["approvals", "list"],
        ["costs"],
        ["files", "list", SOME_ID],
    ],
)
def test_says_how_to_start_a_server(perdure: Command, arguments: list[str]) -> None:
    result = perdure(*arguments, "--server", NOWHERE)
    assert result.exit_code == Exit.UNREACHABLE
    assert "perdure serve" in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["run"],
        ["sessions", "list", "--limit", "0"],
        ["costs", "--by", "colour"],
        ["serve", "--port", "many"],
        ["attach", "--what"],
    ],
)
def test_a_usage_error_has_its_own_code(perdure: Command, arguments: list[str]) -> None:
    assert perdure(*arguments).exit_code == Exit.USAGE


def test_a_file_that_is_not_there_is_noticed_before_anything_starts(perdure: Command) -> None:
    result = perdure("run", "task", "--file", "missing.md", "--server", NOWHERE)
    assert result.exit_code == Exit.USAGE
    assert "missing.md" in result.stderr


def test_every_kind_of_error_has_a_code() -> None:
    for kind in Kind:
        error = type("Some", (PerdureError,), {"kind": kind})("x")
        assert exit_of(error) in set(Exit) - {Exit.OK}
    assert exit_of(ServerUnreachable("x")) is Exit.UNREACHABLE


def test_the_documentation_has_every_exit_code_and_command() -> None:
    text = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    assert set(re.findall(r"^\| (\d+) \|", text, re.MULTILINE)) == {str(int(code)) for code in Exit}
    names = [
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    ]
    names += [
        f"{group.name} {command.name or command.callback.__name__}"
        for group in app.registered_groups
        for command in (group.typer_instance.registered_commands if group.typer_instance else [])
        if command.callback
    ]
    missing = [name for name in names if f"perdure {name}" not in text]
    assert missing == []


def test_shows_its_version(perdure: Command) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", perdure("--version").stdout)


def test_config_names_the_origin_of_each_setting(perdure: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PERDURE_LOG_LEVEL=DEBUG\n")
    Path("perdure.toml").write_text("max_parallel_runs = 3\n")
    monkeypatch.setenv("API_PORT", "8123")
    monkeypatch.setenv("PERDURE_DATABASE_URL", "postgresql://ana:hush@db/x")
    monkeypatch.setenv("PERDURE_SECRET_KEY", "hush")
    result = perdure("config", "--json")
    rows = {row["name"]: row for row in json.loads(result.stdout)["settings"]}
    assert set(rows) == set(Settings.model_fields)
    assert rows["port"] | {"value": "8123", "origin": "environment: API_PORT"} == rows["port"]
    assert rows["log_level"]["origin"] == ".env: PERDURE_LOG_LEVEL"
    assert (
        rows["max_parallel_runs"] | {"value": "3", "origin": "perdure.toml: max_parallel_runs"}
        == rows["max_parallel_runs"]
    )
    assert rows["host"]["origin"] == "default"
    assert "hush" not in result.stdout
    assert "hush" not in perdure("config").stdout


def test_a_setting_that_cannot_be_used_is_named(perdure: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_PORT", "99999")
    result = perdure("config")
    assert result.exit_code == Exit.USAGE
    assert "PORT" in result.stderr


@pytest.mark.parametrize("model", ["nonsense", "openai-chat:"])
def test_a_server_does_not_start_with_a_default_model_that_cannot_be(
    perdure: Command, tmp_path: Path, model: str
) -> None:
    result = perdure("serve", "--port", "0", "--data", str(tmp_path / "data"), "--model", model)
    assert result.exit_code == Exit.USAGE
    assert "PERDURE_MODEL" in result.stderr
    assert repr(model) in result.stderr


def test_doctor_finds_a_fresh_machine_in_order(perdure: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_PORT", "0")
    result = perdure("doctor", "--json", "--server", NOWHERE)
    report = json.loads(result.stdout)
    assert result.exit_code == Exit.OK
    assert report["ok"] is True
    assert {"Python", "SQLite", "data", "database", "model", "documents", "disk"} <= {
        c["name"] for c in report["checks"]
    }


def test_doctor_says_what_others_on_the_machine_may_reach(
    perdure: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        data.mkdir()
        monkeypatch.setenv("PERDURE_DATA_DIR", str(data))
        monkeypatch.setenv("PERDURE_PORT", "0")

        def private() -> dict[str, str]:
            result = perdure("doctor", "--json", "--server", NOWHERE)
            assert result.exit_code == Exit.OK
            return next(c for c in json.loads(result.stdout)["checks"] if c["name"] == "private")

        data.chmod(0o755)
        (data / "secret.key").touch(mode=0o600)
        (data / "perdure.db").touch()
        (data / "perdure.db").chmod(0o644)
        said = private()
        assert said["state"] == "note"
        assert f"{data} (0755), {data / 'perdure.db'} (0644)" in said["detail"]
        assert "secret.key" not in said["detail"]
        data.chmod(0o700)
        assert private()["state"] == "ok"


def test_doctor_says_which_settings_are_none(
    perdure: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def settings() -> dict[str, str]:
        report = json.loads(perdure("doctor", "--json", "--server", NOWHERE).stdout)
        return next(c for c in report["checks"] if c["name"] == "settings")

    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PERDURE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PERDURE_PORT", "0")
    monkeypatch.setenv("PERDURE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PERDURE_API_KEY", "of the client")
    assert settings()["state"] == "ok"
    monkeypatch.setenv("PERDURE_PROT", "1")
    (tmp_path / ".env").write_text("PERDURE_SESION_TTL=1h\nOTHER=1\n")
    (tmp_path / "perdure.toml").write_text('port = 0\nmodle = "local"\n')
    said = settings()
    assert said["state"] == "note"
    for name, place, meant in (
        ("PERDURE_PROT", "the environment", "PERDURE_PORT"),
        ("PERDURE_SESION_TTL", ".env", "PERDURE_SESSION_TTL"),
        ("modle", "perdure.toml", "model"),
    ):
        assert f"{name} in {place} is not a setting and does nothing; did you mean {meant}?" in said["detail"]
    assert "OTHER" not in said["detail"]


def test_doctor_says_that_the_port_is_taken(perdure: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PERDURE_PORT", str(taken.getsockname()[1]))
        result = perdure("doctor")
    assert result.exit_code == Exit.FAILED
    assert "PERDURE_PORT" in result.stdout


def test_doctor_says_that_the_database_cannot_be_read(perdure: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "perdure.db").write_bytes(b"this is not a database, whatever its name says" * 99)
    result = perdure("doctor", "--server", NOWHERE)
    assert result.exit_code == Exit.FAILED
    assert "✗ database" in result.stdout


def test_a_database_is_upgraded_checked_and_copied(perdure: Command, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    assert perdure("db", "check", "--database", url).exit_code == Exit.OK
    upgraded = json.loads(perdure("db", "upgrade", "--database", url, "--json").stdout)
    assert upgraded["revision"] == upgraded["head"]
    assert perdure("db", "upgrade", "--database", url).exit_code == Exit.OK
    checked = json.loads(perdure("db", "check", "--database", url, "--json").stdout)
    assert (checked["ok"], checked["integrity"]) == (True, "ok")
    assert perdure("db", "backup", tmp_path / "copy.db", "--database", url).exit_code == Exit.OK
    assert maintenance.check(f"sqlite:///{tmp_path / 'copy.db'}")["revision"] == upgraded["head"]
    assert perdure("db", "backup", tmp_path / "copy.db", "--database", url).exit_code == Exit.USAGE


def test_check_finds_a_hole_in_a_log(perdure: Command, tmp_path: Path) -> None:
    from perdure import create_session_manager

    url = f"sqlite:///{tmp_path / 'x.db'}"
    with create_session_manager(url, data_dir=tmp_path) as manager:
        manager.create_session("copilot")
    with sqlite3.connect(tmp_path / "x.db") as broken:
        broken.execute("UPDATE pd_session_logs SET last_seq = last_seq + 1")
    broken.close()
    result = perdure("db", "check", "--database", url)
    assert result.exit_code == Exit.FAILED
    assert "hole" in result.stdout


def test_what_agents_say_cannot_steer_the_terminal() -> None:
    assert output.safe("a\x1b[2Jb\x07c\x9bd\u202ee\nf\tg") == "a[2Jbcde\nf\tg"


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("approve", "approve"), (" A", "approve"), ("rej", "reject"), ("re", None), ("", None), ("yes", None)],
)
def test_an_answer_is_taken_only_when_it_is_clear(text: str, chosen: str | None) -> None:
    assert answering.choose(text, ["approve", "reject", "revise"]) == chosen


def test_unknown_costs_are_never_shown_as_nothing() -> None:
    assert output.money(None) == "unknown"
    assert output.money(0.0, 3) == "unknown (3 unpriced)"
    assert output.money(0.5, 2) == "$0.5000 + 2 unpriced"
    assert output.money(0.0) == "$0.0000"
    assert output.money(12.3456) == "$12.35"
