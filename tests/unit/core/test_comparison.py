"""Comparing runs, renaming copies, and telling from events what a session was."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.core.comparison import Side, align, compare
from perdure.core.past import Past
from perdure.core.renaming import Renaming
from perdure.core.runs import RunStatus, Step, StepStatus
from perdure.ids import new_id
from perdure.store.columns import dumps
from tests import factories
from tests.factories import START

_KEYS = st.lists(st.sampled_from("abcdefg"), unique=True, max_size=7)


def _step(key: str, **values: Any) -> Step:
    given: dict[str, Any] = {
        "id": new_id(),
        "run_id": "r",
        "session_id": "s",
        "key": key,
        "position": 1,
        "phase": "execution",
        "name": key,
        "status": StepStatus.COMPLETED,
        "checkpoint": {"k": key},
        "started_at": START,
        "completed_at": START + timedelta(seconds=2),
    }
    return Step(**{**given, **values})


def _side(*steps: Step, costs: dict[str, int | None] | None = None, **values: Any) -> Side:
    run = factories.run("s", status=RunStatus.COMPLETED, result={"summary": "s"}, **values)
    calls = [
        factories.call(
            run, f"{run.id}:{n}", step_id=step.id, cost_usd_micros=(costs or {}).get(step.key, 100)
        )
        for n, step in enumerate(steps)
    ]
    return Side(run, steps, calls)


@given(_KEYS, _KEYS)
def test_every_step_stands_once_and_the_left_order_holds(left: list[str], right: list[str]) -> None:
    pairs = align([_step(k) for k in left], [_step(k) for k in right])
    keys = [pair.key for pair in pairs]
    assert sorted(keys) == sorted({*left, *right})
    assert [k for k in keys if k in left] == left
    for pair in pairs:
        assert (pair.left is not None, pair.right is not None) == (pair.key in left, pair.key in right)
        assert pair.same == (pair.key in left and pair.key in right)


def test_a_step_of_the_right_alone_stands_where_the_right_had_it() -> None:
    pairs = align([_step(k) for k in "abd"], [_step(k) for k in "acbe"])
    assert [pair.key for pair in pairs] == ["a", "c", "b", "d", "e"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x"),
        ("goal", "x"),
        ("status", StepStatus.FAILED),
        ("checkpoint", {"k": "other"}),
        ("summary", "x"),
    ],
)
def test_two_runs_part_at_the_first_step_that_differs(field: str, value: Any) -> None:
    left = _side(_step("a"), _step("b"), _step("c"))
    right = _side(_step("a"), _step("b", **{field: value}), _step("c", summary="also"))
    found = compare(left, right)
    assert found["first_difference"] == {"key": "b", "differs": [field]}
    assert [row["same"] for row in found["steps"]] == [True, False, False]
    assert not found["same"]


def test_times_and_costs_make_no_difference_but_are_told() -> None:
    left = _side(_step("a"), started_at=START, completed_at=START + timedelta(seconds=9))
    right = _side(
        _step("a", completed_at=START + timedelta(seconds=3)),
        costs={"a": 350},
        started_at=START,
        completed_at=START + timedelta(seconds=4),
    )
    found = compare(left, right)
    assert (found["same"], found["first_difference"]) == (True, None)
    (row,) = found["steps"]
    assert (row["cost_usd"], row["duration_ms"]) == (0.00025, 1000)
    assert found["totals"]["difference"]["duration_ms"] == -5000
    assert found["totals"]["difference"]["cost_usd"] == 0.00025


def test_what_is_unknown_on_one_side_has_no_difference() -> None:
    found = compare(_side(_step("a")), _side(_step("a", completed_at=None), costs={"a": None}))
    (row,) = found["steps"]
    assert (row["cost_usd"], row["duration_ms"]) == (None, None)
    assert found["totals"]["right"] == {
        "cost_usd": None,
        "unpriced_calls": 1,
        "calls": 1,
        "input_tokens": 100,
        "output_tokens": 10,
        "duration_ms": None,
        "steps": 1,
    }


def test_task_config_and_result_are_compared_too() -> None:
    left = _side(_step("a"), config={"model": "x", "n": 1})
    right = Side(
        left.run.model_copy(update={"task": "Other", "config": {"model": "y", "n": 1}, "result": {}}),
        left.steps,
        left.calls,
    )
    found = compare(left, right)
    assert (found["first_difference"], found["same"]) == (None, False)
    assert (found["config"]["differs"], found["result"]["differs"]) == (["model"], ["summary"])
    assert (found["task"]["left"], found["task"]["right"]) == ("Write a report", "Other")


def test_ids_are_renamed_where_they_are_ids_and_nowhere_else() -> None:
    one, two, other = new_id(), new_id(), new_id()
    renaming = Renaming()
    new = renaming.add(one)
    assert renaming.add(one) == new
    renaming.add_all([one, two])
    value = {
        "id": one,
        one: [two, f"{one}:1:3", other],
        "text": f'about {one}, and a quote "{one}" of it',
        "number": 1,
        "none": None,
    }
    expected = {
        "id": new,
        new: [renaming[two], f"{new}:1:3", other],
        "text": f'about {one}, and a quote "{one}" of it',
        "number": 1,
        "none": None,
    }
    assert renaming.value(value) == expected
    assert json.loads(renaming.json(dumps(value))) == expected
    assert (renaming.get(None), renaming.get(other), other in renaming, one in renaming) == (
        None,
        None,
        False,
        True,
    )


class Log:
    """Tells a past event by event."""

    def __init__(self) -> None:
        self.past = Past()
        self.seq = 0

    def tell(self, type_: str, run_id: str | None = None, **data: Any) -> Log:
        self.seq += 1
        self.past.take(self.seq, type_, run_id, lambda: data, START + timedelta(seconds=self.seq))
        return self


def test_a_run_is_what_its_last_event_made_it() -> None:
    log = Log().tell("agent_message", "r", message_id="m", role="user", content="Do it")
    run = log.past.runs["r"]
    assert (run.status, run.begun, run.ended, log.past.open_run) == ("queued", False, False, run)
    log.tell("workflow_started", "r", attempt=1)
    assert (run.status, run.begun) == ("running", True)
    log.tell("workflow_paused", "r")
    assert run.status == "paused"
    log.tell("workflow_failed", "r", error={"message": "no"})
    assert (run.status, run.error, run.ended, log.past.open_run) == ("failed", {"message": "no"}, True, None)
    log.tell("workflow_resumed", "r", attempt=2)
    assert (run.status, run.error, run.completed_at, run.attempt) == ("running", None, None, 2)
    log.tell("workflow_complete", "r", result={"summary": "s"})
    assert (run.status, run.result, run.completed_at) == (
        "completed",
        {"summary": "s"},
        START + timedelta(seconds=6),
    )


def test_a_step_began_where_it_began_last() -> None:
    log = (
        Log()
        .tell("step_started", "r", step_id="s", attempt=1)
        .tell("step_failed", "r", step_id="s", attempt=1)
    )
    assert log.past.runs["r"].steps["s"].status == "failed"
    log.tell("step_started", "r", step_id="s", attempt=2)
    step = log.past.runs["r"].steps["s"]
    assert (step.status, step.attempt, step.began) == ("running", 2, 3)
    log.tell("step_completed", "r", step_id="s", attempt=2)
    assert (step.status, log.past.runs["r"].attempt) == ("completed", 2)


def test_files_questions_and_the_session_are_told_too() -> None:
    log = Log()
    log.tell("session_update", status="active").tell("phase_change", "r", phase="execution", step_number=2)
    log.tell("file_update", "r", path="a", change="created", sha256="1", asset_id="f")
    log.tell("file_update", "r", path="b", change="created", sha256="2")
    log.tell("file_update", "r", path="b", change="removed")
    log.tell("approval_request", "r", approval_id="q").tell("approval_request", "r", approval_id="p")
    log.tell("approval_resolved", "r", approval_id="q", status="approved")
    log.tell("history_cleared", position=4)
    past = log.past
    assert past.files == {"a": "1", "b": None}
    assert {q.id: q.status for q in past.questions.values()} == {"q": "approved", "p": "pending"}
    assert (past.status, past.phase, past.step_number, past.history_from) == ("active", "execution", 2, 4)
    assert list(past.ids) == ["f", "q", "p"]


def test_a_plan_has_the_statuses_that_came_after_it() -> None:
    plan = {"mission_id": "m", "status": "accepted", "steps": [{"hop_id": "h1"}, {"hop_id": "h2"}]}
    log = Log().tell("plan_update", "r", change="accepted", plan=plan)
    log.tell(
        "dag_update", "r", nodes=[{"id": "plan", "status": "completed"}, {"id": "h1", "status": "executing"}]
    )
    then = log.past.plan_of("r")
    assert then is not None
    assert (then.mission_id, then.statuses) == ("m", {"h1": "executing"})
    assert list(log.past.ids) == ["m", "h1", "h2"]
    log.tell("plan_update", "r", change="revised", plan={**plan, "steps": [{"hop_id": "h3"}]})
    again = log.past.plan_of("r")
    assert again is not None
    assert (again.statuses, log.past.plan_of("other")) == ({}, None)


def test_a_step_that_only_one_run_has_shows_its_side_alone() -> None:
    found = compare(_side(_step("a"), _step("b")), _side(_step("a"), _step("c")))
    rows = {row["key"]: row for row in found["steps"]}
    assert (rows["b"]["right"], rows["c"]["left"]) == (None, None)
    assert rows["b"]["left"]["name"] == "b"
    assert rows["c"]["right"]["name"] == "c"
    for key in "bc":
        assert (rows[key]["same"], rows[key]["differs"]) == (False, ["missing"])
        assert (rows[key]["cost_usd"], rows[key]["duration_ms"]) == (None, None)
    assert found["first_difference"] == {"key": "b", "differs": ["missing"]}


def test_a_log_that_was_cut_at_its_start_or_is_newer_is_told_as_far_as_it_goes() -> None:
    log = Log().tell("step_completed", "r", step_id="s", attempt=3)
    log.tell("approval_resolved", "r", approval_id="q", status="approved")
    log.tell("agent_message", "r", message_id="m", role="assistant", content="Done")
    log.tell("plan_update", "r", change="proposed", plan={"steps": [{"name": "a"}]})
    log.tell("of_a_newer_server", "r", session_id="x")
    past = log.past
    run = past.runs["r"]
    assert (run.steps, run.attempt, run.said) == ({}, 3, [])
    assert (past.questions, past.plans, past.messages) == ({}, {}, 1)
    assert list(past.ids) == ["s", "q", "m"]
    assert past.at == START + timedelta(seconds=5)
