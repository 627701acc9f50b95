"""The picture of a session's work: every node with its own true status."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from perdure.core.dag import dag
from perdure.core.hops import ToolStep, ToolStepStatus
from perdure.core.missions import Hop, HopStatus, Mission, MissionStatus
from perdure.core.runs import RunStatus, Step, StepStatus
from tests import factories
from tests.factories import START

GATES = [{"id": "g1", "label": "Accept?", "status": "pending"}]


def mission(status: MissionStatus) -> Mission:
    hops = [Hop(id=f"h{n}", mission_id="m", position=n, name=f"n{n}", status=HopStatus.READY) for n in (1, 2)]
    return Mission(
        id="m", owner_id="o", name="n", goal="g", status=status, hops=hops, created_at=START, updated_at=START
    )


def step(key: str, status: StepStatus, **values: Any) -> Step:
    given = {"id": f"id-{key}", "run_id": "r", "session_id": "s", "key": key, "position": 1, "name": key}
    return Step(**{**given, "phase": "process", "status": status, **values})


def statuses(picture: dict[str, Any]) -> dict[str, str]:
    return {node["id"]: node["status"] for node in picture["nodes"]}


@pytest.mark.parametrize(
    ("found", "run_status", "plan", "end"),
    [
        (MissionStatus.PROPOSED, RunStatus.WAITING, "pending", "pending"),
        (MissionStatus.REJECTED, RunStatus.FAILED, "rejected", "failed"),
        (MissionStatus.IN_PROGRESS, RunStatus.RUNNING, "completed", "pending"),
        (MissionStatus.COMPLETED, RunStatus.COMPLETED, "completed", "completed"),
        (MissionStatus.CANCELLED, RunStatus.CANCELLED, "completed", "cancelled"),
    ],
)
def test_the_picture_of_a_plan_goes_over_gates_and_hops_to_the_end(
    found: MissionStatus, run_status: RunStatus, plan: str, end: str
) -> None:
    picture = dag(factories.run("s", status=run_status), mission(found), gates=GATES)
    ids = [n["id"] for n in picture["nodes"]]
    assert ids == ["plan", "g1", "h1", "h2", "end"]
    assert (picture["nodes"][0]["status"], picture["nodes"][-1]["status"]) == (plan, end)
    assert [(e["source"], e["target"]) for e in picture["edges"]] == list(pairwise(ids))


def test_a_hop_shows_its_tool_calls_and_its_attempts() -> None:
    call = ToolStep(id="t", hop_id="h2", position=1, tool="read_file", status=ToolStepStatus.FAILED)
    tried = step("step-2", StepStatus.RUNNING, hop_id="h2", attempt=3)
    run = factories.run("s", status=RunStatus.RUNNING)
    picture = dag(run, mission(MissionStatus.IN_PROGRESS), steps=[tried], tool_steps=[call])
    first, second = (n for n in picture["nodes"] if n["type"] == "step")
    assert (first["steps"], first["tool_steps"]) == ([], [])
    assert second["steps"] == [{"step_id": "id-step-2", "key": "step-2", "status": "running", "attempt": 3}]
    (shown,) = second["tool_steps"]
    assert (shown["tool"], shown["status"], shown["position"]) == ("read_file", "failed", 1)


def test_without_a_plan_the_steps_are_the_picture() -> None:
    run = factories.run("s", status=RunStatus.FAILED)
    steps = [
        step("find", StepStatus.COMPLETED, phase="init"),
        step("a.pdf", StepStatus.COMPLETED),
        step("b.pdf", StepStatus.FAILED, attempt=2),
        step("write", StepStatus.PENDING, phase="output"),
    ]
    picture = dag(run, steps=steps)
    assert statuses(picture) == {
        "id-find": "completed",
        "id-a.pdf": "completed",
        "id-b.pdf": "failed",
        "id-write": "pending",
        "end": "failed",
    }
    assert [n.get("phase") for n in picture["nodes"]] == ["init", "process", "process", "output", None]
    assert picture["nodes"][2]["attempt"] == 2


@pytest.mark.parametrize(
    ("run_status", "start", "end"),
    [
        (RunStatus.QUEUED, "pending", "pending"),
        (RunStatus.RUNNING, "running", "pending"),
        (RunStatus.FAILED, "failed", "failed"),
        (RunStatus.CANCELLED, "cancelled", "cancelled"),
    ],
)
def test_a_run_that_has_no_step_yet_starts_and_ends(run_status: RunStatus, start: str, end: str) -> None:
    assert statuses(dag(factories.run("s", status=run_status))) == {"start": start, "end": end}


def test_steps_that_plan_are_the_plan_before_there_is_one() -> None:
    run = factories.run("s", status=RunStatus.RUNNING)
    planning = [
        step("plan", StepStatus.COMPLETED, phase="planning"),
        step("plan-revision-1", StepStatus.RUNNING, phase="planning"),
    ]
    assert statuses(dag(run, steps=planning)) == {"plan": "running", "end": "pending"}
    assert statuses(dag(run, steps=planning[:1])) == {"plan": "completed", "end": "pending"}


def test_a_mission_that_waits_for_a_run_is_shown_and_nothing_is_nothing() -> None:
    shown = statuses(dag(None, mission(MissionStatus.ACCEPTED)))
    assert shown == {"plan": "completed", "h1": "ready", "h2": "ready", "end": "pending"}
    assert statuses(dag(None, mission(MissionStatus.FAILED)))["end"] == "failed"
    assert dag(None) == {"nodes": [], "edges": []}
