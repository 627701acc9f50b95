"""Every gate that a run may come to: how to get there, and where each answer leads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from perdure.core.access import LOCAL_ACTOR
from perdure.core.approvals import Approval
from tests.engine.asking import answer_all, asked, give_up, mission_of, route_to, script_ideas
from tests.engine.conftest import House
from tests.engine.test_tools import Probe, use
from tests.fakes.openai_server import OpenAIServer

Script = Callable[[OpenAIServer], None]
Given = dict[str, dict[str, Any]]

_YES = ("approve", "continue", "retry")
_QUESTIONS = [{"question": "For whom?", "options": ["team lead", "board"]}, {"question": "How long?"}]
_WAYS = [
    {"title": "Quick", "description": "Answer at once.", "way": "direct"},
    {"title": "Thorough", "description": "Plan it.", "way": "plan"},
]
_EDITED_PLAN = [
    {"name": "Read", "goal": "Read it", "outputs": ["facts", "never.md"]},
    {"name": "Count", "goal": "Count the doors", "inputs": ["facts"], "outputs": ["number"]},
]


class Ending(NamedTuple):
    """What stands at the end; hops, and the tool calls of each, in the order of the plan."""

    run: str
    mission: str | None = None
    hops: str = ""
    calls: str = ""
    assets: str = ""


@dataclass(frozen=True)
class Gate:
    """One gate of one mode. The first of its answers is the yes."""

    mode: str
    asker: str
    """The function that asks, as `module.name`."""
    answers: dict[str, Ending]
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    task: str = "Summarise the notes for a team lead"
    script: Script | None = None
    first: tuple[str, ...] = ()
    """Answers to the questions before it."""
    given: Given = field(default_factory=dict[str, dict[str, Any]])
    """What comes with an answer."""
    silence_may_approve: bool = True
    cut_off: bool = False
    """Whether it asks about a call that was cut off."""
    note: str = ""

    @property
    def name(self) -> str:
        """The gate in words, for a test's id."""
        return f"{self.mode}:{self.asker}" + (f":{self.note}" if self.note else "")

    @property
    def yes(self) -> str:
        """The answer that lets the run go on."""
        return next(iter(self.answers))

    @property
    def no(self) -> str:
        """The answer that does not."""
        return "reject" if "reject" in self.answers else "abort"


async def reach(house: House, probe: Probe, gate: Gate, **config: Any) -> tuple[str, str, Approval]:
    """Start a run and come to the gate; returns session and run id, and the question."""
    _plan_in_two(house.provider, use("write_file", path="kept.md", content="k"))
    if gate.script is not None:
        gate.script(house.provider)
    if gate.cut_off:
        probe.go.clear()
    session, run = await house.submit(gate.mode, gate.task, **{**gate.config, **config})
    if gate.cut_off:
        await house.until(lambda: bool(probe.rung))
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id, when="now")
        await house.run(run.id, "paused")
        probe.go.set()
        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
    await answer_all(house, run.id, *gate.first)
    return session.id, run.id, await asked(house, run.id)


async def carry_on(house: House, run_id: str) -> None:
    """Say yes to whatever is asked after the gate, until the run has ended."""
    while (await house.run(run_id, "waiting", "completed", "failed", "cancelled")).status == "waiting":
        question = await asked(house, run_id)
        yes = next(option for option in _YES if option in question.options)
        await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution=yes)


async def ending(house: House, session_id: str, run_id: str) -> Ending:
    """Return what stands now."""
    run = await house.app.runs.get(LOCAL_ACTOR, run_id)
    mission = await mission_of(house, session_id)
    if mission is None:
        return Ending(str(run.status))
    detail = await house.app.missions.get(LOCAL_ACTOR, mission.id)
    calls = (
        "+".join(str(step.status) for step in detail.tool_steps if step.hop_id == hop.id) or "-"
        for hop in mission.hops
    )
    return Ending(
        str(run.status),
        str(mission.status),
        " ".join(str(hop.status) for hop in mission.hops),
        " ".join(calls),
        " ".join(sorted(f"{asset.name}:{asset.status}" for asset in detail.assets)),
    )


def _plan_in_two(provider: OpenAIServer, mark: str) -> None:
    """Let the planner plan two steps, of which the first makes a call."""
    steps = [
        {"name": "Read", "goal": f"Read it {mark}", "agent": "engineer", "bullet_points": []},
        {"name": "Count", "goal": "Count the doors", "agent": "engineer", "bullet_points": []},
    ]
    provider.reply("Plan this task", json.dumps({"steps": steps}))


def _first_step_calls(mark: str) -> Script:
    return lambda provider: _plan_in_two(provider, mark)


def _routed(route: str, **more: Any) -> Script:
    return lambda provider: route_to(provider, route, **more)


def _second_step_fails(also: Script | None) -> Script:
    def script(provider: OpenAIServer) -> None:
        give_up(provider, 2)
        if also is not None:
            also(provider)

    return script


def _clarified_once(provider: OpenAIServer) -> None:
    route_to(provider, "clarify", questions=_QUESTIONS)
    provider.reply("What was asked back:", "A page for the board.")
    provider.reply("What was asked back:", '{"reason": "known now", "route": "direct"}')
    provider.reply("\n- direct: one reply", '{"reason": "known now", "route": "direct"}')
    route_to(provider, "clarify", questions=_QUESTIONS)


_KEPT = "kept.md:ready"
_COMPLETED, _FAILED = Ending("completed"), Ending("failed")
_DONE = Ending("completed", "completed", "completed completed", "completed -", _KEPT)
_EDITED = _DONE._replace(calls="- -", assets="facts:ready never.md:error number:ready")
_SKIPPED = _DONE._replace(hops="completed skipped")
_REDONE = _DONE._replace(calls="completed+completed -")
_BROKEN = Ending("failed", "failed", "completed failed", "completed -", _KEPT)


def _planned(
    mode: str, modes: tuple[str, str, str], first: tuple[str, ...], script: Script | None
) -> list[Gate]:
    """Return the gates of a mode that plans; `modes` are its approval modes before, after a step, and for the plan.

    In a conversation a no ends the turn, and its plan with it; elsewhere the run fails, and may be resumed there.
    """
    talks = mode == "copilot"
    refused = Ending("completed" if talks else "failed", "rejected", "cancelled cancelled", "- -")
    stopped = Ending("failed", "failed", "completed ready", "completed -", _KEPT)
    if talks:
        stopped = Ending("completed", "cancelled", "completed cancelled", "completed -", _KEPT)
    before, after, plan = ({"n_plan_reviews": 0, "approval_mode": name} for name in modes)
    edited: Given = {"modify": {"modifications": _EDITED_PLAN}, "revise": {"feedback": "Shorter."}}
    return [
        Gate(
            mode,
            "gates.plan",
            {"approve": _DONE, "reject": refused, "revise": _DONE, "modify": _EDITED},
            plan,
            script=script,
            given=edited,
        ),
        Gate(
            mode,
            "gates.before",
            {"approve": _DONE, "reject": stopped, "skip": _SKIPPED, "modify": _DONE},
            before,
            script=script,
            first=(*first, "approve"),
            given={"modify": {"modifications": {"goal": "Count the windows"}}},
        ),
        Gate(
            mode,
            "gates.after",
            {"continue": _DONE, "abort": stopped, "redo": _REDONE},
            after,
            script=script,
            first=first,
            given={"redo": {"feedback": "Again."}},
        ),
        Gate(
            mode,
            "gates.failure",
            {"retry": _DONE, "skip": _SKIPPED, "abort": _BROKEN},
            {"n_plan_reviews": 0, "approval_mode": "on_error", "max_attempts": 1},
            script=_second_step_fails(script),
            first=first,
            given={"retry": {"feedback": "Use the appendix."}},
            silence_may_approve=False,
        ),
    ]


def _talking() -> list[Gate]:
    direct = {"routing": "minimal", "auto_approve_simple": False}
    left = Ending("completed", "cancelled", "completed cancelled", "completed -", _KEPT)
    return [
        Gate(
            "copilot",
            "gates.turn",
            {"continue": _DONE, "revise": _DONE, "abort": left},
            {"n_plan_reviews": 0, "approval_mode": "conversational"},
            script=_routed("plan"),
            first=("approve",),
            given={"revise": {"feedback": "Mind the doors."}},
        ),
        Gate(
            "copilot",
            "gates.before",
            dict.fromkeys(("approve", "reject", "modify"), _COMPLETED),
            {**direct, "approval_mode": "before_step"},
            given={"modify": {"modifications": {"goal": "Count the windows"}}},
            note="direct",
        ),
        Gate(
            "copilot",
            "gates.after",
            dict.fromkeys(("continue", "abort", "redo"), _COMPLETED),
            {**direct, "approval_mode": "after_step"},
            note="direct",
        ),
        Gate(
            "copilot",
            "gates.clarification",
            dict.fromkeys(("answer", "skip", "reject"), _COMPLETED),
            script=_clarified_once,
            given={"answer": {"answer": {"q1": "board", "q2": "one page"}}},
        ),
        Gate(
            "copilot",
            "gates.proposal",
            {**dict.fromkeys(("approve", "modify", "revise", "reject"), _COMPLETED), "answer": _DONE},
            {"n_plan_reviews": 0},
            script=_routed("propose", approaches=_WAYS),
            given={
                "answer": {"answer": {"choice": 2}},
                "modify": {"modifications": {"description": "By phone."}},
                "revise": {"feedback": "Another."},
            },
        ),
    ]


def _choosing() -> Gate:
    written = Ending(
        "completed",
        "completed",
        " ".join(["completed"] * 5),
        "- - - - -",
        "final_idea.md:ready ideas.json:ready",
    )
    refused = Ending(
        "failed", "failed", " ".join(["completed"] * 4 + ["ready"]), "- - - - -", "ideas.json:ready"
    )
    return Gate(
        "idea-generation",
        "gates.selection",
        {"approve": written, "answer": written, "modify": written, "reject": refused},
        {"selection": True},
        script=script_ideas,
        given={"answer": {"answer": {"choice": 2}}, "modify": {"modifications": {"idea": "Ring twice."}}},
    )


def _of_the_engine(mode: str, config: dict[str, Any]) -> list[Gate]:
    """Return the gates that an agent with tools may come to in any mode: with a plan, they are in its first step."""
    plans = mode == "planning-control"

    def then(run: str, call: str) -> Ending:
        hops = "completed completed" if run == "completed" else "failed ready"
        return Ending(run, run, hops, f"{call} -") if plans else Ending(run)

    def gate(asker: str, mark: str, answers: dict[str, Ending], given: Given, **more: Any) -> Gate:
        how: dict[str, Any] = {"script": _first_step_calls(mark)} if plans else {"task": mark}
        settings = {**config, **more.pop("settings", {})}
        return Gate(mode, asker, answers, settings, given=given, silence_may_approve=False, **how, **more)

    ring, done, no = use("ring", bell="big"), then("completed", "completed"), then("completed", "failed")
    # Of a conversation, what a person ends is the turn.
    ended = _COMPLETED if mode == "copilot" else then("failed", "failed")
    return [
        gate(
            "tool_gate._question",
            ring,
            {"approve": done, "reject": no, "modify": done},
            {"modify": {"modifications": {"arguments": {"bell": "small"}}}},
        ),
        gate(
            "tool_gate._unknown",
            ring,
            {"retry": done, "skip": no, "abort": ended},
            {},
            cut_off=True,
            settings={"tool_permissions": {"shell": "auto_allow"}},
        ),
        gate(
            "agent_tools._answered",
            use("ask_them", question="Which city?"),
            {"answer": done, "reject": done},
            {"answer": {"answer": "Lund"}},
        ),
        gate(
            "limits.ask",
            use("look", at="it"),
            {"approve": done, "abort": then("failed", "-")},
            {"approve": {"answer": {"max_tokens": 1_000_000}}},
            settings={"resource_limits": {"max_tokens": 1}},
        ),
    ]


GATES = (
    *_planned("planning-control", ("before_each_step", "after_each_step", "after_planning"), (), None),
    *_planned("hitl-interactive", ("before_step", "after_step", "none"), ("approve",), None),
    *_planned("copilot", ("before_step", "after_step", "after_planning"), ("approve",), _routed("plan")),
    *_talking(),
    _choosing(),
    *_of_the_engine("planning-control", {"n_plan_reviews": 0}),
    *_of_the_engine("one-shot", {}),
    *_of_the_engine("copilot", {"routing": "minimal"}),
)
