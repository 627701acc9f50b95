"""The commands against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from perdure.cli import answering
from perdure.cli.exits import Exit
from perdure.client import Perdure
from tests.cli.conftest import Command
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer

PLAN = ["--mode", "planning-control"]
NOWHERE = "01900000-0000-7000-8000-000000000000"


def _outcome(stdout: str) -> dict[str, Any]:
    return json.loads(stdout.strip().splitlines()[-1])


def test_run_prints_the_result_and_nothing_else_on_stdout(command: Command) -> None:
    Path("notes.md").write_text("Twelve people met.")
    result = command("run", "Summarise the notes", "--file", "notes.md")
    assert result.exit_code == Exit.OK
    assert result.stdout.startswith("Answer ")
    assert "completed" in result.stderr


def test_run_reads_the_task_from_standard_input(command: Command) -> None:
    result = command("run", "-", "--json", input="Write about rivers")
    outcome = _outcome(result.stdout)
    assert (outcome["status"], outcome["exit_code"]) == ("completed", 0)
    shown = json.loads(command("sessions", "show", outcome["session_id"], "--json").stdout)
    assert shown["name"] == "Write about rivers"
    assert shown["conversation_history"][0]["content"] == "Write about rivers"


def test_run_goes_on_in_a_session(command: Command) -> None:
    first = _outcome(command("run", "Say one", "--json").stdout)
    second = _outcome(command("run", "Say two", "--session", first["session_id"], "--json").stdout)
    assert second["session_id"] == first["session_id"]
    assert second["run_id"] != first["run_id"]
    messages = json.loads(command("sessions", "messages", first["session_id"], "--json").stdout)
    assert messages["total_messages"] == 4


def test_follow_shows_phases_steps_text_and_files(command: Command) -> None:
    result = command("run", "Write the minutes", *PLAN, "--follow")
    assert result.exit_code == Exit.OK
    for shown in ("── execution", "▸ Step 1: ", "✓ Step 3: ", "engineer:", "file created: ", "Run completed"):
        assert shown in result.stderr


def test_follow_with_json_prints_every_event_as_a_line(command: Command) -> None:
    result = command("run", "Write a line", "--follow", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["seq"] for line in lines[:-1]] == list(range(1, len(lines)))
    assert lines[-1]["type"] == "outcome"


def test_the_whole_log_is_searched(command: Command) -> None:
    session = _outcome(command("run", "Write about herons", "--json").stdout)["session_id"]
    found = command("sessions", "events", session, "--search", "HERONS").stdout.splitlines()
    types = [line.split()[3] for line in found]
    assert {"workflow_started", "agent_message"} <= set(types)
    assert "cost_update" not in types
    only = command("sessions", "events", session, "--type", "workflow_started", "--json").stdout
    assert [json.loads(line)["type"] for line in only.splitlines()] == ["workflow_started"]
    newest = command("sessions", "events", session, "--limit", "2")
    assert len(newest.stdout.splitlines()) == 2
    assert "The newest 2" in newest.stderr
    assert "No event says that" in command("sessions", "events", session, "--search", "qqq").stderr


def test_no_wait_ends_when_a_person_is_asked_and_the_answer_lets_it_go_on(command: Command) -> None:
    asked = command("run", "Write it", *PLAN, "--approval-mode", "after_planning", "--no-wait", "--json")
    outcome = _outcome(asked.stdout)
    assert asked.exit_code == Exit.WAITS
    session, approval = outcome["session_id"], outcome["approval_id"]
    assert approval in command("approvals", "list", "--session", session).stdout
    assert "steps" in command("approvals", "show", approval).stdout
    assert command("attach", session, "--no-wait").exit_code == Exit.WAITS
    assert command("approvals", "answer", approval).exit_code == Exit.USAGE
    assert command("approvals", "answer", approval, "approve").exit_code == Exit.OK
    late = command("approvals", "answer", approval, "reject")
    assert late.exit_code == Exit.CONFLICT
    assert "already approved" in late.stderr
    attached = command("attach", session)
    assert attached.exit_code == Exit.OK
    assert "Run completed" in attached.stderr


def test_a_question_is_answered_at_the_prompt(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "is_interactive", lambda: True)
    arguments = ["run", "Write that", *PLAN, "--approval-mode", "after_planning", "--json"]
    result = command(*arguments, input="perhaps\nappr\n")
    assert result.exit_code == Exit.OK
    assert "Choose one of approve" in result.stderr
    assert _outcome(result.stdout)["status"] == "completed"


def test_a_failed_run_ends_with_its_own_code(command: Command, provider: OpenAIServer) -> None:
    provider.fail_next(1, 400)
    result = command("run", "Fail at this")
    assert result.exit_code == Exit.FAILED
    assert "sessions resume" in result.stderr


def test_a_cancelled_run_ends_with_its_own_code(
    command: Command, provider: OpenAIServer, server: PerdureServer
) -> None:
    provider.hold("interminable")
    try:
        started = json.loads(command("run", "Write interminable prose", "--detach", "--json").stdout)
        provider.wait_until_held()
        with Perdure(server.url) as client:
            client.runs.cancel(started["run_id"])
        result = command("attach", started["session_id"])
    finally:
        provider.release()
    assert result.exit_code == Exit.CANCELLED


def test_sessions_move_through_their_life(command: Command) -> None:
    session = _outcome(command("run", "Live", "--json").stdout)["session_id"]
    assert command("sessions", "archive", session).stdout.split() == [session, "archived"]
    assert command("sessions", "restore", session).exit_code == Exit.OK
    assert command("sessions", "resume", session).exit_code == Exit.OK
    assert command("sessions", "suspend", session, "--reason", "lunch").exit_code == Exit.OK
    twice = command("sessions", "suspend", session)
    assert twice.exit_code == Exit.CONFLICT
    assert "suspended" in twice.stderr
    assert command("sessions", "complete", session).exit_code == Exit.OK
    assert session in command("sessions", "list", "--status", "completed").stdout
    assert session in command("sessions", "search", "Live").stdout
    assert command("sessions", "delete", session).exit_code == Exit.OK
    assert command("sessions", "show", session).exit_code == Exit.NOT_FOUND
    assert command("sessions", "delete", session, "--purge", input="n\n").exit_code != Exit.OK
    assert command("sessions", "delete", session, "--purge", "--yes").exit_code == Exit.OK


def test_costs_files_and_doctor(command: Command) -> None:
    Path("a.txt").write_text("content")
    session = _outcome(command("run", "Count", "--json").stdout)["session_id"]
    assert command("files", "put", session, "a.txt", "--as", "in/b.txt").stdout.strip() == "in/b.txt"
    assert "in/b.txt" in command("files", "list", session).stdout
    assert command("files", "get", session, "in/b.txt").stdout == "content"
    assert command("files", "get", session, "in/b.txt", "-o", "c.txt").exit_code == Exit.OK
    assert Path("c.txt").read_text() == "content"
    assert command("files", "get", session, "../secret.key").exit_code != Exit.OK
    assert "unpriced" in command("costs", session).stdout
    assert command("costs", session, "--by", "moon").exit_code == Exit.USAGE
    assert session in command("costs").stdout
    doctor = command("doctor")
    assert "ready" in doctor.stdout
    assert "storage" in doctor.stdout


def test_errors_are_one_line_with_their_code(command: Command) -> None:
    for arguments, code in (
        (["sessions", "show", NOWHERE], Exit.NOT_FOUND),
        (["sessions", "show", "nonsense"], Exit.USAGE),
        (["run", "x", "--mode", "one-shoot"], Exit.USAGE),
        (["sessions", "fork", NOWHERE], Exit.NOT_FOUND),
    ):
        result = command(*arguments)
        assert result.exit_code == code
        assert result.stderr.startswith("Error: ")
        assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.faults
def test_attach_survives_a_restart_and_says_so(provider: OpenAIServer, tmp_path: Path) -> None:
    provider.hold("long minutes")
    with PerdureServer(tmp_path / "server", provider.environment()) as server, Perdure(server.url) as client:
        session = client.sessions.create("one-shot").session_id
        client.runs.start(session, "Write long minutes")
        provider.wait_until_held()
        attached = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from perdure.cli import main; main()",
                "attach",
                session,
                "--server",
                server.url,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not client.server.stats().model_dump().get("connections"):
            assert attached.poll() is None
            time.sleep(0.05)
        server.kill()
        provider.release()
        server.start()
        _stdout, stderr = attached.communicate(timeout=60)
    assert attached.returncode == Exit.OK
    assert "reconnecting" in stderr
    assert "Run completed" in stderr
