"""Plan, have the plan reviewed and accepted, carry it out step by step, report."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, cast

from pydantic import Field

from perdure.modes.contract import (
    ApprovalMode,
    ApprovalType,
    Hop,
    HopStatus,
    ModeConfig,
    ModelCallFailed,
    ModeSpec,
    PlanRejected,
    Question,
    Resolution,
    RunContext,
    StepFailed,
    StepResult,
    StepSpec,
)
from perdure.modes.planning import approved_plan
from perdure.modes.wording import carry_over, named_output_file, with_context, with_source

_REDOS = 2
_REPORT = "report.md"


class PlanningControlConfig(ModeConfig):
    """Keys of a planned task."""

    approval_mode: ApprovalMode = Field("none", description="Where a person is asked.")
    max_plan_steps: int | None = Field(
        None, ge=1, le=30, description="Longest plan; 10, or what the model can hold."
    )
    n_plan_reviews: int | None = Field(
        None, ge=0, le=5, description="Rounds of advice; 1, or what helps the model."
    )
    plan_instructions: str = Field("", description="Added to what the planner is told.")
    planner_model: str | None = Field(None, description="Model of the planner.")
    plan_reviewer_model: str | None = Field(None, description="Model of the reviewer.")
    researcher_model: str | None = Field(None, description="Model of the researcher.")
    engineer_model: str | None = Field(None, description="Model of the engineer.")
    approval_deadline_s: float | None = Field(
        None, gt=0, description="Seconds a question waits for its answer."
    )


class PlanningControl:
    """A planned run: the plan is a mission, each of its steps a hop with a durable step of its own."""

    spec: ClassVar[ModeSpec] = ModeSpec(
        id="planning-control",
        label="Planning and control",
        description="Plans the task, asks you where you want to be asked, carries the steps out and reports.",
        icon="list-checks",
        supports_resume=True,
        supports_hitl=True,
        config_model=PlanningControlConfig,
    )

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        """Plan, execute each step, write the report."""
        config = ctx.config
        assert isinstance(config, PlanningControlConfig)
        hops = await approved_plan(ctx, config)
        results: list[tuple[str, str]] = []
        for hop in hops:
            result = await _carry_out(ctx, config, hop, results)
            if result is not None:
                results.append((hop.name, result))
        return await _report(ctx, results)


async def _carry_out(
    ctx: RunContext, config: PlanningControlConfig, hop: Hop, results: list[tuple[str, str]]
) -> str | None:
    goal = hop.goal
    if config.approval_mode in ("before_each_step", "both"):
        answer = await ctx.ask(_before(config, hop))
        if answer.resolution is Resolution.REJECT:
            raise PlanRejected(f"Step {hop.position} was rejected by {answer.by or 'its deadline'}.")
        if answer.resolution is Resolution.SKIP:
            await ctx.move_hop(hop.id, HopStatus.SKIPPED)
            return None
        if answer.resolution is Resolution.MODIFY and isinstance(answer.modifications, dict):
            goal = str(cast("dict[str, Any]", answer.modifications).get("goal") or goal)
    feedback: str | None = None
    for turn in range(_REDOS + 1):
        result = await _execute(ctx, config, hop, goal, results, turn, feedback)
        if result is None or config.approval_mode not in ("after_each_step", "both"):
            return result
        options = [Resolution.CONTINUE, Resolution.ABORT] + ([Resolution.REDO] if turn < _REDOS else [])
        answer = await ctx.ask(_after(config, hop, result, turn, options))
        if answer.resolution in (Resolution.ABORT, Resolution.REJECT):
            raise PlanRejected(
                f"The run was ended after step {hop.position} by {answer.by or 'its deadline'}."
            )
        if answer.resolution is not Resolution.REDO:
            return result
        feedback = answer.feedback or "Do it again, better."
    return None


async def _execute(
    ctx: RunContext,
    config: PlanningControlConfig,
    hop: Hop,
    goal: str,
    results: list[tuple[str, str]],
    turn: int,
    feedback: str | None,
) -> str | None:
    await ctx.phase("execution", hop.position)
    await ctx.move_hop(hop.id, HopStatus.EXECUTING)
    role = hop.agent if hop.agent in ctx.roles else "engineer"
    suffix = f"-redo-{turn}" if turn else ""
    tries = 0
    while True:
        spec = StepSpec(
            key=f"step-{hop.position}{suffix}" + (f"-retry-{tries}" if tries else ""),
            name=hop.name,
            phase="execution",
            goal=goal,
            agent=role,
            hop_id=hop.id,
            number=hop.position,
        )
        work = partial(_work, ctx, config, hop, goal, role, results, feedback)
        try:
            done = await ctx.step(spec, work)
        except StepFailed as error:
            if config.approval_mode == "on_error":
                answer = await ctx.ask(_on_error(config, hop, error, tries))
                if answer.resolution is Resolution.RETRY:
                    tries += 1
                    feedback = answer.feedback or error.message
                    continue
                if answer.resolution is Resolution.SKIP:
                    await ctx.move_hop(hop.id, HopStatus.SKIPPED)
                    return None
            await ctx.move_hop(hop.id, HopStatus.FAILED, error.to_dict())
            raise
        await ctx.move_hop(hop.id, HopStatus.COMPLETED)
        return str(done["result"])


async def _work(
    ctx: RunContext,
    config: PlanningControlConfig,
    hop: Hop,
    goal: str,
    role: str,
    results: list[tuple[str, str]],
    feedback: str | None,
) -> StepResult:
    profile = ctx.profile
    source = await ctx.sources(profile.source_chars) if profile.gives_source else ""
    earlier = carry_over(results, profile.carry_over_chars)
    additions = await ctx.added_context()
    problem = feedback
    attempts = config.max_attempts or profile.max_attempts
    for attempt in range(1, attempts + 1):
        prompt = _step_prompt(ctx, hop, goal, earlier, problem)
        try:
            reply = await ctx.agent(
                role,
                with_source(with_context(prompt, additions), source),
                tools=not profile.gives_source,
                max_tokens=profile.step_max_tokens,
            )
        except ModelCallFailed as error:
            problem = error.message
            await ctx.console(
                f"attempt {attempt} of {attempts} failed: {problem}", key=f"{hop.id}:{attempt}:failed"
            )
            continue
        text = reply.text.strip()
        if text and not _gave_up(text):
            return StepResult({"result": text, "attempts": attempt}, _first_sentence(text))
        problem = text or "The answer was empty."
        await ctx.console(
            f"attempt {attempt} of {attempts} did not reach the goal", key=f"{hop.id}:{attempt}:missed"
        )
    raise StepFailed(
        f"Step {hop.position} ({hop.name}) did not succeed in {attempts} attempts: {problem}",
        step=f"step-{hop.position}",
        attempts=attempts,
    )


async def _report(ctx: RunContext, results: list[tuple[str, str]]) -> dict[str, Any]:
    async def write() -> StepResult:
        profile = ctx.profile
        before = await ctx.files()
        target = named_output_file(ctx.task, before) or _REPORT
        prompt = (
            "Write the final text for this task. Use only what the text and the step results say. "
            f"Give only the text itself, in Markdown.\n\nTASK\n{ctx.task}"
        )
        found = carry_over(results, profile.carry_over_chars)
        source = await ctx.sources(profile.source_chars) if profile.gives_source else ""
        material = "\n\n".join(p for p in (source, f"STEP RESULTS\n{found}" if found else "") if p)
        reply = await ctx.agent(
            "summariser",
            with_source(with_context(prompt, await ctx.added_context()), material),
            max_tokens=profile.step_max_tokens,
        )
        text = reply.text.strip()
        if not text:
            raise StepFailed("The report came out empty; resume to write it again.", step="report")
        await ctx.write_file(target, text + "\n")
        return StepResult(
            {"report": text, "file": target, "cut_off": reply.finish_reason == "length"}, f"Saved {target}"
        )

    await ctx.phase("summary")
    done = await ctx.step(
        StepSpec(key="report", name="Final report", phase="summary", agent="summariser"), write
    )
    return {
        "summary": _first_sentence(done["report"]),
        **done,
        "steps": [{"name": name, "result": result} for name, result in results],
    }


def _step_prompt(ctx: RunContext, hop: Hop, goal: str, earlier: str, problem: str | None) -> str:
    points = "".join(f"\n- {point}" for point in hop.success_criteria)
    parts = [
        f"The whole task: {ctx.task}",
        f"RESULTS SO FAR\n{earlier}" if earlier else "",
        f"YOUR STEP ({hop.position}): {hop.name}\n{goal}{points}",
        f"The attempt before did not do: {problem}" if problem else "",
        _length_rule(ctx),
    ]
    return "\n\n".join(part for part in parts if part)


def _length_rule(ctx: RunContext) -> str:
    words = ctx.profile.sentence_words
    if words is None:
        return (
            "Do only this step. End with what you found or made. If you could not reach the step's goal, "
            "begin your answer with NOT DONE and say why."
        )
    return (
        f"Do only this step. Answer in at most three short sentences of at most {words} words, "
        "with facts from the text."
    )


def _gave_up(text: str) -> bool:
    return text.upper().startswith("NOT DONE")


def _first_sentence(text: str) -> str:
    line = next((part.strip("# ").strip() for part in text.splitlines() if part.strip("# ").strip()), "")
    return line if len(line) <= 200 else line[:197] + "…"


def _before(config: PlanningControlConfig, hop: Hop) -> Question:
    return Question(
        key=f"before-{hop.position}",
        type=ApprovalType.STEP,
        title=f"Start step {hop.position}: {hop.name}?",
        data={"hop_id": hop.id, "step": hop.position, "name": hop.name, "goal": hop.goal, "agent": hop.agent},
        options=(Resolution.APPROVE, Resolution.REJECT, Resolution.SKIP, Resolution.MODIFY),
        deadline_s=config.approval_deadline_s,
    )


def _after(
    config: PlanningControlConfig, hop: Hop, result: str, turn: int, options: list[Resolution]
) -> Question:
    return Question(
        key=f"after-{hop.position}-{turn}",
        type=ApprovalType.STEP,
        title=f"Step {hop.position} is done: {hop.name}. Go on?",
        data={"hop_id": hop.id, "step": hop.position, "name": hop.name, "result": result},
        options=options,
        deadline_s=config.approval_deadline_s,
    )


def _on_error(config: PlanningControlConfig, hop: Hop, error: StepFailed, tries: int) -> Question:
    return Question(
        key=f"error-{hop.position}-{tries}",
        type=ApprovalType.ERROR,
        title=f"Step {hop.position} failed: {hop.name}",
        data={"hop_id": hop.id, "step": hop.position, "error": error.to_dict()},
        options=(Resolution.RETRY, Resolution.SKIP, Resolution.ABORT),
        deadline_s=config.approval_deadline_s,
    )


__all__ = ["PlanningControl", "PlanningControlConfig"]
