"""The check of a plan's steps: whoever wrote them, and whatever is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies

from perdure.core.plan_check import MAX_POINTS, Flow, check_flow, check_steps, find_flow_faults
from perdure.errors import InvalidInput

AGENTS = ("engineer", "researcher")


def faults(steps: Any, **options: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        check_steps(steps, **{"agents": AGENTS, "most": 5, **options})
    errors: list[dict[str, str]] = caught.value.fields["errors"]
    assert all(e["field"] in str(caught.value) for e in errors[:5])
    return {e["field"]: e["message"] for e in errors}


def step(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "goal": f"Do {name}", **more}


def test_a_good_plan_comes_back_trimmed_and_without_strange_fields() -> None:
    plan = [
        {"name": " Read ", "goal": "Read it ", "outputs": ["facts"], "hop_id": "x", "status": "ready"},
        {"name": "Write", "goal": "Write it", "agent": "engineer", "inputs": ["facts", "style"]},
    ]
    assert check_steps(plan, agents=AGENTS, most=2, given=["style"]) == [
        {"name": "Read", "goal": "Read it", "agent": None, "bullet_points": [], "outputs": ["facts"]},
        {
            "name": "Write",
            "goal": "Write it",
            "agent": "engineer",
            "bullet_points": [],
            "inputs": ["facts", "style"],
        },
    ]


def test_what_was_checked_once_is_accepted_again_unchanged() -> None:
    once = check_steps(["Find the year", step("b", bullet_points=["x", " "], agent="")], agents=None, most=3)
    assert check_steps(once, agents=None, most=3) == once
    assert once[1]["bullet_points"] == ["x"]
    assert once[1]["agent"] is None


def test_a_long_goal_gives_a_short_name() -> None:
    goal = "find " * 40
    (cleaned,) = check_steps([goal], agents=None, most=1)
    assert cleaned["goal"] == goal.strip()
    assert len(cleaned["name"]) <= 80
    assert cleaned["name"].endswith("…")


@pytest.mark.parametrize(
    ("plan", "field", "says"),
    [
        ("a plan", "steps", "list"),
        ([], "steps", "at least one"),
        ([step(str(n)) for n in range(6)], "steps", "at most 5"),
        ([7], "steps.0", "object"),
        ([{}], "steps.0.goal", "reach"),
        ([step("a"), {"name": " ", "goal": "x"}], "steps.1.name", "empty"),
        ([step("a"), {"name": "b", "goal": ""}], "steps.1.goal", "empty"),
        ([{"name": 4, "goal": "x"}], "steps.0.name", "text"),
        ([step("n" * 201)], "steps.0.name", "200"),
        ([step("a\0b")], "steps.0.name", "not text"),
        ([step("a\ud800b")], "steps.0.name", "not text"),
        ([step("Read"), step("read")], "steps.1.name", "already"),
        ([step("a", agent="enginer")], "steps.0.agent", "'engineer'"),
        ([step("a", agent="zzz")], "steps.0.agent", "engineer, researcher"),
        ([step("a", bullet_points="x")], "steps.0.bullet_points", "list"),
        ([step("a", bullet_points=["x", 1])], "steps.0.bullet_points.1", "text"),
        ([step("a", inputs=["x"])], "steps.0.inputs", "neither given"),
        ([step("a", inputs=["x"], outputs=["x"])], "steps.0.inputs", "makes it"),
        ([step("a", inputs=["x"]), step("b", outputs=["x"])], "steps.0.inputs", "comes later"),
        ([step("a", outputs=["x", "x"])], "steps.0.outputs", "twice"),
        ([step("a", outputs=["x"]), step("b", outputs=["x"])], "steps.1.outputs", "made by step 1"),
        (
            [step("a", inputs=["y"], outputs=["x"]), step("b", inputs=["x"], outputs=["y"])],
            "steps.0.inputs",
            "wait for each other",
        ),
    ],
)
def test_each_fault_names_its_field(plan: Any, field: str, says: str) -> None:
    assert says in faults(plan)[field]


def test_all_faults_are_told_at_once_under_the_callers_name_of_the_list() -> None:
    found = faults([{"name": "", "goal": "x"}, step("b", agent="?", inputs=["q"])], field="hops")
    assert set(found) == {"hops.0.name", "hops.1.agent", "hops.1.inputs"}


def test_a_later_step_may_change_what_it_takes() -> None:
    flows = [Flow(outputs=["draft"]), Flow(inputs=["draft"], outputs=["draft"])]
    assert find_flow_faults(flows, given=()) == []
    check_flow(flows, given=())
    with pytest.raises(InvalidInput):
        check_flow(flows[::-1], given=())


names = strategies.sets(strategies.sampled_from("abcd"), max_size=3)


@given(strategies.lists(strategies.tuples(names, names), max_size=6), names)
def test_a_plan_without_faults_can_be_carried_out_in_its_order(
    plan: list[tuple[set[str], set[str]]], there: set[str]
) -> None:
    flows = [Flow(sorted(i), sorted(o)) for i, o in plan]
    possible = True
    have = set(there)
    for taken, made in plan:
        possible = possible and taken <= have
        have |= made
    in_order = not any(f["field"].endswith("inputs") for f in find_flow_faults(flows, given=there))
    assert in_order == possible


def test_a_list_that_is_too_long_is_refused_and_not_read() -> None:
    most = ["x"] * MAX_POINTS
    (kept,) = check_steps([{"goal": "g", "bullet_points": most}], agents=None, most=1)
    assert kept["bullet_points"] == most
    with pytest.raises(InvalidInput) as refused:
        check_steps([{"goal": "g", "bullet_points": [*most, 7]}], agents=None, most=1)
    (fault,) = refused.value.fields["errors"]
    assert fault["field"] == "steps.0.bullet_points"
    assert f"{MAX_POINTS + 1} entries" in fault["message"]
