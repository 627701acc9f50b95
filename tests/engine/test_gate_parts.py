"""What hangs under the hops of a plan, tool calls and things made, ends with them at every gate."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from tests.engine.asking import answer, answer_all, asked, give_up, mission_of
from tests.engine.conftest import TASK, House

_WRITES = f'{TASK} [[call write_file {{"path": "kept.md", "content": "k"}}]]'
_PLAN = [
    {"name": "Read", "goal": "Read it", "outputs": ["facts", "kept.md", "never.md"]},
    {"name": "Count", "goal": "Count the doors", "inputs": ["facts"], "outputs": ["number"]},
]
_DONE = {"facts": "ready", "kept.md": "ready", "never.md": "error"}
_INTERACTIVE = {"n_plan_reviews": 0, "approval_mode": "before_step"}


async def _start(house: House, **config: Any) -> tuple[str, str]:
    """Come to the first question after the plan, which is the one above."""
    session, run = await house.submit("hitl-interactive", _WRITES, **{**_INTERACTIVE, **config})
    await answer(house, run.id, "modify", modifications=_PLAN)
    return session.id, run.id


async def _parts(house: House, session_id: str) -> tuple[list[str], list[list[str]], dict[str, str]]:
    """Return the hops' statuses, those of each hop's tool steps, and the statuses of what hops make."""
    mission = await mission_of(house, session_id)
    assert mission is not None
    detail = await house.app.missions.get(LOCAL_ACTOR, mission.id)
    calls = [[str(t.status) for t in detail.tool_steps if t.hop_id == hop.id] for hop in mission.hops]
    outputs = {name for step in _PLAN for name in step["outputs"]}
    assets = {a.name: str(a.status) for a in detail.assets if a.name in outputs}
    return [str(hop.status) for hop in mission.hops], calls, assets


async def test_of_an_approved_plan_all_is_there_or_said_to_be_missing(house: House) -> None:
    session_id, run_id = await _start(house)
    question = await asked(house, run_id)
    waiting = await _parts(house, session_id)
    assert waiting == (["ready", "ready"], [[], []], dict.fromkeys([*_DONE, "number"], "pending"))

    await house.app.stop()
    await house.start()
    assert (await asked(house, run_id)).id == question.id
    assert await _parts(house, session_id) == waiting
    await answer_all(house, run_id, "approve", "approve")
    await house.run(run_id, "completed")

    assert await _parts(house, session_id) == (
        ["completed", "completed"],
        [["completed"], ["completed"]],
        {**_DONE, "number": "ready"},
    )


async def test_a_rejected_mission_takes_along_what_it_promised(house: House) -> None:
    """Only people say beforehand what hops make; a run's plan promises nothing until they have edited it."""
    session = await house.app.sessions.create(LOCAL_ACTOR, mode="planning-control")
    made = await house.app.mission_commands.create(
        LOCAL_ACTOR, session_id=session.id, goal="Know the doors", hops=_PLAN
    )
    assert (await _parts(house, session.id))[2] == dict.fromkeys([*_DONE, "number"], "proposed")
    await house.app.mission_commands.reject(LOCAL_ACTOR, made.mission.id)
    assert await _parts(house, session.id) == (
        ["cancelled", "cancelled"],
        [[], []],
        dict.fromkeys([*_DONE, "number"], "error"),
    )


async def test_a_step_that_is_not_let_through_leaves_the_rest_as_it_was(house: House) -> None:
    session_id, run_id = await _start(house)
    await answer_all(house, run_id, "approve", "reject")
    await house.run(run_id, "failed")
    assert await _parts(house, session_id) == (
        ["completed", "ready"],
        [["completed"], []],
        {**_DONE, "number": "pending"},
    )


async def test_a_skipped_step_makes_nothing(house: House) -> None:
    session_id, run_id = await _start(house)
    await answer_all(house, run_id, "approve", "skip")
    await house.run(run_id, "completed")
    assert await _parts(house, session_id) == (
        ["completed", "skipped"],
        [["completed"], []],
        {**_DONE, "number": "error"},
    )


async def test_a_step_that_is_done_again_has_the_calls_of_both_times(house: House) -> None:
    session_id, run_id = await _start(house, approval_mode="after_step")
    await answer(house, run_id, "redo", feedback="Count again.")
    await answer_all(house, run_id, "continue", "continue")
    await house.run(run_id, "completed")
    assert await _parts(house, session_id) == (
        ["completed", "completed"],
        [["completed", "completed"], ["completed"]],
        {**_DONE, "number": "ready"},
    )


@pytest.mark.parametrize(
    ("resolution", "run_status", "hop", "number"),
    [
        ("retry", "completed", "completed", "ready"),
        ("skip", "completed", "skipped", "error"),
        ("abort", "failed", "failed", "error"),
    ],
)
async def test_a_failed_step_goes_where_the_person_says(
    house: House, resolution: str, run_status: str, hop: str, number: str
) -> None:
    give_up(house.provider, 2)
    session_id, run_id = await _start(house, max_attempts=1)
    await answer_all(house, run_id, "approve", "approve")
    await asked(house, run_id)
    assert (await _parts(house, session_id))[0] == ["completed", "executing"]
    told = {"feedback": "Use the appendix."} if resolution == "retry" else {}
    await answer(house, run_id, resolution, **told)
    await house.run(run_id, run_status)
    hops, (first, second), assets = await _parts(house, session_id)
    assert (hops, first, assets) == (["completed", hop], ["completed"], {**_DONE, "number": number})
    assert second == ["completed"] * (2 if resolution == "retry" else 1)
