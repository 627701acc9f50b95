"""copilot: each message is a run of one session, routed, asked back about, planned or answered."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.runs import Run
from perdure.core.sessions import Session
from perdure.errors import InvalidInput
from tests.engine.asking import (
    answer,
    answer_all,
    asked,
    console,
    plan_statuses,
    route_to,
    said,
    step_statuses,
    story,
)
from tests.engine.conftest import House

_QUESTIONS = [
    {"question": "For whom is it?", "reason": "The tone depends on it.", "options": ["team lead", "board"]},
    {"question": "How long may it be?"},
]
_WAYS = [
    {"title": "Quick", "description": "Answer at once.", "way": "direct"},
    {"title": "Thorough", "description": "Plan it first.", "way": "plan"},
]


async def _say(house: House, task: str = "What do the notes say?", **config: Any) -> tuple[Session, Run]:
    return await house.submit("copilot", task, n_plan_reviews=0, **config)


async def _next(house: House, session_id: str, task: str, **config: Any) -> Run:
    started = await house.app.runs.start(LOCAL_ACTOR, session_id, task, config=config)
    assert started.run is not None
    return started.run


class TestConversation:
    async def test_each_message_is_a_run_that_knows_what_was_said(self, house: House) -> None:
        house.provider.reply("What do the notes say?", "They say that Harbour fails.")
        house.provider.reply("Choose one:", '{"reason": "small", "route": "direct"}')
        session, first = await _say(house)
        await house.run(first.id, "completed")
        assert (await house.session(session.id)).status == "active"

        house.provider.reply("And why is that?", "The grease is wrong.")
        house.provider.reply("Choose one:", '{"reason": "small", "route": "direct"}')
        second = await _next(house, session.id, "And why is that?")
        await house.run(second.id, "completed")

        assert await said(house, session.id) == [
            "user: What do the notes say?",
            "assistant: They say that Harbour fails.",
            "user: And why is that?",
            "assistant: The grease is wrong.",
        ]
        for call in house.provider.calls[2:]:
            assert [m["content"] for m in call.messages if m["role"] in ("user", "assistant")][:2] == [
                "What do the notes say?",
                "They say that Harbour fails.",
            ]
        assert max(house.provider.counts.values()) == 1

    @pytest.mark.parametrize("text", ["done", "exit", "ok, that is all, complete the session"])
    async def test_no_word_ends_the_session_but_a_persons_command_does(self, house: House, text: str) -> None:
        session, run = await _say(house, text)
        await house.run(run.id, "completed")
        assert (await house.session(session.id)).status == "active"

        await house.app.sessions.complete(LOCAL_ACTOR, session.id)
        assert (await house.session(session.id)).status == "completed"

    async def test_a_turn_lists_the_files_it_made(self, house: House) -> None:
        route_to(house.provider, "direct")
        task = 'Keep this [[call write_file {"path": "kept.txt", "content": "x"}]], and answer in notes.md'
        _, run = await _say(house, task)
        done = await house.run(run.id, "completed")

        assert done.result is not None
        assert done.result["assets"] == ["kept.txt", "notes.md"]

    async def test_a_turn_that_failed_goes_on_from_its_step(self, house: House) -> None:
        route_to(house.provider, "plan")
        house.provider.reply("YOUR STEP (2)", "NOT DONE, no luck.")
        session, run = await _say(house, max_attempts=1)
        await house.run(run.id, "failed")
        house.provider.reset()
        assert (await house.session(session.id)).status == "active"

        await house.app.runs.retry(LOCAL_ACTOR, run.id)
        await house.run(run.id, "completed")

        assert house.provider.count("Choose one:") == house.provider.count("Plan this task") == 0
        assert await plan_statuses(house, session.id) == ("completed", ["completed"] * 3)
        assert (await house.session(session.id)).status == "active"

    async def test_the_conversation_goes_on_after_a_turn_that_failed(self, house: House) -> None:
        route_to(house.provider, "direct")
        house.provider.fail_next(20)
        session, run = await _say(house)
        await house.run(run.id, "failed")
        house.provider.reset()
        route_to(house.provider, "direct")

        again = await house.app.runs.start(LOCAL_ACTOR, session.id, "Once more, please")
        assert again.run is not None
        await house.run(again.run.id, "completed")


class TestRouting:
    async def test_a_direct_answer_has_one_step_and_no_plan(self, house: House) -> None:
        route_to(house.provider, "direct")
        session, run = await _say(house)
        done = await house.run(run.id, "completed")

        assert done.result is not None
        assert done.result["route"] == "direct"
        assert await story(house, session.id) == [
            "workflow_started",
            "phase route",
            "started route",
            "completed route",
            "phase execution",
            "started answer",
            "completed answer",
            "workflow_complete",
        ]
        assert await plan_statuses(house, session.id) is None

    async def test_a_planned_turn_is_a_mission_and_ends_with_its_report(self, house: House) -> None:
        route_to(house.provider, "plan")
        house.provider.reply("Write the final text", "# Brief\n\nHarbour first.")
        session, run = await _say(house, "Plan it, saved as brief.md")
        done = await house.run(run.id, "completed")

        assert done.result is not None
        assert (done.result["route"], done.result["assets"]) == ("plan", ["brief.md"])
        assert (await said(house, session.id))[-1] == "assistant: # Brief\n\nHarbour first."
        assert await plan_statuses(house, session.id) == ("completed", ["completed"] * 3)
        assert "ask plan" not in await story(house, session.id)

    async def test_an_unusable_router_means_direct_and_the_console_says_so(self, house: House) -> None:
        house.provider.reply("Choose one:", '{"route": "handoff"}')
        session, run = await _say(house)
        done = await house.run(run.id, "completed")

        assert done.result is not None
        assert done.result["route"] == "direct"
        assert "route: direct, because the router gave no usable answer" in await console(house, session.id)

    @pytest.mark.parametrize(
        ("route", "more", "words"),
        [("clarify", {}, "had no question"), ("propose", {"approaches": _WAYS[:1]}, "had no two")],
    )
    async def test_a_route_without_what_it_needs_means_direct(
        self, house: House, route: str, more: dict[str, Any], words: str
    ) -> None:
        route_to(house.provider, route, **more)
        session, run = await _say(house)
        done = await house.run(run.id, "completed")

        assert done.result is not None
        assert done.result["route"] == "direct"
        assert words in await console(house, session.id)

    async def test_minimal_routing_asks_no_model_and_planning_can_be_off(self, house: House) -> None:
        session, run = await _say(house, "First read the notes, then write a brief.", routing="minimal")
        assert (await house.run(run.id, "completed")).result["route"] == "plan"  # type: ignore[index]
        assert house.provider.count("Choose one:") == 0

        again = await _next(
            house,
            session.id,
            "First read the notes, then write more.",
            routing="minimal",
            enable_planning=False,
        )
        assert (await house.run(again.id, "completed")).result["route"] == "direct"  # type: ignore[index]

    async def test_a_plan_is_not_offered_where_planning_is_off(self, house: House) -> None:
        _, run = await _say(house, enable_planning=False, intelligentRouting="aggressive")
        await house.run(run.id, "completed")
        prompt = house.provider.calls[0].prompt
        assert "- plan:" not in prompt
        assert "Do not hesitate" in prompt


class TestClarification:
    async def test_all_questions_are_one_and_the_answers_are_told_to_what_follows(self, house: House) -> None:
        route_to(house.provider, "clarify", questions=_QUESTIONS)
        house.provider.reply("What was asked back:", '{"reason": "known now", "route": "plan"}')
        house.provider.reply("Write the final text", "A page for the board.")
        session, run = await _say(house, "Write a brief")
        question = await asked(house, run.id)
        assert question.answer_schema is not None
        properties = question.answer_schema["properties"]
        assert [(p["title"], p.get("enum")) for p in properties.values()] == [
            ("For whom is it?", ["team lead", "board"]),
            ("How long may it be?", None),
        ]
        house.provider.reset()
        route_to(house.provider, "direct")
        house.provider.reply("Write the final text", "A page for the board.")
        await answer(house, run.id, "answer", answer={"q1": "board", "q2": "one page"})
        await house.run(run.id, "completed")

        again, work = house.provider.calls
        for call in (again, work):
            assert "- For whom is it? board\n- How long may it be? one page" in call.prompt
        assert "- clarify:" not in again.prompt
        assert (await said(house, session.id))[1].startswith("assistant: What was asked back:")

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            (None, "answer"),
            ({"q1": "board"}, "answer.q2"),
            ({"q1": "somebody", "q2": "x"}, "answer.q1"),
            ({"q1": "board", "q2": "  "}, "answer.q2"),
            ({"q1": "board", "q2": 2}, "answer.q2"),
            ({"q1": "board", "q2": "x", "q3": "y"}, "answer"),
            ("board", "answer"),
        ],
    )
    async def test_an_answer_that_does_not_fit_is_refused_and_the_question_waits(
        self, house: House, given: Any, field: str
    ) -> None:
        route_to(house.provider, "clarify", questions=_QUESTIONS)
        session, run = await _say(house)
        question = await asked(house, run.id)
        before = len(await house.types(session.id))

        with pytest.raises(InvalidInput) as refused:
            await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution="answer", answer=given)

        assert refused.value.fields["field"] == field
        assert await house.app.approvals.get(LOCAL_ACTOR, question.id) == question
        assert len(await house.types(session.id)) == before

    async def test_going_on_without_answers_asks_for_assumptions(self, house: House) -> None:
        route_to(house.provider, "clarify", questions=_QUESTIONS)
        _, run = await _say(house)
        await asked(house, run.id)
        house.provider.reset()
        route_to(house.provider, "direct")
        await answer(house, run.id, "skip")
        await house.run(run.id, "completed")
        assert house.provider.count("Make sensible assumptions and name them.") == 2

    async def test_a_refusal_ends_the_turn_and_not_the_conversation(self, house: House) -> None:
        route_to(house.provider, "clarify", questions=_QUESTIONS)
        session, run = await _say(house)
        await answer(house, run.id, "reject")
        done = await house.run(run.id, "completed")

        assert done.result is not None
        assert done.result["outcome"] == "rejected"
        assert (await said(house, session.id))[-1].startswith("assistant: Left as it is.")
        route_to(house.provider, "direct")
        more = await _next(house, session.id, "Something else then.")
        await house.run(more.id, "completed")


class TestProposal:
    @pytest.mark.parametrize(
        ("resolution", "more", "told", "route"),
        [
            ("approve", {}, "Do it this way. Quick: Answer at once.", "direct"),
            ("answer", {"answer": {"choice": 2}}, "Do it this way. Thorough: Plan it first.", "plan"),
            ("answer", {"answer": "2"}, "Do it this way. Thorough: Plan it first.", "plan"),
            (
                "modify",
                {"modifications": {"description": "In a table."}},
                "Do it this way. In a table.",
                "direct",
            ),
        ],
    )
    async def test_one_way_is_chosen_or_edited_and_then_done(
        self, house: House, resolution: str, more: dict[str, Any], told: str, route: str
    ) -> None:
        route_to(house.provider, "propose", approaches=_WAYS)
        session, run = await _say(house)
        question = await asked(house, run.id)
        assert [a["title"] for a in question.request_data["approaches"]] == [
            "Quick",
            "Thorough",
        ]
        await answer(house, run.id, resolution, **more)
        done = await house.run(run.id, "completed")

        assert done.result is not None
        assert done.result["route"] == route
        assert f"assistant: {told}" in await said(house, session.id)
        assert all(told in c.prompt for c in house.provider.calls[1:] if "Review" not in c.prompt)

    async def test_none_of_them_asks_the_router_again_with_the_persons_words(self, house: House) -> None:
        route_to(house.provider, "propose", approaches=_WAYS)
        session, run = await _say(house)
        await asked(house, run.id)
        route_to(house.provider, "direct")
        await answer(house, run.id, "revise", feedback="As a poem.")
        await house.run(run.id, "completed")

        assert list(await step_statuses(house, session.id)) == ["route", "answered-0", "route-1", "answer"]
        assert all("The user wants another way: As a poem." in c.prompt for c in house.provider.calls[1:])

    @pytest.mark.parametrize("choice", [0, 3, "two", 1.5, True])
    async def test_a_choice_that_is_not_there_is_refused(self, house: House, choice: Any) -> None:
        route_to(house.provider, "propose", approaches=_WAYS)
        _, run = await _say(house)
        with pytest.raises(InvalidInput) as refused:
            await answer(house, run.id, "answer", answer={"choice": choice})
        assert refused.value.fields["field"] == "answer.choice"


class TestGatesOfATurn:
    async def test_a_conversational_plan_takes_a_word_between_its_steps(self, house: House) -> None:
        route_to(house.provider, "plan")
        session, run = await _say(house, approval_mode="conversational")
        await answer(house, run.id, "approve")
        turn = await answer(house, run.id, "revise", feedback="Leave Market out.")
        assert turn.request_type == "turn"
        assert turn.request_data["next"]["step"] == 2
        await answer_all(house, run.id, "continue", "continue")
        await house.run(run.id, "completed")

        assert house.provider.count("- Leave Market out.") == 3
        assert [s for s in await story(house, session.id) if s.startswith("ask")] == [
            "ask plan",
            *["ask turn"] * 3,
        ]

    async def test_stopping_between_two_steps_cancels_the_rest_of_the_plan(self, house: House) -> None:
        route_to(house.provider, "plan")
        session, run = await _say(house, approval_mode="conversational")
        await answer_all(house, run.id, "approve", "abort")
        await house.run(run.id, "completed")

        assert await plan_statuses(house, session.id) == (
            "cancelled",
            ["completed", "cancelled", "cancelled"],
        )
        assert (await house.session(session.id)).status == "active"
        assert (await story(house, session.id))[-3:] == [
            "rejected abort",
            "plan cancelled",
            "workflow_complete",
        ]

    async def test_direct_answers_pass_the_gates_unless_the_config_wants_them(self, house: House) -> None:
        route_to(house.provider, "direct")
        session, run = await _say(house, approval_mode="both")
        await house.run(run.id, "completed")
        assert not [s for s in await story(house, session.id) if s.startswith("ask")]

        session, run = await _say(house, approval_mode="both", auto_approve_simple=False)
        await answer(house, run.id, "approve")
        await answer(house, run.id, "redo", feedback="Shorter, please.")
        await answer(house, run.id, "continue")
        await house.run(run.id, "completed")
        assert list(await step_statuses(house, session.id)) == ["route", "answer", "answer-redo-1"]
        assert house.provider.count("The attempt before did not do: Shorter, please.") == 1
