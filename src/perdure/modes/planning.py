"""Making a plan: the planner's draft, rounds of advice with a revision after each, and a person's word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from pydantic import BaseModel, Field, create_model

from perdure.modes.contract import (
    Hop,
    PlanRejected,
    Resolution,
    RunContext,
    StepFailed,
    StepResult,
    StepSpec,
)
from perdure.modes.gates import GatedConfig, Gates, who
from perdure.modes.shapes import ASCII, list_of, one_of
from perdure.modes.wording import with_context, with_source
from perdure.modes.work import Assignment

WORKERS = ("engineer", "researcher")
_MOST_STEPS = 30


class PlannedConfig(GatedConfig):
    """Keys of every mode that plans."""

    max_plan_steps: int | None = Field(
        None, ge=1, le=_MOST_STEPS, description="Longest plan; 10, or what the model can hold."
    )
    n_plan_reviews: int | None = Field(
        None, ge=0, le=5, description="Rounds of advice; 1, or what helps the model."
    )
    plan_instructions: str = Field("", description="Added to what the planner is told.")
    planner_model: str | None = Field(None, description="Model of the planner.")
    plan_reviewer_model: str | None = Field(None, description="Model of the reviewer.")
    researcher_model: str | None = Field(None, description="Model of the researcher.")
    engineer_model: str | None = Field(None, description="Model of the engineer.")
    summariser_model: str | None = Field(None, description="Model of the one who writes the report.")


@dataclass(frozen=True, slots=True)
class PlanRules:
    """Whether a person is asked about the plan, and what is offered then."""

    asks: bool = True
    revisions: int = 3
    """How often the person may have the plan changed by words before it is yes or no."""
    may_modify: bool = True
    agents: Sequence[str] = WORKERS


@dataclass(frozen=True, slots=True)
class AcceptedPlan:
    """The hops in order, and what people said on the way."""

    hops: list[Hop]
    feedback: list[str] = field(default_factory=list[str])


async def approved_plan(
    ctx: RunContext, config: PlannedConfig, assignment: Assignment, rules: PlanRules, gates: Gates
) -> AcceptedPlan:
    """Plan until the plan stands; a mission that a person linked and accepted is the plan already.

    Raises:
        PlanRejected: when a person says no, or none of the revisions found favour.
        StepFailed: when the planner gives no usable plan.
    """
    given = await ctx.adopt_plan()
    if given:
        return AcceptedPlan(given)
    await ctx.phase("planning")
    most = min(config.max_plan_steps or ctx.profile.max_plan_steps, _MOST_STEPS)
    drafting = _Drafting(ctx, config, assignment, rules.agents, most)
    feedback: list[str] = []
    for turn in range(rules.revisions + 1):
        spec = StepSpec(
            key="plan" if turn == 0 else f"plan-revision-{turn}",
            name="Plan" if turn == 0 else "Revise the plan",
            phase="planning",
            agent="planner",
        )
        draft = await ctx.step(spec, partial(drafting.draft, tuple(feedback)))
        steps: list[dict[str, Any]] = draft["steps"]
        if not rules.asks:
            return await _accepted(ctx, assignment, steps, feedback)
        left = rules.revisions - turn
        answer = await gates.plan(
            steps,
            turn,
            agents=rules.agents,
            most=_MOST_STEPS,
            revisions_left=left,
            may_modify=rules.may_modify,
        )
        if answer.feedback:
            feedback.append(answer.feedback)
        match answer.resolution:
            case Resolution.REVISE if left:
                if not answer.feedback:
                    feedback.append("Make a better plan.")
            case Resolution.MODIFY:
                edited = _edited(answer.modifications, rules.agents)
                return await _accepted(ctx, assignment, edited, feedback, "modified")
            case Resolution.APPROVE | Resolution.CONTINUE | Resolution.ANSWER:
                return await _accepted(ctx, assignment, steps, feedback)
            case _:
                await ctx.reject_plan()
                often = f" after {turn} revision{'' if turn == 1 else 's'}" if turn else ""
                last = ", and no revision was left" if turn and not left else ""
                raise PlanRejected(f"The plan was rejected by {who(answer)}{often}{last}.")
    raise AssertionError("the last question offers no revision")


async def _accepted(
    ctx: RunContext,
    assignment: Assignment,
    steps: list[dict[str, Any]],
    feedback: list[str],
    change: str = "proposed",
) -> AcceptedPlan:
    # Proposed by its step already, unless edited or taken over by a fork; the same steps again change nothing.
    await ctx.propose_plan(assignment.text, steps, change)
    return AcceptedPlan(await ctx.accept_plan(), feedback)


@dataclass(frozen=True, slots=True)
class _Drafting:
    ctx: RunContext
    config: PlannedConfig
    assignment: Assignment
    agents: Sequence[str]
    most: int

    async def draft(self, feedback: Sequence[str]) -> StepResult:
        """Draft a plan, have it reviewed and revised, and propose it."""
        ctx, profile = self.ctx, self.ctx.profile
        reviews = self.config.n_plan_reviews
        rounds = reviews if reviews is not None else int(profile.reviews_plans)
        source = await ctx.sources(profile.source_chars) if profile.gives_source else ""
        prompt = with_source(with_context(self._prompt(feedback), await ctx.added_context()), source)
        plan = self._with_wish(await self._plan(prompt), feedback)
        for number in range(rounds):
            advice = await ctx.agent(
                "reviewer",
                f"Review {number + 1} of this plan for the task: {self.assignment.text}\n\n{_listed(plan)}\n\n"
                f"At most {self.most} steps are allowed. What should change?",
                max_tokens=profile.plan_max_tokens,
            )
            plan = await self._plan(
                f"{prompt}\n\nYour plan was:\n{_listed(plan)}\n\nThe reviewer says:\n{advice.text}\n\nRevise it."
            )
        await ctx.propose_plan(self.assignment.text, plan, "revised" if feedback else "proposed")
        return StepResult({"steps": plan}, f"{len(plan)} steps")

    async def _plan(self, prompt: str) -> list[dict[str, Any]]:
        reply = await self.ctx.agent(
            "planner",
            prompt,
            output=plan_shape(self.most, self.ctx.profile.sentence_words, self.agents),
            max_tokens=self.ctx.profile.plan_max_tokens,
            say=False,
            history=self.assignment.history,
        )
        drafted = [
            {"agent": "researcher", "goal": step.get("task"), **step}
            for step in reply.output.model_dump()["steps"]
        ]
        steps = [step for step in drafted if step["goal"].strip()]
        if not steps:
            raise StepFailed("The planner gave a plan without steps; resume to plan again.", step="plan")
        return [_named(step, self.agents) for step in steps]

    def _with_wish(self, plan: list[dict[str, Any]], feedback: Sequence[str]) -> list[dict[str, Any]]:
        """Return the plan with the person's last wish as its first step, where the model would not heed it."""
        if self.ctx.profile.sentence_words is None or not feedback:
            return plan
        wish = {"goal": f"Find in the text what this wish needs: {feedback[-1]}", "agent": "researcher"}
        return [_named(wish, self.agents), *plan][: self.most]

    def _prompt(self, feedback: Sequence[str]) -> str:
        words = self.ctx.profile.sentence_words
        if words is not None:
            parts = [
                f"The goal: {self.assignment.text}",
                f"Name up to {self.most} different things to find in the text before that can be written. "
                f"{_begun(self.most)} At most {words} words each.",
            ]
        else:
            parts = [
                f"Plan this task: {self.assignment.text}",
                f"At most {self.most} steps. Do not plan the final report; it is written after your last step.",
            ]
        wishes = [f"The person wants the plan changed: {text}" for text in feedback]
        return "\n".join(part for part in (*parts, self.config.plan_instructions, *wishes) if part)


def _begun(most: int) -> str:
    # Of two steps a small model makes one fact on two days that the text does not have; three come out better.
    if most == 2:
        return "The first step begins with 'Find what', the second with 'Find why'."
    return "Each step begins with 'Find' and names other facts."


def plan_shape(most: int, sentence_words: int | None, agents: Sequence[str] = WORKERS) -> type[BaseModel]:
    """Return what the planner hands over: whole steps, or for a small model one short sentence for each."""
    if sentence_words is not None:
        step = create_model("BriefStep", task=(str, Field(min_length=10, max_length=140, pattern=ASCII)))
    else:
        step = create_model(
            "PlannedStep",
            name=(str, Field(min_length=1, max_length=200)),
            goal=(str, Field(min_length=1)),
            agent=(one_of(agents), agents[0]),
            bullet_points=(list[str], Field(default_factory=list[str])),
        )
    return create_model("Plan", steps=(list_of(step), Field(min_length=min(2, most), max_length=most)))


def _named(step: dict[str, Any], agents: Sequence[str]) -> dict[str, Any]:
    goal = step["goal"].strip()
    name = (step.get("name") or goal).strip()
    flow = {key: step[key] for key in ("inputs", "outputs") if step.get(key)}
    return {
        "name": name if len(name) <= 80 else name[:77].rsplit(" ", 1)[0] + "…",
        "goal": goal,
        "agent": step.get("agent") if step.get("agent") in agents else agents[0],
        "bullet_points": list(step.get("bullet_points") or []),
        **flow,
    }


def _edited(modifications: Any, agents: Sequence[str]) -> list[dict[str, Any]]:
    """Return the person's plan, which was checked when it was sent."""
    steps = cast("dict[str, list[dict[str, Any]]]", modifications)["steps"]
    return [_named(step, agents) for step in steps]


def _listed(plan: list[dict[str, Any]]) -> str:
    return "\n".join(f"{n}. {s['name']} ({s['agent']}): {s['goal']}" for n, s in enumerate(plan, 1))


__all__ = ["WORKERS", "AcceptedPlan", "PlanRules", "PlannedConfig", "approved_plan", "plan_shape"]
