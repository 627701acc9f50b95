"""Making a plan: the planner's draft, rounds of advice with a revision after each, and a person's word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, Field, create_model

from perdure.modes.contract import (
    ApprovalType,
    Hop,
    PlanRejected,
    Question,
    Resolution,
    RunContext,
    StepFailed,
    StepResult,
    StepSpec,
)
from perdure.modes.wording import with_context, with_source

if TYPE_CHECKING:
    from perdure.modes.planning_control import PlanningControlConfig

_ROUNDS = 3
_WORKERS = ("engineer", "researcher")
_ASCII = r"^[ !#-\[\]-~]+$"


class PlannedStep(BaseModel):
    """One step of a plan, as a large model writes it."""

    name: str = Field(min_length=1, max_length=200)
    goal: str = Field(min_length=1)
    agent: Literal["engineer", "researcher"] = "engineer"
    bullet_points: list[str] = Field(default_factory=list)


async def approved_plan(ctx: RunContext, config: PlanningControlConfig) -> list[Hop]:
    """Plan until the plan stands, and return the accepted hops in order.

    Raises:
        PlanRejected: when a person says no, or revises more often than is sensible.
        StepFailed: when the planner gives no usable plan.
    """
    await ctx.phase("planning")
    feedback: list[str] = []
    for turn in range(_ROUNDS + 1):
        key = "plan" if turn == 0 else f"plan-revision-{turn}"
        spec = StepSpec(
            key=key, name="Plan" if turn == 0 else "Revise the plan", phase="planning", agent="planner"
        )
        draft = await ctx.step(spec, lambda: _draft(ctx, config, feedback))
        steps: list[dict[str, Any]] = draft["steps"]
        await ctx.propose_plan(ctx.task, steps, "proposed" if turn == 0 else "revised")
        if config.approval_mode not in ("after_planning", "both"):
            return await ctx.accept_plan()
        answer = await ctx.ask(_plan_question(config, steps, turn))
        match answer.resolution:
            case Resolution.REVISE if turn < _ROUNDS:
                feedback.append(answer.feedback or "Make a better plan.")
            case Resolution.MODIFY:
                await ctx.propose_plan(ctx.task, _edited(answer.modifications, steps), "modified")
                return await ctx.accept_plan()
            case Resolution.APPROVE | Resolution.CONTINUE | Resolution.ANSWER:
                return await ctx.accept_plan()
            case _:
                await ctx.reject_plan()
                raise PlanRejected(f"The plan was rejected by {answer.by or 'its deadline'}.")
    raise PlanRejected("The plan was revised too often without being accepted.")


async def _draft(ctx: RunContext, config: PlanningControlConfig, feedback: list[str]) -> StepResult:
    profile = ctx.profile
    most = min(config.max_plan_steps or profile.max_plan_steps, 30)
    reviews = config.n_plan_reviews
    rounds = reviews if reviews is not None else int(profile.reviews_plans)
    source = await ctx.sources(profile.source_chars) if profile.gives_source else ""
    prompt = with_source(
        with_context(_plan_prompt(ctx, config, most, feedback), await ctx.added_context()), source
    )
    shape = _plan_shape(most, profile.sentence_words)
    plan = await _plan(ctx, prompt, shape)
    for number in range(rounds):
        advice = await ctx.agent(
            "reviewer",
            f"Review {number + 1} of this plan for the task: {ctx.task}\n\n{_listed(plan)}\n\n"
            f"At most {most} steps are allowed. What should change?",
            max_tokens=profile.plan_max_tokens,
        )
        plan = await _plan(
            ctx,
            f"{prompt}\n\nYour plan was:\n{_listed(plan)}\n\nThe reviewer says:\n{advice.text}\n\nRevise it.",
            shape,
        )
    return StepResult({"steps": plan}, f"{len(plan)} steps")


async def _plan(ctx: RunContext, prompt: str, shape: type[BaseModel]) -> list[dict[str, Any]]:
    reply = await ctx.agent(
        "planner", prompt, output=shape, max_tokens=ctx.profile.plan_max_tokens, say=False
    )
    drafted = [
        {"agent": "researcher", "goal": step.get("task"), **step}
        for step in reply.output.model_dump()["steps"]
    ]
    steps = [step for step in drafted if step["goal"].strip()]
    if not steps:
        raise StepFailed("The planner gave a plan without steps; resume to plan again.", step="plan")
    return [_named(step, number) for number, step in enumerate(steps, 1)]


def _plan_prompt(ctx: RunContext, config: PlanningControlConfig, most: int, feedback: list[str]) -> str:
    words = ctx.profile.sentence_words
    if words is not None:
        parts = [
            f"The goal: {ctx.task}",
            f"Name up to {most} different things to find in the text before that can be written. Each step "
            f"begins with 'Find' and names other facts. At most {words} words each.",
        ]
    else:
        parts = [
            f"Plan this task: {ctx.task}",
            f"At most {most} steps. Do not plan the final report; it is written after your last step.",
        ]
    wishes = [f"The person wants the plan changed: {text}" for text in feedback]
    return "\n".join(part for part in (*parts, config.plan_instructions, *wishes) if part)


def _plan_shape(most: int, sentence_words: int | None) -> type[BaseModel]:
    step: type[BaseModel] = PlannedStep
    if sentence_words is not None:
        step = create_model(
            "BriefStep",
            task=(str, Field(min_length=10, max_length=140, pattern=_ASCII)),
        )
    steps: Any = list.__class_getitem__(step)
    return create_model("Plan", steps=(steps, Field(min_length=min(2, most), max_length=most)))


def _named(step: dict[str, Any], number: int) -> dict[str, Any]:
    goal = step["goal"].strip()
    name = (step.get("name") or goal).strip()
    return {
        "name": name if len(name) <= 80 else name[:77].rsplit(" ", 1)[0] + "…",
        "goal": goal,
        "agent": step.get("agent") if step.get("agent") in _WORKERS else "engineer",
        "bullet_points": list(step.get("bullet_points") or []),
    }


def _edited(modifications: Any, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    asked = (
        cast("dict[str, Any]", modifications).get("steps")
        if isinstance(modifications, dict)
        else modifications
    )
    if not isinstance(asked, list):
        return steps
    given = cast("list[Any]", asked)
    edited: list[dict[str, Any]] = []
    for step in given:
        if isinstance(step, str) and step.strip():
            edited.append({"goal": step, "name": step})
        elif isinstance(step, dict):
            fields = cast("dict[str, Any]", step)
            if fields.get("goal") or fields.get("name"):
                edited.append({**fields, "goal": fields.get("goal") or fields["name"]})
    return [_named(step, number) for number, step in enumerate(edited, 1)] or steps


def _listed(plan: list[dict[str, Any]]) -> str:
    return "\n".join(f"{n}. {s['name']} ({s['agent']}): {s['goal']}" for n, s in enumerate(plan, 1))


def _plan_question(config: PlanningControlConfig, steps: list[dict[str, Any]], turn: int) -> Question:
    revise = (Resolution.REVISE,) if turn < _ROUNDS else ()
    return Question(
        key=f"plan-{turn}",
        type=ApprovalType.PLAN,
        title=f"Approve the plan with {len(steps)} steps?",
        data={"steps": steps, "round": turn + 1},
        options=(Resolution.APPROVE, Resolution.REJECT, *revise, Resolution.MODIFY),
        deadline_s=config.approval_deadline_s,
    )
