"""Every gate of every mode: answered after a restart, answered twice, and not answered at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.errors import AlreadyAnswered
from tests.engine.asking import (
    answer_all,
    asked,
    give_up,
    let_pass,
    plan_statuses,
    route_to,
    script_ideas,
    step_statuses,
    story,
)
from tests.engine.conftest import House
from tests.fakes.openai_server import OpenAIServer

_THREE = ["completed"] * 3
_QUESTIONS = [{"question": "For whom?", "options": ["team lead", "board"]}, {"question": "How long?"}]
_WAYS = [
    {"title": "Quick", "description": "Answer at once.", "way": "direct"},
    {"title": "Thorough", "description": "Plan it.", "way": "plan"},
]
Ending = tuple[str, str, tuple[str, list[str]] | None]


@dataclass(frozen=True)
class Gate:
    """How to get to a gate, and where each answer leads: run, session, and mission with hops."""

    name: str
    mode: str
    config: dict[str, Any]
    type: str
    yes: str
    approved: Ending
    rejected: Ending
    script: Callable[[OpenAIServer], None] | None = None
    first: tuple[str, ...] = ()
    """Answers to the questions before it."""
    then: tuple[str, ...] = ()
    """Answers to the questions after it."""
    silence_may_approve: bool = True
    response: dict[str, Any] = field(default_factory=dict)


GATES = (
    Gate(
        "plan",
        "hitl-interactive",
        {"variant": "planning_only"},
        "plan",
        "approve",
        ("completed", "completed", ("completed", _THREE)),
        ("failed", "failed", ("rejected", ["cancelled"] * 3)),
    ),
    Gate(
        "plan of planning-control",
        "planning-control",
        {"approval_mode": "after_planning"},
        "plan",
        "approve",
        ("completed", "completed", ("completed", _THREE)),
        ("failed", "failed", ("rejected", ["cancelled"] * 3)),
    ),
    Gate(
        "before a step",
        "hitl-interactive",
        {"variant": "error_recovery", "approval_mode": "before_step"},
        "step",
        "approve",
        ("completed", "completed", ("completed", _THREE)),
        ("failed", "failed", ("failed", ["completed", "ready", "ready"])),
        first=("approve",),
        then=("approve",),
    ),
    Gate(
        "after a step",
        "hitl-interactive",
        {"variant": "error_recovery", "approval_mode": "after_step"},
        "step",
        "continue",
        ("completed", "completed", ("completed", _THREE)),
        ("failed", "failed", ("failed", ["completed", "ready", "ready"])),
        then=("continue", "continue"),
    ),
    Gate(
        "on error",
        "hitl-interactive",
        {"variant": "error_recovery", "max_attempts": 1},
        "error",
        "retry",
        ("completed", "completed", ("completed", _THREE)),
        ("failed", "failed", ("failed", ["completed", "failed", "ready"])),
        script=lambda provider: give_up(provider, 2),
        silence_may_approve=False,
        response={"feedback": "Use the appendix."},
    ),
    Gate(
        "between two steps of a conversation",
        "copilot",
        {"approval_mode": "conversational"},
        "turn",
        "continue",
        ("completed", "active", ("completed", _THREE)),
        ("completed", "active", ("cancelled", ["completed", "cancelled", "cancelled"])),
        script=lambda provider: route_to(provider, "plan"),
        first=("approve",),
        then=("continue", "continue"),
    ),
    Gate(
        "clarification",
        "copilot",
        {},
        "question",
        "answer",
        ("completed", "active", None),
        ("completed", "active", None),
        script=lambda provider: _clarify_once(provider),
        response={"answer": {"q1": "board", "q2": "one page"}},
    ),
    Gate(
        "proposal",
        "copilot",
        {},
        "selection",
        "answer",
        ("completed", "active", None),
        ("completed", "active", None),
        script=lambda provider: route_to(provider, "propose", approaches=_WAYS),
        response={"answer": {"choice": 1}},
    ),
    Gate(
        "selection of an idea",
        "idea-generation",
        {"selection": True},
        "selection",
        "answer",
        ("completed", "completed", ("completed", ["completed"] * 5)),
        ("failed", "failed", ("failed", ["completed"] * 4 + ["ready"])),
        script=script_ideas,
        response={"answer": {"choice": 2}},
    ),
)
every_gate = pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.name.replace(" ", "-"))


def _clarify_once(provider: OpenAIServer) -> None:
    route_to(provider, "clarify", questions=_QUESTIONS)
    provider.reply("What was asked back:", "A page for the board.")
    provider.reply("What was asked back:", '{"reason": "known now", "route": "direct"}')
    provider.reply("\n- direct: one reply", '{"reason": "known now", "route": "direct"}')
    route_to(provider, "clarify", questions=_QUESTIONS)


async def _reach(house: House, gate: Gate, **config: Any) -> tuple[str, str, Any]:
    if gate.script is not None:
        gate.script(house.provider)
    session, run = await house.submit(gate.mode, **{**gate.config, **config})
    await answer_all(house, run.id, *gate.first)
    question = await asked(house, run.id)
    assert question.request_type == gate.type
    return session.id, run.id, question


async def _ending(house: House, session_id: str, run_id: str) -> Ending:
    run = await house.run(run_id, "completed", "failed", "cancelled")
    session = await house.session(session_id)
    return str(run.status), str(session.status), await plan_statuses(house, session_id)


@every_gate
async def test_is_answered_after_a_restart(house: House, gate: Gate) -> None:
    session_id, run_id, question = await _reach(house, gate)
    calls = len(house.provider.calls)

    await house.app.stop()
    await house.start()
    assert len(house.provider.calls) == calls
    await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution=gate.yes, **gate.response)
    await answer_all(house, run_id, *gate.then)

    assert await _ending(house, session_id, run_id) == gate.approved
    assert max(house.provider.counts.values()) == 1
    types = await house.types(session_id)
    assert types.count("approval_request") == types.count("approval_resolved")
    assert types[-2:] != ["approval_request", "approval_resolved"]
    assert "failed" not in set((await step_statuses(house, session_id)).values()) or gate.type == "error"


@every_gate
async def test_takes_one_answer_and_tells_later_ones_of_it(house: House, gate: Gate) -> None:
    _, run_id, question = await _reach(house, gate)

    first = await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution=gate.yes, **gate.response)
    for late in (gate.yes, "reject"):
        with pytest.raises(AlreadyAnswered) as refused:
            await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution=late, **gate.response)
        assert refused.value.fields["status"] == first.status
        assert refused.value.fields["resolution"] == gate.yes
        assert refused.value.fields["responded_by"] == LOCAL_ACTOR.name

    stored = await house.app.approvals.get(LOCAL_ACTOR, question.id)
    assert (stored.resolution, stored.response_data or {}) == (gate.yes, gate.response)
    await answer_all(house, run_id, *gate.then)
    await house.run(run_id, "completed")


@every_gate
async def test_silence_pauses_the_session_and_resuming_asks_again(house: House, gate: Gate) -> None:
    session_id, run_id, question = await _reach(house, gate)

    await let_pass(house, question)

    await house.run(run_id, "paused")
    session = await house.session(session_id)
    assert session.status == "suspended"
    assert question.title in (session.status_reason or "")
    expired = await house.app.approvals.get(LOCAL_ACTOR, question.id)
    assert (expired.status, expired.resolution, expired.responded_by) == ("expired", None, None)
    calls = len(house.provider.calls)

    await house.app.sessions.resume(LOCAL_ACTOR, session_id)
    again = await asked(house, run_id)
    assert again.id != question.id
    assert (again.title, again.request_data) == (question.title, question.request_data)
    assert len(house.provider.calls) == calls
    await house.app.approvals.answer(LOCAL_ACTOR, again.id, resolution=gate.yes, **gate.response)
    await answer_all(house, run_id, *gate.then)
    assert await _ending(house, session_id, run_id) == gate.approved


@every_gate
async def test_silence_rejects_where_the_config_says_so(house: House, gate: Gate) -> None:
    session_id, run_id, question = await _reach(house, gate, expiry="reject")

    await let_pass(house, question)

    assert await _ending(house, session_id, run_id) == gate.rejected
    settled = await house.app.approvals.get(LOCAL_ACTOR, question.id)
    assert (settled.status, settled.resolution) == ("expired", "reject")
    told = await story(house, session_id)
    assert told.index("expired reject") == len(told) - 1 - told[::-1].index(f"ask {gate.type}") + 1


@every_gate
async def test_silence_approves_where_the_config_says_so(house: House, gate: Gate) -> None:
    session_id, run_id, question = await _reach(house, gate, expiry="approve")

    await let_pass(house, question)

    if not gate.silence_may_approve:
        assert (await house.run(run_id, "paused")).status == "paused"
        return
    await answer_all(house, run_id, *gate.then)
    assert await _ending(house, session_id, run_id) == gate.approved
    settled = await house.app.approvals.get(LOCAL_ACTOR, question.id)
    assert (settled.status, settled.resolution, settled.responded_by) == ("expired", "approve", None)
