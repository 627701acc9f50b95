"""What a person gives a mission reaches the agent that carries out the hop, as it is at that moment."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.runs import Run
from perdure.store.assets import AssetQuery
from tests.engine.conftest import House

PLANNED = ["planning-control", "hitl-interactive"]
LONG = "a long line of a protocol. " * 20_000


async def carried_out(house: House, session_id: str, *, ends: str = "completed") -> Run:
    started = await house.app.runs.start(LOCAL_ACTOR, session_id, "Carry out my plan")
    assert started.run is not None
    return await house.run(started.run.id, ends)


async def mission(house: House, hops: list[dict[str, Any]], **words: Any) -> str:
    """Write and accept a mission in a new session; returns the session's id."""
    mode = words.pop("mode", "planning-control")
    config = {"variant": "error_recovery"} if mode == "hitl-interactive" else {}
    session = await house.app.sessions.create(LOCAL_ACTOR, mode=mode, config=config)
    made = await house.app.mission_commands.create(
        LOCAL_ACTOR, session_id=session.id, hops=hops, **{"goal": "Know what the paper says", **words}
    )
    await house.app.mission_commands.accept(LOCAL_ACTOR, made.mission.id)
    return session.id


def prompt(house: House, step: int) -> str:
    """Return what the agent of a step was asked."""
    (call,) = [call for call in house.provider.calls if f"YOUR STEP ({step})" in call.prompt]
    return call.prompt


@pytest.mark.parametrize("mode", PLANNED)
async def test_values_and_words_of_a_person_reach_the_agent_of_the_hop(house: House, mode: str) -> None:
    session_id = await mission(
        house,
        [
            {"name": "Read", "goal": "Find facts", "description": "Only chapter two", "inputs": ["paper"]},
            {"name": "Count", "goal": "Count", "inputs": ["limits"], "outputs": ["numbers.md"]},
        ],
        mode=mode,
        scope="no history",
        success_criteria=["a page that a child understands"],
        inputs=[
            {"name": "paper", "description": "the one of 2017", "value": "arXiv:1706.03762, second edition"},
            {"name": "limits", "value": {"pages": [3, 4], "words": "größte"}},
        ],
    )
    await carried_out(house, session_id)

    read, count = prompt(house, 1), prompt(house, 2)
    assert "## paper (the one of 2017)\narXiv:1706.03762, second edition" in read
    assert "größte" not in read
    assert '## limits\n{"pages": [3, 4], "words": "größte"}' in count
    assert "This step makes: numbers.md" in count
    for told in (read, count):
        assert "The goal of the plan: Know what the paper says" in told
        assert "Its scope: no history" in told
        assert "- a page that a child understands" in told
    assert "About this step: Only chapter two" in read


async def test_files_and_things_of_the_hop_itself_are_named(house: House) -> None:
    session = await house.app.sessions.create(LOCAL_ACTOR, mode="planning-control")
    house.app.files.workspace(session.id).write("data/pilot.md", "# Pilot")
    made = await house.app.mission_commands.create(
        LOCAL_ACTOR,
        session_id=session.id,
        goal="Know more",
        hops=[{"name": "Read", "goal": "Find the facts"}],
        inputs=[{"name": "style", "value": "terse"}, {"name": "later"}],
    )
    hop_id = made.mission.hops[0].id
    for words in ({"name": "pilot", "path": "data/pilot.md"}, {"name": "tone", "value": "dry"}):
        await house.app.assets.create(LOCAL_ACTOR, hop_id=hop_id, role="input", **words)
    await house.app.mission_commands.accept(LOCAL_ACTOR, made.mission.id)
    await carried_out(house, session.id)

    told = prompt(house, 1)
    assert "## style\nterse" in told
    assert "## tone\ndry" in told
    assert "## pilot\nthe file data/pilot.md of the workspace" in told
    assert "## later\nnot there" in told


async def test_what_an_earlier_hop_made_is_given_to_the_later_one(house: House) -> None:
    house.provider.reply("YOUR STEP (1)", "There are 57 failures at Harbour.")
    session_id = await mission(
        house,
        [
            {"name": "Read", "goal": "Find the facts", "outputs": ["facts"]},
            {"name": "Write", "goal": "Write them down", "inputs": ["facts"]},
        ],
    )
    await carried_out(house, session_id)

    assert "## facts\nThere are 57 failures at Harbour." in prompt(house, 2)


async def test_a_value_that_was_changed_before_the_second_attempt_is_the_one_that_is_told(
    house: House,
) -> None:
    session_id = await mission(
        house,
        [{"name": "Read", "goal": "Find the facts", "inputs": ["paper"]}],
        inputs=[{"name": "paper", "value": "the wrong one"}],
    )
    house.provider.fail_next(20, 400)
    failed = await carried_out(house, session_id, ends="failed")
    house.provider.reset()
    listed, _ = await house.app.missions.list_assets(LOCAL_ACTOR, AssetQuery(session_id=session_id))
    (paper,) = [asset for asset in listed if asset.name == "paper"]
    await house.app.assets.update(LOCAL_ACTOR, paper.id, {"value": "the right one"})
    await house.app.sessions.resume(LOCAL_ACTOR, session_id)
    await house.run(failed.id, "completed")

    assert "the right one" in prompt(house, 1)
    assert "the wrong one" not in prompt(house, 1)


async def test_a_value_too_long_for_the_model_is_cut_and_says_so(house: House) -> None:
    session_id = await mission(
        house,
        [{"name": "Read", "goal": "Find the facts"}],
        inputs=[{"name": "protocol", "value": LONG}, {"name": "style", "value": "terse"}],
    )
    await carried_out(house, session_id)

    told = prompt(house, 1)
    assert "## style\nterse" in told
    assert f"(cut; {len(LONG)} characters in all)" in told
    assert len(told) < len(LONG)
