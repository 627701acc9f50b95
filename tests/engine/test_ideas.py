"""idea-generation: five rounds, each a durable step, and a person's choice."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.runs import Run
from perdure.core.sessions import Session
from perdure.errors import InvalidInput
from tests.engine.asking import (
    FINAL,
    answer,
    asked,
    ideas_of,
    judge,
    plan_statuses,
    script_ideas,
    step_statuses,
    story,
)
from tests.engine.conftest import House
from tests.engine.papers import read_text

_TEXT = f"# {FINAL['title']}\n\n{' '.join(FINAL['sentences'])}\n"


async def _start(house: House, **config: Any) -> tuple[Session, Run]:
    return await house.submit("idea-generation", "Ideas for fewer calls", **config)


async def test_ideas_are_proposed_judged_improved_judged_and_written_up(house: House) -> None:
    script_ideas(house.provider)
    session, run = await _start(house)
    done = await house.run(run.id, "completed")

    assert done.result is not None
    assert [idea["score"] for idea in done.result["ideas"]] == [3.0, 7.0, 2.0, 9.0, 4.0]
    assert [idea["number"] for idea in done.result["improved"]] == [4, 2]
    assert done.result["chosen"]["number"] == 4
    assert await read_text(house, session.id, "final_idea.md") == _TEXT
    record = json.loads(await read_text(house, session.id, "ideas.json"))
    assert [r["round"] for r in record["rounds"]] == ["propose", "judge", "improve", "judge-again"]
    assert record["rounds"][1]["ideas"] == done.result["ideas"]
    assert record["chosen"] == done.result["chosen"]
    assert record["final"] == FINAL
    assert await plan_statuses(house, session.id) == ("completed", ["completed"] * 5)
    assert [s for s in await story(house, session.id) if "plan" in s or s.startswith(("started", "ask"))] == [
        "plan proposed",
        "plan accepted",
        *(f"started {key}" for key in ("propose", "judge", "improve", "judge-again", "write")),
    ]


async def test_a_short_round_is_filled_up_and_repetitions_do_not_count(house: House) -> None:
    script_ideas(house.provider)
    rounds = iter([ideas_of(3), ideas_of(3), ideas_of(5)])
    house.provider.reply("Propose ", lambda _: next(rounds))
    _, run = await _start(house)
    done = await house.run(run.id, "completed")

    assert done.result is not None
    assert [idea["title"] for idea in done.result["ideas"]] == [
        idea["title"] for idea in json.loads(ideas_of(5))["ideas"]
    ]
    assert house.provider.count("Propose 2 ideas") == 2


async def test_too_few_different_ideas_fail_the_step_and_a_resume_asks_again(house: House) -> None:
    script_ideas(house.provider)
    house.provider.reply("Propose ", ideas_of(2))
    session, run = await _start(house)
    failed = await house.run(run.id, "failed")
    assert failed.error is not None
    assert "only 2 different ideas of 5" in failed.error["message"]
    assert await plan_statuses(house, session.id) == ("failed", ["failed", *["ready"] * 4])

    script_ideas(house.provider)
    await house.app.sessions.resume(LOCAL_ACTOR, session.id)
    await house.run(run.id, "completed")
    assert await plan_statuses(house, session.id) == ("completed", ["completed"] * 5)


async def test_a_failed_round_is_the_only_one_that_is_run_again(house: House) -> None:
    script_ideas(house.provider)
    house.provider.reply("Write it as a title", '{"title": "One", "sentences": ["Too few."]}')
    session, run = await _start(house)
    await house.run(run.id, "failed")
    assert (await step_statuses(house, session.id))["write"] == "failed"
    house.provider.reset()
    script_ideas(house.provider)

    await house.app.sessions.resume(LOCAL_ACTOR, session.id)
    done = await house.run(run.id, "completed")

    assert len(house.provider.calls) == 1
    assert done.result is not None
    assert len(done.result["ideas"]) == 5
    record = json.loads(await read_text(house, session.id, "ideas.json"))
    assert [r["round"] for r in record["rounds"]] == ["propose", "judge", "improve", "judge-again"]


async def test_a_text_that_is_not_five_sentences_is_asked_for_again(house: House) -> None:
    script_ideas(house.provider)
    two_in_one = {**FINAL, "sentences": [*FINAL["sentences"][:4], "Count the calls. Then compare."]}
    house.provider.reply("Write it as a title", json.dumps(two_in_one))
    house.provider.reply("Sentence 5 holds more than one sentence.", json.dumps(FINAL))
    session, run = await _start(house)
    await house.run(run.id, "completed")
    assert await read_text(house, session.id, "final_idea.md") == _TEXT


async def test_an_idea_that_the_critic_forgot_is_judged_in_another_call(house: House) -> None:
    script_ideas(house.provider)
    forgetful = iter([judge([3, 7, 2, 9]), judge([3, 7, 2, 9, 4]), judge([3, 7, 2, 9, 4])])
    house.provider.reply("Judge these ideas", lambda call: next(forgetful)(call))
    _, run = await _start(house)
    done = await house.run(run.id, "completed")
    assert done.result is not None
    assert done.result["ideas"][4]["score"] == 4.0


class TestSelection:
    @pytest.mark.parametrize(
        ("resolution", "more", "told"),
        [
            ("approve", {}, "The chosen idea: Better. It is better now."),
            ("answer", {"answer": {"choice": 3}}, "The chosen idea: New grease."),
            (
                "modify",
                {"modifications": {"title": "Mine", "idea": "Do as I say."}, "feedback": "Name the cost."},
                "The chosen idea: Mine. Do as I say.\n\nThe person adds: Name the cost.",
            ),
        ],
    )
    async def test_the_person_takes_picks_or_edits(
        self, house: House, resolution: str, more: dict[str, Any], told: str
    ) -> None:
        script_ideas(house.provider)
        session, run = await _start(house, selection=True)
        question = await asked(house, run.id)
        assert question.request_type == "selection"
        assert question.request_data["recommended"] == 4
        assert [idea["number"] for idea in question.request_data["ideas"]] == [1, 2, 3, 4, 5]
        await answer(house, run.id, resolution, **more)
        await house.run(run.id, "completed")

        assert told in house.provider.calls[-1].prompt
        assert await plan_statuses(house, session.id) == ("completed", ["completed"] * 5)

    async def test_a_refusal_fails_the_run_and_a_resume_asks_again(self, house: House) -> None:
        script_ideas(house.provider)
        session, run = await _start(house, selection=True)
        await answer(house, run.id, "reject")
        failed = await house.run(run.id, "failed")
        assert failed.error is not None
        assert failed.error["code"] == "rejected"

        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        await answer(house, run.id, "approve")
        await house.run(run.id, "completed")
        assert max(house.provider.counts.values()) == 1

    @pytest.mark.parametrize(
        ("resolution", "more", "field"),
        [
            ("answer", {}, "answer"),
            ("answer", {"answer": {"choice": 6}}, "answer.choice"),
            ("modify", {}, "modifications"),
            ("modify", {"modifications": {"title": "Mine"}}, "modifications.idea"),
        ],
    )
    async def test_an_answer_that_does_not_fit_is_refused(
        self, house: House, resolution: str, more: dict[str, Any], field: str
    ) -> None:
        script_ideas(house.provider)
        _, run = await _start(house, selection=True)
        with pytest.raises(InvalidInput) as refused:
            await answer(house, run.id, resolution, **more)
        assert refused.value.fields["field"] == field
