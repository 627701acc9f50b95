"""Forks, comparisons, retries and cancelling from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from perdure.cli.exits import Exit
from tests.cli.conftest import Command
from tests.fakes.openai_server import OpenAIServer

NOWHERE = "01900000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def _calm(provider: OpenAIServer) -> Iterator[None]:
    provider.reset()
    yield
    provider.release()


def _outcome(stdout: str) -> dict[str, Any]:
    return json.loads(stdout.strip().splitlines()[-1])


def _planned(command: Command) -> dict[str, Any]:
    return _outcome(command("run", "Write the minutes", "--mode", "planning-control", "--json").stdout)


def test_a_session_is_forked_and_its_runs_compared(command: Command) -> None:
    first = _planned(command)
    made = command(
        "sessions", "fork", first["session_id"], "--from-step", "step-3", "--input", "A poem", "--json"
    )
    assert made.exit_code == Exit.OK, made.output
    forked = json.loads(made.stdout)
    assert command("attach", forked["session_id"]).exit_code == Exit.OK

    shown = command("runs", "diff", first["run_id"], forked["run_id"])
    assert shown.exit_code == Exit.OK, shown.output
    assert "They part at step-3." in shown.stdout
    assert "The task differs." in shown.stdout
    assert "The config differs in additional_context." in shown.stdout
    assert "Right minus left: " in shown.stdout
    same = command("runs", "diff", first["run_id"], first["run_id"])
    assert "No step differs." in same.stdout
    as_json = json.loads(command("runs", "diff", first["run_id"], forked["run_id"], "--json").stdout)
    assert as_json["first_difference"]["key"] == "step-3"
    assert command("runs", "diff", first["run_id"], NOWHERE).exit_code == Exit.NOT_FOUND


def test_a_run_is_forked_from_its_start(command: Command) -> None:
    first = _outcome(command("run", "Say one", "--json").stdout)
    made = command("runs", "fork", first["run_id"], "--input", "Say two", "--name", "Two")
    assert made.exit_code == Exit.OK, made.output
    session_id = made.stdout.strip()
    assert f"perdure attach {session_id}" in made.stderr
    assert command("attach", session_id).exit_code == Exit.OK
    shown = json.loads(command("sessions", "show", session_id, "--json").stdout)
    assert (shown["name"], shown["current_run"]["task"]) == ("Two", "Say two")
    wrong = command("runs", "fork", first["run_id"], "--from-step", "nine")
    assert wrong.exit_code == Exit.NOT_FOUND
    assert "answer" in wrong.stderr


def test_a_run_is_cancelled_and_a_failed_one_retried(command: Command, provider: OpenAIServer) -> None:
    provider.hold("Hold on", after_tokens=1)
    started = json.loads(command("run", "Hold on", "--detach", "--json").stdout)
    provider.wait_until_held()
    cancelled = command("runs", "cancel", started["run_id"])
    assert cancelled.exit_code == Exit.OK
    assert "cancel" in cancelled.stdout
    assert command("attach", started["session_id"]).exit_code == Exit.CANCELLED
    provider.release()

    provider.fail_next(1)
    failed = _outcome(command("run", "Say one", "--json").stdout)
    assert failed["status"] == "failed"
    retried = command("runs", "retry", failed["run_id"], "--json")
    assert json.loads(retried.stdout)["run_id"] == failed["run_id"]
    assert command("attach", failed["session_id"]).exit_code == Exit.OK
    assert command("runs", "retry", failed["run_id"]).exit_code == Exit.CONFLICT
    spent = command("costs", failed["session_id"]).stdout
    assert "Of it spent again after crashes and retries: unknown (1 unpriced) in 1 call" in spent


def test_a_failed_run_is_retried_from_a_step(command: Command, provider: OpenAIServer) -> None:
    provider.reply("YOUR STEP (3)", "NOT DONE, it is dark.")
    failed = _planned(command)
    assert failed["status"] == "failed"
    provider.reset()
    wrong = command("runs", "retry", failed["run_id"], "--from-step", "step-9")
    assert wrong.exit_code == Exit.NOT_FOUND
    retried = command("runs", "retry", failed["run_id"], "--from-step", "step-2")
    assert retried.exit_code == Exit.OK, retried.output
    assert command("attach", failed["session_id"]).exit_code == Exit.OK
    assert [provider.count(f"YOUR STEP ({n})") for n in (1, 2, 3)] == [0, 1, 1]
    assert provider.count("Plan this task") == 0


def test_costs_name_steps_and_the_prices_they_are_from(command: Command) -> None:
    first = _planned(command)
    shown = command("costs", first["session_id"], "--by", "step").stdout
    assert "step-1: Read the text" in shown
    assert "report: Final report" in shown
    found = json.loads(command("costs", first["session_id"], "--json").stdout)
    assert len(found["by_step"]) == 5
    assert found["price_versions"] == [], "the provider of the tests is in no list of prices"


def test_what_was_allowed_for_a_session_is_listed_and_taken_back(command: Command) -> None:
    task = '[[call run_shell {"command": "echo hello"}]]'
    started = _outcome(command("run", task, "--mode", "one-shot", "--no-wait", "--json").stdout)
    waiting = json.loads(command("approvals", "list", "--json").stdout)["approvals"]
    question = next(a for a in waiting if a["session_id"] == started["session_id"])
    assert command("approvals", "answer", question["id"], "always").exit_code == Exit.OK
    assert command("attach", started["session_id"]).exit_code == Exit.OK

    assert command("sessions", "grants", started["session_id"]).stdout.split() == ["shell"]
    left = command("sessions", "grants", started["session_id"], "--revoke", "shell", "--json")
    assert json.loads(left.stdout)["grants"] == []
    assert (
        "Nothing is allowed" in command("sessions", "grants", started["session_id"], "--revoke", "all").output
    )
    wrong = command("sessions", "grants", started["session_id"], "--revoke", "shelf")
    assert wrong.exit_code != Exit.OK
    assert "shell" in wrong.output
