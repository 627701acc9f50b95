"""One agent, one task, no plan."""

from __future__ import annotations

from typing import Any, ClassVar

from perdure.modes.contract import ModeConfig, ModeSpec, RunContext, StepFailed, StepResult, StepSpec
from perdure.modes.wording import first_line, named_output_file, with_context, with_source
from perdure.modes.work import Assignment


class OneShotConfig(ModeConfig):
    """Keys of a one-shot task."""


class OneShot:
    """Give the task to one agent with its tools, and take what it answers."""

    spec: ClassVar[ModeSpec] = ModeSpec(
        id="one-shot",
        label="One shot",
        description="One agent does the task at once, with its tools and without a plan.",
        icon="bolt",
        supports_resume=False,
        supports_hitl=False,
        config_model=OneShotConfig,
        unused=frozenset({"max_attempts"}),
    )

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        """Answer the task; a file that the task names and the agent did not write gets the answer."""
        await ctx.phase("execution")
        role = ctx.config.agent or "engineer"

        async def answer() -> StepResult:
            return await answer_at_once(ctx, Assignment(ctx.task), role)

        spec = StepSpec(key="answer", name="Answer", phase="execution", goal=ctx.task, agent=role)
        result = await ctx.step(spec, answer)
        return {"summary": first_line(result["answer"]), **result}


async def answer_at_once(ctx: RunContext, assignment: Assignment, role: str, wish: str = "") -> StepResult:
    """Let one agent do the task; a file that the task names and the agent did not write gets the answer.

    Raises:
        StepFailed: when the answer is empty.
        ModelCallFailed: when there is none.
    """
    prompt = assignment.text + (f"\n\nThe attempt before did not do: {wish}" if wish else "")
    prompt = with_context(prompt, await ctx.added_context())
    if ctx.profile.gives_source:
        prompt = with_source(prompt, await ctx.sources(ctx.profile.source_chars))
    before = await ctx.files()
    reply = await ctx.agent(
        role,
        prompt,
        tools=not ctx.profile.gives_source,
        max_tokens=ctx.profile.step_max_tokens,
        history=assignment.history,
    )
    text = reply.text.strip()
    if not text:
        raise StepFailed("The agent gave an empty answer; try again or name another model.")
    if reply.finish_reason == "length":
        await ctx.console("the answer reached its longest length and is cut off", key=f"cut-off:{len(text)}")
    target = named_output_file(assignment.text, before)
    if target is not None and target not in await ctx.files():
        await ctx.write_file(target, text + "\n")
    return StepResult(
        {"answer": text, "file": target, "cut_off": reply.finish_reason == "length"}, first_line(text)
    )
