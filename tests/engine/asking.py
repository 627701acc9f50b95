"""Reaching questions and answering them, for tests of the modes that wait for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from perdure.core.access import LOCAL_ACTOR
from perdure.core.approvals import Approval
from perdure.core.missions import Mission
from perdure.store import approvals as approval_rows
from tests.engine.conftest import House
from tests.fakes.openai_server import Call, OpenAIServer

_QUIET = frozenset({"console", "cost_update", "dag_update", "agent_message", "session_update", "tool_call"})


async def asked(house: House, run_id: str) -> Approval:
    """Wait until the run waits for a person, and return the question."""
    run = await house.run(run_id, "waiting", "failed", "completed")
    assert run.status == "waiting", f"the run asks nothing: {run.status}, {run.error or run.result}"
    found, _ = await house.app.approvals.list(LOCAL_ACTOR)
    return next(a for a in found if a.run_id == run_id)


async def answer(house: House, run_id: str, resolution: str, **more: Any) -> Approval:
    """Answer what the run waits for."""
    question = await asked(house, run_id)
    await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution=resolution, **more)
    return question


async def answer_all(house: House, run_id: str, *resolutions: str) -> None:
    """Answer one question after the other."""
    for resolution in resolutions:
        await answer(house, run_id, resolution)


async def let_pass(house: House, question: Approval) -> None:
    """Let the question's deadline be over, and the sweep notice."""
    await house.app.store.write(
        lambda tx: approval_rows.settle_approval(tx, question, deadline=tx.now - timedelta(seconds=1))
    )
    await house.app.sweeps.run_once()


async def mission_of(house: House, session_id: str) -> Mission | None:
    """Return the session's plan."""
    return await house.app.missions.for_session(LOCAL_ACTOR, session_id)


async def plan_statuses(house: House, session_id: str) -> tuple[str, list[str]] | None:
    """Return the statuses of the session's mission and of its hops; None without a plan."""
    mission = await mission_of(house, session_id)
    return None if mission is None else (str(mission.status), [str(hop.status) for hop in mission.hops])


async def step_statuses(house: House, session_id: str) -> dict[str, str]:
    """Return the status of each step, by key."""
    return {s.key: str(s.status) for s in await house.app.runs.steps(LOCAL_ACTOR, session_id)}


async def story(house: House, session_id: str) -> list[str]:
    """Return what happened in order: events of steps, questions, plans and the run, each in a few words."""
    told: list[str] = []
    for event in await house.app.history.events(LOCAL_ACTOR, session_id, limit=1000):
        data = event.payload
        match event.type:
            case "phase_change":
                told.append(
                    f"phase {data['phase']}" + (f" {data['step_number']}" if data["step_number"] else "")
                )
            case "step_started" | "step_completed" | "step_failed":
                told.append(f"{event.type.removeprefix('step_')} {data['key']}")
            case "plan_update":
                told.append(f"plan {data['change']}")
            case "approval_request":
                told.append(f"ask {data['request_type']}")
            case "approval_resolved":
                told.append(f"{data['status']} {data['resolution']}")
            case "file_update":
                told.append(f"file {data['path']}")
            case kind if kind not in _QUIET:
                told.append(kind)
            case _:
                pass
    return told


async def said(house: House, session_id: str) -> list[str]:
    """Return the messages of the conversation, oldest first."""
    page = await house.app.history.messages(LOCAL_ACTOR, session_id, limit=100)
    return [f"{m.role}: {m.text}" for m in page.messages]


async def console(house: House, session_id: str) -> str:
    """Return all console lines."""
    events = await house.app.history.events(LOCAL_ACTOR, session_id, limit=1000, types=["console"])
    return "\n".join(line for event in events for line in event.payload["lines"])


def route_to(provider: OpenAIServer, route: str, **more: Any) -> None:
    """Let the router decide so."""
    provider.reply("Choose one:", json.dumps({"reason": "a test", "route": route, **more}))


def give_up(provider: OpenAIServer, step: int, unless: str = "Use the appendix.") -> None:
    """Let the agent of that step not reach its goal, unless it is told something."""
    provider.reply(f"YOUR STEP ({step})", "NOT DONE, the text is unreadable.")
    provider.reply(unless, "Done with the appendix.")


def ideas_of(number: int) -> str:
    """Return what an idea maker hands over."""
    ideas = (
        ("Longer codes", "Let each code live for three days instead of one."),
        ("A second message", "Remind customers shortly before their code ends."),
        ("New grease", "Have the supplier change what freezes in the locks."),
        ("Ask the app", "Show on a page whether a box is open, broken or full."),
        ("Opening hours", "Send nothing after six in the evening."),
        ("A sign at the door", "Say on paper what to do when a door stays shut."),
    )
    return json.dumps({"ideas": [{"title": t, "idea": i} for t, i in ideas[:number]]})


def judge(scores: Sequence[int]) -> Callable[[Call], str]:
    """Return a critic that gives idea number n the n-th score, for those it is shown."""

    def reply(call: Call) -> str:
        shown = [n for n in range(1, len(scores) + 1) if f"\n{n}. " in call.prompt]
        judgements = [
            {
                "number": n,
                "value": scores[n - 1],
                "novelty": scores[n - 1],
                "feasibility": scores[n - 1],
                "strength": f"Strong {n}.",
                "weakness": f"Weak {n}.",
            }
            for n in shown
        ]
        return json.dumps({"judgements": judgements})

    return reply


FINAL = {
    "title": "Codes that live longer",
    "sentences": [
        "Codes live for 72 hours.",
        "Today 140 of 212 calls ask about codes that expired after 24 hours.",
        "It is one setting and half a day of work.",
        "A code that lives longer can be misused for longer.",
        "Count the calls in the two weeks after the change.",
    ],
}


def script_ideas(provider: OpenAIServer, number: int = 5) -> None:
    """Let maker and critic play their parts: idea 4 is judged best, then idea 2."""
    provider.reply("Change the idea so that", json.dumps({"title": "Better", "idea": "It is better now."}))
    provider.reply("Judge these ideas", judge([3, 7, 2, 9, 4, 1, 1][: max(number, 5)]))
    provider.reply("Propose ", ideas_of(number))
    provider.reply("Write it as a title", json.dumps(FINAL))
