"""A mode from outside: it weighs a decision, lets a person choose, and writes down why."""

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from perdure.modes.contract import ModeConfig, ModeSpec, Question, RunContext, StepSpec


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
        supports_hitl=True,
        config_model=DecideConfig,
    )

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        most = ctx.config.model_dump()["options"]

        async def weigh() -> list[str]:
            reply = await ctx.agent("idea-maker", f"Name {most} ways: {ctx.task}", output=Ways)
            return reply.output.ways[:most]

        async def write() -> str:
            reply = await ctx.agent("summariser", f"{ctx.task}\nIt was decided: {chosen}. Say why.")
            await ctx.write_file("decision.md", f"# {chosen}\n\n{reply.text}\n")
            return reply.text

        ways = await ctx.step(StepSpec("weigh", "Weigh the ways", "weighing"), weigh)
        chosen = (await ctx.ask(Question.choice("choice", "Which way?", ways))).answer
        why = await ctx.step(StepSpec("write", "Write it down", "writing"), write)
        return {"summary": f"Decided: {chosen}", "why": why}
