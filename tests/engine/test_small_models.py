"""The same modes with the profile of a small model: short shapes, the source in the prompt, code that leads."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import count

import pytest

from perdure.agents.profiles import STARTER
from perdure.core.access import LOCAL_ACTOR
from perdure.modes.idea_shapes import PARTS
from tests.engine.asking import answer, asked, mission_of
from tests.engine.conftest import House
from tests.engine.papers import read_text
from tests.fakes.openai_server import Call

_NOTES = "Codes live for 24 hours. 140 of 212 calls ask about codes that had expired."
_FOUND = {"steps": [{"task": f"Find fact number {n} of the text."} for n in (1, 2, 3)]}


@pytest.fixture
def small(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(house.app.catalog, "profile", lambda _: STARTER)
    return house


async def _start(house: House, mode: str, task: str, **config: object) -> tuple[str, str]:
    session = await house.app.sessions.create(LOCAL_ACTOR, mode=mode, config=dict(config))

    async def chunks() -> AsyncIterator[bytes]:
        yield _NOTES.encode()

    await house.app.files.upload(LOCAL_ACTOR, session.id, "notes.md", chunks(), 10_000)
    started = await house.app.runs.start(LOCAL_ACTOR, session.id, task)
    assert started.run is not None
    return session.id, started.run.id


async def test_a_wish_becomes_the_first_step_of_a_plan_that_the_model_would_not_change(small: House) -> None:
    small.provider.reply("different things to find", json.dumps(_FOUND))
    session_id, run_id = await _start(
        small, "hitl-interactive", "A brief from notes.md", variant="planning_only"
    )
    await answer(small, run_id, "revise", feedback="Begin with the calls.")
    await answer(small, run_id, "approve")
    await small.run(run_id, "completed")

    mission = await mission_of(small, session_id)
    assert mission is not None
    assert [hop.goal for hop in mission.hops] == [
        "Find in the text what this wish needs: Begin with the calls.",
        "Find fact number 1 of the text.",
        "Find fact number 2 of the text.",
    ]
    assert all(_NOTES in call.prompt for call in small.provider.calls)
    assert not any(call.tools for call in small.provider.calls if "YOUR STEP" in call.prompt)


@pytest.mark.parametrize(
    ("task", "offered"),
    [
        ("What do customers call about most, by the notes?", ["direct", "plan"]),
        ("Make it better.", ["direct", "plan", "clarify"]),
        ("Which way is best to have fewer calls?", ["direct", "plan", "propose"]),
    ],
)
async def test_a_router_is_offered_only_what_the_message_calls_for(
    small: House, task: str, offered: list[str]
) -> None:
    small.provider.reply("Choose one:", '{"reason": "It is small.", "route": "direct"}')
    _, run_id = await _start(small, "copilot", task)
    await small.run(run_id, "completed")

    prompt = small.provider.calls[0].prompt
    assert [
        route for route in ("direct", "plan", "clarify", "propose") if f"- {route} =" in prompt
    ] == offered


async def test_questions_back_are_a_call_of_their_own(small: House) -> None:
    small.provider.reply("Choose one:", '{"reason": "It is vague.", "route": "clarify"}')
    small.provider.reply("Ask the user", '{"questions": [{"question": "What is to be better?"}]}')
    _, run_id = await _start(small, "copilot", "Make it better.")
    question = await asked(small, run_id)
    assert question.title == "What is to be better?"
    small.provider.reply("Choose one:", '{"reason": "It is clear.", "route": "direct"}')
    await answer(small, run_id, "answer", answer="The codes")
    await small.run(run_id, "completed")
    assert "- What is to be better? The codes" in small.provider.calls[-1].prompt


async def test_ideas_come_one_by_one_from_facts_and_are_as_many_as_asked_for(small: House) -> None:
    numbers = count(1)
    kinds = ("the lifetime", "every message", "all locks", "some boxes", "most calls", "a sign")

    def idea(call: Call) -> str:
        number = next(numbers)
        first_word = call.prompt.partition("it begins with '")[2].partition("'")[0]
        text = f"{first_word} {kinds[number % 6]} so that {number * 11} fewer people call."
        return json.dumps({"idea": text, "title": f"Idea {number}"})

    fact = {"fact": "140 of 212 calls ask about codes that had expired."}
    sentences = {
        part: f"{words} sentence {n} costs 1.90 euro." for n, (part, words) in enumerate(PARTS.items())
    }
    judgement = {"strength": "It is cheap to do.", "weakness": "It takes a while."}
    scores = {"value": 6, "novelty": 3, "feasibility": 9}
    small.provider.reply("Propose one idea", idea)
    small.provider.reply("facts of the text matter", json.dumps({"facts": [fact] * 3}))
    small.provider.reply("Say its strength", json.dumps({**judgement, **scores}))
    small.provider.reply("Change the idea so", '{"idea": "Do it twice as fast now.", "title": "Faster"}')
    small.provider.reply("Write each part", json.dumps({"title": "Codes", **sentences}))
    session_id, run_id = await _start(small, "idea-generation", "Ideas from notes.md")
    done = await small.run(run_id, "completed")

    assert done.result is not None
    assert [i["idea"].split()[0] for i in done.result["ideas"]] == [
        "Change",
        "Tell",
        "Fix",
        "Offer",
        "Measure",
    ]
    assert {i["score"] for i in done.result["ideas"]} == {6.0}
    final = await read_text(small, session_id, "final_idea.md")
    assert final == "# Codes\n\n" + " ".join(sentences.values()) + "\n"
    assert all(_NOTES in call.prompt for call in small.provider.calls)
