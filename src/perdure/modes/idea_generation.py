"""Ideas: proposed, judged, improved, judged again, chosen, and one of them written up."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, cast

from pydantic import AliasChoices, Field

from perdure.modes.contract import (
    Answer,
    Hop,
    HopStatus,
    ModelCallFailed,
    ModeSpec,
    PlanRejected,
    Resolution,
    RunContext,
    StepFailed,
    StepResult,
    StepSpec,
)
from perdure.modes.gates import GatedConfig, Gates, is_no, who
from perdure.modes.idea_rounds import IdeaWork

_IDEAS_FILE = "ideas.json"
_FINAL_FILE = "final_idea.md"
_IMPROVED = 2
_STEPS = (
    ("propose", "Propose ideas", "Ideas that differ in approach", "idea-maker"),
    ("judge", "Judge the ideas", "A score, a strength and a weakness for each", "idea-critic"),
    ("improve", "Improve the best", "The best ideas without their weakness", "idea-maker"),
    ("judge-again", "Judge what was improved", "A score for each improved idea", "idea-critic"),
    ("write", "Write the chosen idea up", "A title and five sentences", "idea-maker"),
)


class IdeaConfig(GatedConfig):
    """Keys of idea work."""

    n_ideas: int = Field(5, ge=2, le=20, description="Ideas to begin with.")
    selection: bool = Field(False, description="Whether you choose the idea that is written up.")
    idea_maker_model: str | None = Field(None, description="Model of the idea maker.")
    idea_critic_model: str | None = Field(
        None,
        validation_alias=AliasChoices("ideaCriticModel", "ideaHaterModel", "idea_hater_model"),
        description="Model of the idea critic.",
    )


class IdeaGeneration:
    """Maker and critic in turns; every round is a step, a hop of the mission, and kept in `ideas.json`."""

    spec: ClassVar[ModeSpec] = ModeSpec(
        id="idea-generation",
        label="Ideas",
        description="Proposes ideas, has them judged and improved, and writes the best one, or yours, up.",
        icon="bulb",
        supports_resume=True,
        supports_hitl=True,
        config_model=IdeaConfig,
        unused=frozenset({"agent", "max_attempts"}),
    )

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        """Go through the rounds and return ideas, critiques and the chosen idea's text."""
        config = ctx.config
        assert isinstance(config, IdeaConfig)
        await ctx.phase("planning")
        steps: list[dict[str, Any]] = [
            {"name": name, "goal": goal, "agent": agent, "bullet_points": []}
            for _, name, goal, agent in _STEPS
        ]
        await ctx.propose_plan(ctx.task, steps)
        hops = await ctx.accept_plan()
        rounds = _Rounds(
            ctx, config, IdeaWork(ctx, ctx.task), {key: h for (key, *_), h in zip(_STEPS, hops, strict=True)}
        )
        return await rounds.carry_out()


@dataclass
class _Rounds:
    ctx: RunContext
    config: IdeaConfig
    work: IdeaWork
    hops: dict[str, Hop]
    done: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The rounds so far, as `ideas.json` keeps them."""

    async def carry_out(self) -> dict[str, Any]:
        """Go through all rounds; those that an earlier attempt finished are taken as they are."""
        ideas = await self._round("propose", partial(self.work.propose, self.config.n_ideas))
        ideas = await self._round("judge", partial(self.work.judge, ideas))
        best = sorted(ideas, key=lambda idea: -idea["score"])[:_IMPROVED]
        improved = await self._round("improve", partial(self._improve, best))
        improved = await self._round("judge-again", partial(self.work.judge, improved))
        chosen, wish = await self._choose(ideas, improved)
        text = await self._write(chosen, wish)
        return {
            "summary": text["title"],
            "text": text["text"],
            "ideas": ideas,
            "improved": improved,
            "chosen": chosen,
            "file": _FINAL_FILE,
            "assets": [_FINAL_FILE, _IDEAS_FILE],
        }

    async def _improve(self, best: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [await self.work.improve(idea) for idea in best]

    async def _choose(
        self, ideas: list[dict[str, Any]], improved: list[dict[str, Any]]
    ) -> tuple[dict[str, Any], str | None]:
        """Return the idea to write up and what the person says about it; without a gate the best improved one."""
        recommended = max(improved, key=lambda idea: idea["score"])
        if not self.config.selection:
            return recommended, None
        better = {idea["number"]: idea for idea in improved}
        candidates = [better.get(idea["number"], idea) for idea in ideas]
        answer = await Gates.of(self.ctx, self.config).selection(candidates, recommended["number"])
        if is_no(answer):
            raise PlanRejected(f"None of the ideas was chosen; {who(answer)} ended the run.")
        return _chosen(candidates, recommended, answer), answer.feedback

    async def _round(
        self, key: str, body: Callable[[], Awaitable[list[dict[str, Any]]]]
    ) -> list[dict[str, Any]]:
        async def work() -> StepResult:
            ideas = await body()
            await self._save([*self.done, {"round": key, "ideas": ideas}])
            await self.ctx.say(_told(ideas), agent=self.hops[key].agent, key=key)
            return StepResult(ideas, "; ".join(idea["title"] for idea in ideas)[:300])

        ideas = cast("list[dict[str, Any]]", await self._step(key, work))
        self.done.append({"round": key, "ideas": ideas})
        return ideas

    async def _write(self, chosen: dict[str, Any], wish: str | None) -> dict[str, Any]:
        async def work() -> StepResult:
            written = await self.work.write(chosen, wish)
            text = f"# {written['title']}\n\n{' '.join(written['sentences'])}"
            await self._save(self.done, chosen=chosen, final=written)
            await self.ctx.write_file(_FINAL_FILE, text + "\n")
            await self.ctx.say(text, agent="idea-maker", key="write")
            return StepResult({**written, "text": text}, written["title"])

        return cast("dict[str, Any]", await self._step("write", work))

    async def _step(self, key: str, work: Callable[[], Awaitable[StepResult]]) -> Any:
        hop = self.hops[key]
        await self.ctx.phase("execution", hop.position)
        await self.ctx.move_hop(hop.id, HopStatus.EXECUTING)
        spec = StepSpec(
            key=key,
            name=hop.name,
            phase="execution",
            goal=hop.goal,
            agent=hop.agent,
            hop_id=hop.id,
            number=hop.position,
        )
        try:
            done = await self.ctx.step(spec, work)
        except (StepFailed, ModelCallFailed) as error:
            await self.ctx.move_hop(hop.id, HopStatus.FAILED, error.to_dict())
            raise
        await self.ctx.move_hop(hop.id, HopStatus.COMPLETED)
        return done

    async def _save(self, rounds: list[dict[str, Any]], **more: Any) -> None:
        record = {"task": self.ctx.task, "rounds": rounds, **more}
        await self.ctx.write_file(_IDEAS_FILE, json.dumps(record, ensure_ascii=False, indent=2) + "\n")


def _chosen(candidates: list[dict[str, Any]], recommended: dict[str, Any], answer: Answer) -> dict[str, Any]:
    if answer.resolution is Resolution.ANSWER:
        return candidates[cast("dict[str, int]", answer.answer)["choice"] - 1]
    if answer.resolution is Resolution.MODIFY:
        edited = cast("dict[str, Any]", answer.modifications)
        return {"title": edited.get("title") or edited["idea"][:60], "idea": edited["idea"], "edited": True}
    return recommended


def _told(ideas: list[dict[str, Any]]) -> str:
    """Return a round as a message: each idea with its title and, once judged, its score and weakness."""
    lines: list[str] = []
    for idea in ideas:
        score = f" ({idea['score']}/10)" if "score" in idea else ""
        lines.append(f"{idea['number']}. **{idea['title']}**{score}: {idea['idea']}")
        if "score" in idea:
            lines.append(f"   Strength: {idea['strength']} Weakness: {idea['weakness']}")
    return "\n".join(lines)


__all__ = ["IdeaConfig", "IdeaGeneration"]
