"""hitl-interactive: the plan is negotiated, steps are let through, and what people say is passed on."""

from __future__ import annotations

import json
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
    give_up,
    mission_of,
    plan_statuses,
    step_statuses,
    story,
)
from tests.engine.conftest import House

_STEPS = ["plan", "step-1", "step-2", "step-3", "report"]


async def _start(house: House, **config: Any) -> tuple[Session, Run]:
    return await house.submit("hitl-interactive", n_plan_reviews=0, **config)


class TestThePlan:
    async def test_is_revised_by_words_and_then_approved(self, house: House) -> None:
        session, run = await _start(house, variant="planning_only")
        other = {"steps": [{"name": n, "goal": f"{n} first"} for n in ("Costs", "Doors", "Calls")]}
        house.provider.reply("Begin with the costs.", json.dumps(other))
        house.provider.reply("Write the final text", "A brief.")
        house.provider.reply("YOUR STEP", "Done.")
        await answer(house, run.id, "revise", feedback="Begin with the costs.")
        await answer(house, run.id, "approve")
        await house.run(run.id, "completed")

        assert "The person wants the plan changed: Begin with the costs." in house.provider.calls[1].text
        assert await story(house, session.id) == [
            "workflow_started",
            "phase planning",
            "started plan",
            "plan proposed",
            "completed plan",
            "ask plan",
            "answered revise",
            "started plan-revision-1",
            "plan revised",
            "completed plan-revision-1",
            "ask plan",
            "approved approve",
            "plan accepted",
            "phase execution 1",
            "started step-1",
            "completed step-1",
            "phase execution 2",
            "started step-2",
            "completed step-2",
            "phase execution 3",
            "started step-3",
            "completed step-3",
            "phase summary",
            "started report",
            "file brief.md",
            "completed report",
            "workflow_complete",
        ]

    async def test_that_nobody_approves_fails_the_run_which_says_so_and_can_be_asked_about_again(
        self, house: House
    ) -> None:
        session, run = await _start(house, variant="planning_only", max_human_iterations=2)
        first = await answer(house, run.id, "revise", feedback="No.")
        assert first.request_data["revisions_left"] == 2
        await answer(house, run.id, "revise", feedback="Still no.")
        last = await asked(house, run.id)
        assert last.options == ["approve", "reject", "modify"]
        with pytest.raises(InvalidInput, match="not offered"):
            await answer(house, run.id, "revise")
        await answer(house, run.id, "reject")

        failed = await house.run(run.id, "failed")
        assert failed.error is not None
        assert failed.error["message"].endswith("after 2 revisions, and no revision was left.")
        assert await plan_statuses(house, session.id) == ("rejected", ["cancelled"] * 3)

        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        again = await answer(house, run.id, "approve")
        assert again.request_data == last.request_data
        await house.run(run.id, "completed")
        assert await plan_statuses(house, session.id) == ("completed", ["completed"] * 3)
        assert max(house.provider.counts.values()) == 1

    async def test_edited_by_the_person_replaces_the_planners(self, house: House) -> None:
        session, run = await _start(house, variant="planning_only")
        edited = [{"name": "Read", "goal": "Read the notes", "agent": "researcher"}, "Write the brief"]
        await answer(house, run.id, "modify", modifications=edited)
        await house.run(run.id, "completed")

        mission = await mission_of(house, session.id)
        assert mission is not None
        assert [(h.name, h.goal, h.agent, h.status) for h in mission.hops] == [
            ("Read", "Read the notes", "researcher", "completed"),
            ("Write the brief", "Write the brief", "engineer", "completed"),
        ]
        assert "plan modified" in await story(house, session.id)

    async def test_is_not_edited_where_the_config_forbids_it(self, house: House) -> None:
        _, run = await _start(house, variant="planning_only", allow_plan_modification=False)
        assert (await asked(house, run.id)).options == ["approve", "reject", "revise"]


class TestBeforeAStep:
    async def test_it_is_approved_changed_or_skipped(self, house: House) -> None:
        session, run = await _start(house, variant="error_recovery", approval_mode="before_step")
        await answer(house, run.id, "skip")
        accepted = (await asked(house, run.id)).request_data
        await answer(
            house, run.id, "modify", modifications={"goal": "Count the doors.", "agent": "researcher"}
        )
        third = await asked(house, run.id)
        assert "Count" not in third.request_data["goal"]
        assert "Collect the facts" in third.request_data["context"]
        await answer(house, run.id, "approve")
        await house.run(run.id, "completed")

        assert await plan_statuses(house, session.id) == ("completed", ["skipped", "completed", "completed"])
        statuses = await step_statuses(house, session.id)
        assert list(statuses) == ["plan", "step-1", "step-2", "step-3", "report"]
        assert statuses["step-1"] == "skipped"
        assert await house.steps(session.id, "step_skipped") == ["step-1"]
        second = next(c for c in house.provider.calls if "YOUR STEP (2)" in c.prompt)
        assert "Count the doors." in second.prompt
        started = await house.app.history.events(LOCAL_ACTOR, session.id, limit=1000, types=["step_started"])
        assert next(e for e in started if e.payload["key"] == "step-2").payload["agent"] == "researcher"
        changed = next(s for s in await house.app.runs.steps(LOCAL_ACTOR, session.id) if s.key == "step-2")
        assert (changed.goal, changed.agent) == ("Count the doors.", "researcher")
        plan = await mission_of(house, session.id)
        assert plan is not None
        hop = next(hop for hop in plan.hops if hop.id == changed.hop_id)
        assert (hop.goal, hop.agent) == (accepted["goal"], "engineer"), "the plan is what was accepted"

    async def test_it_is_rejected_and_asked_about_again_after_a_resume(self, house: House) -> None:
        session, run = await _start(house, variant="error_recovery", approval_mode="before_step")
        await answer(house, run.id, "approve")
        await answer(house, run.id, "reject", feedback="Not like this.")
        failed = await house.run(run.id, "failed")
        assert failed.error is not None
        assert failed.error["code"] == "rejected"
        assert await plan_statuses(house, session.id) == ("failed", ["completed", "ready", "ready"])

        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        await answer_all(house, run.id, "approve", "approve")
        await house.run(run.id, "completed")
        assert await plan_statuses(house, session.id) == ("completed", ["completed"] * 3)
        assert max(house.provider.counts.values()) == 1

    @pytest.mark.parametrize(
        ("modifications", "field"),
        [
            (None, "modifications"),
            ({}, "modifications.goal"),
            ({"goal": "  "}, "modifications.goal"),
            ({"goal": "x", "agent": "nobody"}, "modifications.agent"),
            ("Count the doors.", "modifications"),
        ],
    )
    async def test_a_change_that_makes_no_sense_is_refused_and_nothing_is_stored(
        self, house: House, modifications: Any, field: str
    ) -> None:
        _, run = await _start(house, variant="error_recovery", approval_mode="before_step")
        question = await asked(house, run.id)

        with pytest.raises(InvalidInput) as refused:
            await house.app.approvals.answer(
                LOCAL_ACTOR, question.id, resolution="modify", modifications=modifications, feedback="f"
            )

        assert refused.value.fields["field"] == field
        assert await house.app.approvals.get(LOCAL_ACTOR, question.id) == question


class TestAfterAStep:
    async def test_it_is_done_again_at_most_twice_with_what_the_person_said(self, house: House) -> None:
        session, run = await _start(house, variant="error_recovery", approval_mode="after_step")
        first = await answer(house, run.id, "redo", feedback="Name the sources.")
        assert first.options == ["continue", "abort", "redo"]
        await answer(house, run.id, "redo", feedback="Shorter.")
        last = await asked(house, run.id)
        assert last.options == ["continue", "abort"]
        await answer_all(house, run.id, "continue", "continue", "continue")
        await house.run(run.id, "completed")

        tries = [c.prompt for c in house.provider.calls if "YOUR STEP (1)" in c.prompt]
        assert ["The attempt before did not do: Name the sources." in prompt for prompt in tries] == [
            False,
            True,
            False,
        ]
        assert "The attempt before did not do: Shorter." in tries[2]
        assert "WHAT THE PERSON SAID SO FAR\n- Name the sources." in tries[2]
        assert list(await step_statuses(house, session.id)) == [
            "plan",
            "step-1",
            "step-1-redo-1",
            "step-1-redo-2",
            "step-2",
            "step-3",
            "report",
        ]
        assert await plan_statuses(house, session.id) == ("completed", ["completed"] * 3)

    async def test_the_person_ends_the_run(self, house: House) -> None:
        session, run = await _start(house, variant="error_recovery", approval_mode="after_step")
        await answer_all(house, run.id, "continue", "abort")
        failed = await house.run(run.id, "failed")

        assert failed.error is not None
        assert failed.error["message"] == "The run was ended after step 2 by local."
        assert await plan_statuses(house, session.id) == ("failed", ["completed", "completed", "ready"])
        assert (await story(house, session.id))[-2:] == ["rejected abort", "workflow_failed"]

    async def test_steps_that_succeed_at_once_need_no_word_if_the_config_says_so(self, house: House) -> None:
        house.provider.reply("did not do", "Done at the second attempt.")
        give_up(house.provider, 2, unless="the text is unreadable")
        _, run = await _start(
            house,
            variant="error_recovery",
            approval_mode="after_step",
            auto_approve_successful_steps=True,
            max_attempts=2,
        )
        question = await answer(house, run.id, "continue")
        await house.run(run.id, "completed")

        assert question.request_data["step"] == 2


class TestOnError:
    async def test_it_is_tried_again_with_what_the_person_said(self, house: House) -> None:
        give_up(house.provider, 2)
        session, run = await _start(house, variant="error_recovery", max_attempts=1)
        question = await answer(house, run.id, "retry", feedback="Use the appendix.")
        assert question.options == ["retry", "skip", "abort"]
        assert question.request_data["error"]["code"] == "step-failed"
        await house.run(run.id, "completed")

        assert await step_statuses(house, session.id) == {
            "plan": "completed",
            "step-1": "completed",
            "step-2": "completed",
            "step-3": "completed",
            "report": "completed",
        }
        assert await plan_statuses(house, session.id) == ("completed", ["completed"] * 3)
        assert "attempt 1 of 1 did not reach the goal" in await console(house, session.id)

    async def test_it_is_skipped_and_stays_so_through_a_resume(self, house: House) -> None:
        give_up(house.provider, 1, unless="(nothing)")
        give_up(house.provider, 3, unless="(nothing)")
        session, run = await _start(house, variant="error_recovery", max_attempts=1)
        await answer(house, run.id, "skip")
        await answer(house, run.id, "abort")
        await house.run(run.id, "failed")
        assert await plan_statuses(house, session.id) == ("failed", ["skipped", "completed", "failed"])
        house.provider.reset()

        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        await house.run(run.id, "completed")

        assert await plan_statuses(house, session.id) == ("completed", ["skipped", "completed", "completed"])
        assert [house.provider.count(f"YOUR STEP ({n})") for n in (1, 2, 3)] == [0, 0, 1]

    @pytest.mark.parametrize(
        ("flags", "options"),
        [
            ({"allow_step_retry": False}, ["skip", "abort"]),
            ({"allow_step_skip": False}, ["retry", "abort"]),
            ({"allow_step_skip": False, "allow_step_retry": False}, ["abort"]),
        ],
    )
    async def test_only_what_the_config_allows_is_offered(
        self, house: House, flags: dict[str, bool], options: list[str]
    ) -> None:
        give_up(house.provider, 1)
        _, run = await _start(house, variant="error_recovery", max_attempts=1, **flags)
        assert (await asked(house, run.id)).options == options


async def test_a_full_run_asks_everywhere_and_passes_on_all_that_was_said(house: House) -> None:
    session, run = await _start(house)
    await answer(house, run.id, "approve", feedback="Mind the budget.")
    await answer(house, run.id, "approve", feedback="Use euros.")
    await answer(house, run.id, "continue", feedback="Good.")
    await answer_all(house, run.id, *["approve", "continue"] * 2)
    done = await house.run(run.id, "completed")

    assert done.result is not None
    assert done.result["feedback"] == ["Mind the budget.", "Use euros.", "Good."]
    for step in ("YOUR STEP (2)", "YOUR STEP (3)", "Write the final text"):
        call = next(c for c in house.provider.calls if step in c.prompt)
        assert "SO FAR\n- Mind the budget.\n- Use euros.\n- Good." in call.prompt
    assert [s for s in _STEPS if s in await step_statuses(house, session.id)] == _STEPS
    assert [line for line in await story(house, session.id) if line.startswith("ask")] == [
        "ask plan",
        *["ask step"] * 6,
    ]


async def test_an_edited_plan_that_makes_no_sense_is_refused_and_the_question_waits(house: House) -> None:
    _, run = await _start(house, variant="planning_only")
    question = await asked(house, run.id)

    for modifications, named in (
        ([], "modifications.steps"),
        ({"plan": []}, "modifications.steps"),
        ({"steps": [{"goal": "x", "agent": "enginer"}]}, "modifications.steps.0.agent"),
        ([f"step {n}" for n in range(31)], "modifications.steps"),
        ("do it", "modifications"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await house.app.approvals.answer(
                LOCAL_ACTOR, question.id, resolution="modify", modifications=modifications
            )
        found = [e["field"] for e in refused.value.fields.get("errors", [])] + [
            refused.value.fields.get("field")
        ]
        assert any(field is not None and field.startswith(named) for field in found), refused.value.fields

    assert await house.app.approvals.get(LOCAL_ACTOR, question.id) == question
    await answer(house, run.id, "approve")
    await house.run(run.id, "completed")
