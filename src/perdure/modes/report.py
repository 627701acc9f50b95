"""The last step of a planned run: the text that the task asked for, written from what the steps found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure.modes.contract import RunContext, StepFailed, StepResult, StepSpec
from perdure.modes.wording import (
    carry_over,
    first_sentence,
    free_name,
    named_output_file,
    with_context,
    with_source,
)
from perdure.modes.work import Assignment


async def write_report(
    ctx: RunContext,
    assignment: Assignment,
    results: Sequence[tuple[str, str]],
    feedback: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the report into the workspace and the conversation, and return the run's result.

    Raises:
        StepFailed: when nothing was written; the run can go on from here.
    """

    async def write() -> StepResult:
        profile = ctx.profile
        before = await ctx.files()
        target = named_output_file(assignment.text, before) or free_name("report.md", before)
        # A small model writes the wishes down instead of heeding them; they are in the steps' results.
        heeded = feedback if profile.sentence_words is None else ()
        said = "".join(f"\n- {text}" for text in heeded)
        prompt = (
            "Write the final text for this task. Use only what the text and the step results say. "
            f"Give only the text itself, in Markdown.\n\nTASK\n{assignment.text}"
            + (f"\n\nWHAT THE PERSON SAID SO FAR{said}" if said else "")
            + (_all_of(results) if profile.sentence_words is not None else "")
        )
        found = carry_over(results, profile.carry_over_chars)
        source = await ctx.sources(profile.source_chars) if profile.gives_source else ""
        material = "\n\n".join(p for p in (source, f"STEP RESULTS\n{found}" if found else "") if p)
        reply = await ctx.agent(
            "summariser",
            with_source(with_context(prompt, await ctx.added_context()), material),
            max_tokens=profile.step_max_tokens,
            history=assignment.history,
        )
        text = reply.text.strip()
        if not text:
            raise StepFailed("The report came out empty; resume to write it again.", step="report")
        await ctx.write_file(target, text + "\n")
        return StepResult(
            {"report": text, "file": target, "cut_off": reply.finish_reason == "length"}, f"Saved {target}"
        )

    await ctx.phase("summary")
    spec = StepSpec(key="report", name="Final report", phase="summary", agent="summariser")
    done = await ctx.step(spec, write)
    return {
        "summary": first_sentence(done["report"]),
        **done,
        "steps": [{"name": name, "result": result} for name, result in results],
    }


def _all_of(results: Sequence[tuple[str, str]]) -> str:
    # Left alone, a small model writes down what the first step found and stops.
    if len(results) < 2:
        return ""
    return f"\n\nThe text holds what each of the {len(results)} steps found, and nothing that the text above does not say."
