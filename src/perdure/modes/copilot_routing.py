"""How a copilot decides what to do with a message: answer, plan, ask back, or propose ways."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field, create_model

from perdure.modes.contract import ModelCallFailed, RunContext
from perdure.modes.shapes import ASCII, list_of, one_of
from perdure.modes.wording import with_context
from perdure.modes.work import Assignment

Routing = Literal["aggressive", "balanced", "minimal"]
Route = Literal["direct", "plan", "clarify", "propose"]
ROUTES: tuple[Route, ...] = ("direct", "plan", "clarify", "propose")
MOST_QUESTIONS = 3
MOST_APPROACHES = 3

_LONG = 50
_ASKS_FOR_STEPS = re.compile(
    r"\b(step by step|in steps|make a plan|plan (and|how)|first\b.*\bthen|several files|thorough\w*)\b",
    re.IGNORECASE | re.DOTALL,
)
_VAGUE = 4
_ASKS_FOR_WAYS = re.compile(
    r"\b(which way|which approach|options|alternatives|different ways)\b", re.IGNORECASE
)
_QUESTION = r"^[A-Z][ !#-\[\]-~]+\?$"

_MEANING: dict[Route, str] = {
    "direct": "direct: one reply or one small piece of work is enough",
    "plan": "plan: it takes several steps, several files, or findings that build on each other",
    "clarify": f"clarify: it cannot be done well without a fact only the user knows; at most {MOST_QUESTIONS} "
    "questions, with options where there are few possible answers",
    "propose": f"propose: there are clearly different ways and the choice is the user's; two or "
    f"{MOST_APPROACHES} approaches, the best first, each done directly or by a plan",
}
_MEANING_BRIEFLY: dict[Route, str] = {
    "direct": "direct = a question, a greeting, or one short text",
    "plan": "plan = a longer text or report that needs several findings first",
    "clarify": "clarify = the message does not say what it is about",
    "propose": "propose = the user asks which way is best",
}
_STYLE: dict[Routing, str] = {
    "aggressive": "Do not hesitate to plan, to ask back or to propose ways.",
    "balanced": "Prefer the simplest that serves the user; ask back only when a guess would waste the work.",
    "minimal": "",
}


class RoutedQuestion(BaseModel):
    """A question to the user before anything is done."""

    question: str = Field(min_length=1)
    reason: str = ""
    options: list[str] = Field(default_factory=list)


class Approach(BaseModel):
    """One way to do what was asked."""

    title: str = Field(min_length=1)
    description: str = Field(min_length=1)
    way: Literal["direct", "plan"] = "direct"


@dataclass(frozen=True, slots=True)
class Router:
    """Decides for one run. `routes` is what may be chosen now."""

    ctx: RunContext
    routing: Routing
    routes: Collection[Route]

    async def decide(self, assignment: Assignment, key: str) -> dict[str, Any]:
        """Return `{route, reason, questions, approaches}`; without a usable word of the router, direct."""
        brief = self.ctx.profile.sentence_words is not None
        offered: list[Route] = [
            route
            for route in ROUTES
            if route in self.routes and (not brief or _is_called_for(route, assignment))
        ]
        if self.routing == "minimal" or len(offered) == 1:
            return _decision(_by_rule(assignment.text, offered), "by rule")
        try:
            decision = await self._asked(assignment, offered)
        except ModelCallFailed as error:
            return await self._fallback(f"the router gave no usable answer ({error.message})", key)
        problem = _problem(decision)
        if problem is not None:
            return await self._fallback(problem, key)
        await self.ctx.console(
            f"route: {decision['route']} ({decision['reason'] or 'no reason given'})", key=key
        )
        return decision

    async def _asked(self, assignment: Assignment, offered: Sequence[Route]) -> dict[str, Any]:
        brief = self.ctx.profile.sentence_words is not None
        chosen = await self._structured(
            self._prompt(assignment, offered, brief), route_shape(offered, brief=brief), assignment
        )
        route, reason = chosen["route"], chosen.get("reason", "")
        if brief and route == "clarify":
            chosen |= await self._structured(
                f"Message: {assignment.text}\n\nAsk the user one or two short questions. Without the answers "
                "the work cannot start.",
                _brief_questions(),
                assignment,
            )
        if brief and route == "propose":
            chosen |= await self._structured(
                f"Message: {assignment.text}\n\nPropose two different ways to do this. Give each a short "
                "title and one short sentence.",
                _brief_approaches(),
                assignment,
            )
        return _decision(
            route,
            reason,
            [_cleaned(q) for q in chosen.get("questions", [])][:MOST_QUESTIONS],
            chosen.get("approaches", [])[:MOST_APPROACHES],
        )

    async def _structured(
        self, prompt: str, shape: type[BaseModel], assignment: Assignment
    ) -> dict[str, Any]:
        reply = await self.ctx.agent(
            "router",
            with_context(prompt, await self.ctx.added_context()),
            output=shape,
            say=False,
            max_tokens=self.ctx.profile.plan_max_tokens,
            history=assignment.history,
        )
        return reply.output.model_dump()

    def _prompt(self, assignment: Assignment, offered: Sequence[Route], brief: bool) -> str:
        meaning = _MEANING_BRIEFLY if brief else _MEANING
        choices = "\n".join(f"- {meaning[route]}" for route in offered)
        parts = [f"The user's message: {assignment.text}", f"Choose one:\n{choices}", _STYLE[self.routing]]
        return "\n\n".join(part for part in parts if part)

    async def _fallback(self, problem: str, key: str) -> dict[str, Any]:
        await self.ctx.console(f"route: direct, because {problem}", key=key)
        return _decision("direct", problem)


def route_shape(offered: Sequence[Route], *, brief: bool) -> type[BaseModel]:
    """Return what the router hands over: for a small model one word with a short reason before it."""
    route = one_of(offered)
    if brief:
        return create_model(
            "BriefRoute",
            reason=(str, Field(min_length=3, max_length=100, pattern=ASCII)),
            route=(route, ...),
        )
    fields: dict[str, Any] = {"reason": (str, ""), "route": (route, ...)}
    if "clarify" in offered:
        fields["questions"] = (list[RoutedQuestion], Field(default_factory=list[RoutedQuestion]))
    if "propose" in offered:
        fields["approaches"] = (list[Approach], Field(default_factory=list[Approach]))
    return create_model("RouteDecision", **fields)


def _brief_questions() -> type[BaseModel]:
    question = create_model(
        "BriefQuestion", question=(str, Field(min_length=8, max_length=120, pattern=_QUESTION))
    )
    return create_model("BriefQuestions", questions=(list_of(question), Field(min_length=1, max_length=2)))


def _brief_approaches() -> type[BaseModel]:
    approach = create_model(
        "BriefApproach",
        title=(str, Field(min_length=3, max_length=50, pattern=ASCII)),
        description=(str, Field(min_length=10, max_length=140, pattern=ASCII)),
    )
    return create_model("BriefApproaches", approaches=(list_of(approach), Field(min_length=2, max_length=2)))


def _is_called_for(route: Route, assignment: Assignment) -> bool:
    """Whether a small model may choose the route: left alone it asks back about messages that are clear."""
    text = assignment.text
    match route:
        case "clarify":
            return len(text.split()) <= _VAGUE and not assignment.history
        case "propose":
            return _ASKS_FOR_WAYS.search(text) is not None
        case _:
            return True


def _by_rule(text: str, offered: Sequence[Route]) -> Route:
    wants_steps = len(text.split()) > _LONG or _ASKS_FOR_STEPS.search(text) is not None
    return "plan" if wants_steps and "plan" in offered else "direct"


def _problem(decision: dict[str, Any]) -> str | None:
    if decision["route"] == "clarify" and not decision["questions"]:
        return "the router wanted to ask back and had no question"
    if decision["route"] == "propose" and len(decision["approaches"]) < 2:
        return "the router wanted to propose ways and had no two"
    return None


def _cleaned(question: dict[str, Any]) -> dict[str, Any]:
    """Return the question with options only where there are two different ones or more to choose from."""
    given: list[str] = question.get("options") or []
    options = list(dict.fromkeys(option.strip() for option in given if option.strip()))
    return {
        "question": question["question"].strip(),
        "reason": (question.get("reason") or "").strip(),
        "options": options if len(options) > 1 else [],
    }


def _decision(
    route: Route,
    reason: str,
    questions: Sequence[dict[str, Any]] = (),
    approaches: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    return {
        "route": route,
        "reason": reason,
        "questions": list(questions),
        "approaches": [{"way": "direct", **approach} for approach in approaches],
    }


__all__ = ["ROUTES", "Approach", "Route", "RoutedQuestion", "Router", "Routing", "route_shape"]
