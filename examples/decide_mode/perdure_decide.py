"""A mode from outside: it weighs a decision, lets a person choose, and writes down why."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from perdure.modes.contract import (
    ApprovalType,
    ModeConfig,
    ModeSpec,
    Question,
    Resolution,
    RunContext,
    StepResult,
    StepSpec,
)


class DecideConfig(ModeConfig):
    options: int = Field(3, ge=2, le=5, description="How many ways to weigh.")


class Ways(BaseModel):
    ways: list[str]


class Decide:
    spec: ClassVar[ModeSpec] = ModeSpec(
        id="decide",
        label="Decide",
        description="Weighs the ways there are, lets you choose one, and writes the decision down.",
        icon="scale",
        supports_resume=True,
        supports_hitl=True,
        config_model=DecideConfig,
    )

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        async def weigh() -> StepResult:
            most = ctx.config.model_dump()["options"]
            reply = await ctx.agent("idea-maker", f"Name {most} ways: {ctx.task}", output=Ways)
            return StepResult(reply.output.ways[:most], f"{len(reply.output.ways)} ways")

        async def write() -> StepResult:
            reply = await ctx.agent("summariser", f"{ctx.task}\nIt was decided: {chosen}. Say why.")
            await ctx.write_file("decision.md", f"# {chosen}\n\n{reply.text}\n")
            return StepResult(reply.text, f"Decided: {chosen}")

        ways = await ctx.step(StepSpec(key="weigh", name="Weigh the ways", phase="weighing"), weigh)
        answer = await ctx.ask(
            Question(
                key="choice",
                type=ApprovalType.SELECTION,
                title="Which way?",
                data={"choices": ways},
                options=[Resolution.ANSWER],
                answer_schema={"type": "string", "minLength": 1},
            )
        )
        chosen = str(answer.answer)
        why = await ctx.step(StepSpec(key="write", name="Write it down", phase="writing"), write)
        return {"summary": f"Decided: {chosen}", "why": why}
