"""A conversation: each message is answered, planned and carried out, asked back about, or given ways to choose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import AliasChoices, BeforeValidator, Field

from perdure.modes.contract import (
    Answer,
    ModeSpec,
    PlanRejected,
    Resolution,
    RunContext,
    StepResult,
    StepSpec,
)
from perdure.modes.copilot_routing import ROUTES, Route, Router, Routing
from perdure.modes.execution import REDOS, Execution, StepRules, step_rules
from perdure.modes.gates import Gates, is_no, who
from perdure.modes.one_shot import answer_at_once
from perdure.modes.planning import WORKERS, PlannedConfig, PlanRules, approved_plan
from perdure.modes.report import write_report
from perdure.modes.wording import first_line
from perdure.modes.work import Assignment, Piece, recent

TurnApproval = Literal[
    "none", "after_planning", "before_step", "after_step", "both", "on_error", "conversational"
]
_HISTORY_SHARE = 4
_ROUNDS = 4


def _turn_approval(value: Any) -> Any:
    known = {"before_each_step": "before_step", "after_each_step": "after_step"}
    return known.get(value, value) if isinstance(value, str) else value


class CopilotConfig(PlannedConfig):
    """Keys of a conversation; each message may bring its own."""

    approval_mode: Annotated[TurnApproval, BeforeValidator(_turn_approval)] = Field(
        "none",
        description="Where a person is asked in planned turns; all but `none` ask about the plan first.",
    )
    routing: Routing = Field(
        "balanced",
        validation_alias=AliasChoices("routing", "intelligentRouting"),
        description="How readily a message is planned, asked back about or given ways; `minimal` uses rules only.",
    )
    enable_planning: bool = Field(True, description="Whether a message may be planned.")
    auto_approve_simple: bool = Field(True, description="Whether direct answers skip the gates around steps.")
    available_agents: list[Literal["engineer", "researcher", "summariser"]] = Field(
        default_factory=lambda: list(WORKERS), min_length=1, description="The roles that plans may use."
    )
    router_model: str | None = Field(None, description="Model of the router.")
    history_messages: int = Field(
        40, ge=0, le=500, description="How many earlier messages agents are reminded of."
    )


class Copilot:
    """One message of a conversation is one run; the session stays open until a person completes it."""

    spec: ClassVar[ModeSpec] = ModeSpec(
        id="copilot",
        label="Copilot",
        description="A conversation in which each message is answered at once, planned, or asked back about.",
        icon="messages",
        supports_resume=True,
        supports_hitl=True,
        config_model=CopilotConfig,
        stays_active=True,
    )

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        """Do what the message asks; a refusal of the person ends this turn, not the conversation."""
        config = ctx.config
        assert isinstance(config, CopilotConfig)
        await ctx.phase("route")
        before = await ctx.files()
        profile = ctx.profile
        room = profile.carry_over_chars if profile.gives_source else profile.source_chars // _HISTORY_SHARE
        said = recent(await ctx.history(config.history_messages), room) if config.history_messages else []
        turn = _Turn(ctx, config, Gates.of(ctx, config), Assignment(ctx.task, said))
        try:
            result = await turn.carry_out()
        except PlanRejected as refusal:
            result = await turn.left(refusal)
        written = [path for path in await ctx.files() if path not in before]
        named = [result["file"]] if result.get("file") else []
        return {**result, "assets": sorted({*written, *named})}


@dataclass
class _Turn:
    ctx: RunContext
    config: CopilotConfig
    gates: Gates
    assignment: Assignment
    planned: bool = False

    async def carry_out(self) -> dict[str, Any]:
        """Route the message until it can be done, and do it."""
        routes: set[Route] = {route for route in ROUTES if route != "plan" or self.config.enable_planning}
        for number in range(_ROUNDS):
            key = f"route-{number}" if number else "route"
            router = Router(self.ctx, self.config.routing, frozenset(routes))
            decision = await self._step(key, "Decide how to answer", partial(self._route, router, key))
            match decision["route"]:
                case "clarify":
                    routes.discard("clarify")
                    await self._clarify(decision["questions"], number)
                case "propose":
                    chosen = await self._propose(decision["approaches"], number)
                    if chosen is not None:
                        by_plan = chosen == "plan" and self.config.enable_planning
                        return await (self._by_plan() if by_plan else self._directly())
                    if number:
                        routes.discard("propose")
                case "plan":
                    return await self._by_plan()
                case _:
                    return await self._directly()
        return await self._directly()

    async def left(self, refusal: PlanRejected) -> dict[str, Any]:
        """End the turn as the person wants it: what is left of its plan is not done."""
        if self.planned:
            await self.ctx.reject_plan()
        text = f"Left as it is. {refusal.message}"
        await self.ctx.say(text, agent="router", key="left")
        return {"summary": refusal.message, "answer": text, "outcome": "rejected"}

    async def _route(self, router: Router, key: str) -> StepResult:
        decision = await router.decide(self.assignment, key)
        return StepResult(decision, f"{decision['route']}: {decision['reason']}".rstrip(": "))

    async def _clarify(self, questions: list[dict[str, Any]], number: int) -> None:
        answer = await self.gates.clarification(questions, number)
        if is_no(answer):
            raise PlanRejected(f"The questions were not answered; {who(answer)} ended this turn.")
        told = cast("dict[str, Any]", answer.answer or {})
        lines = [
            f"- {asked['question']} {told[f'q{n}']}"
            for n, asked in enumerate(questions, 1)
            if told.get(f"q{n}")
        ]
        if answer.feedback:
            lines.append(f"- {answer.feedback}")
        if not lines:
            lines = ["- Questions were not answered. Make sensible assumptions and name them."]
        await self._note(f"answered-{number}", "What was asked back:\n" + "\n".join(lines))

    async def _propose(self, approaches: list[dict[str, Any]], number: int) -> str | None:
        """Return how the chosen way is done, or None when the person wants others."""
        answer = await self.gates.proposal(approaches, number)
        if is_no(answer):
            raise PlanRejected(f"None of the ways was chosen; {who(answer)} ended this turn.")
        if answer.resolution is Resolution.REVISE:
            await self._note(
                f"answered-{number}", f"The user wants another way: {answer.feedback or 'none of these.'}"
            )
            return None
        chosen = _chosen(approaches, answer)
        title = f"{chosen['title']}: " if chosen.get("title") else ""
        wish = f" {answer.feedback}" if answer.feedback else ""
        await self._note(f"answered-{number}", f"Do it this way. {title}{chosen['description']}{wish}")
        return chosen["way"]

    async def _directly(self) -> dict[str, Any]:
        role = self.config.agent or "engineer"
        rules = StepRules() if self.config.auto_approve_simple else step_rules(self.config.approval_mode)
        piece = Piece("answer", 1, "Answer", self.assignment.text, role)
        await self.ctx.phase("execution")
        if rules.before:
            answer = await self.gates.before(piece, may_skip=False)
            if is_no(answer):
                raise PlanRejected(f"The answer was stopped by {who(answer)}.")
            if answer.resolution is Resolution.MODIFY:
                edited = cast("dict[str, Any]", answer.modifications)
                piece = replace(piece, goal=edited["goal"], agent=edited.get("agent") or role)
        done = await self._answered(piece, 0, "")
        for turn in range(REDOS + 1):
            if not rules.after:
                break
            answer = await self.gates.after(piece, done["answer"], turn, may_redo=turn < REDOS)
            if is_no(answer):
                raise PlanRejected(f"The answer was refused by {who(answer)}.")
            if answer.resolution is not Resolution.REDO:
                break
            done = await self._answered(piece, turn + 1, answer.feedback or "Do it again, better.")
        return {"summary": first_line(done["answer"]), "route": "direct", **done}

    async def _answered(self, piece: Piece, turn: int, wish: str) -> dict[str, Any]:
        assignment = replace(self.assignment, text=piece.goal)
        return await self._step(
            f"answer-redo-{turn}" if turn else "answer",
            "Answer",
            partial(answer_at_once, self.ctx, assignment, piece.agent, wish),
            phase="execution",
            agent=piece.agent,
        )

    async def _by_plan(self) -> dict[str, Any]:
        config, mode = self.config, self.config.approval_mode
        self.planned = True
        rules = PlanRules(asks=mode != "none", agents=tuple(config.available_agents))
        plan = await approved_plan(self.ctx, config, self.assignment, rules, self.gates)
        execution = Execution(
            self.ctx, self.assignment, self.gates, step_rules(mode), config.max_attempts, plan.feedback
        )
        results = await execution.carry_out(plan.hops)
        report = await write_report(self.ctx, self.assignment, results, execution.feedback)
        return {**report, "route": "plan", "answer": report["report"]}

    async def _note(self, key: str, text: str) -> None:
        """Put what was settled into the conversation, once, and tell it to all that follows in this turn."""

        async def body() -> StepResult:
            await self.ctx.say(text, agent="router", key=key)
            return StepResult({"text": text}, first_line(text))

        await self._step(key, "Note the answer", body)
        self.assignment = replace(self.assignment, text=f"{self.assignment.text}\n\n{text}")

    async def _step(
        self, key: str, name: str, body: Any, *, phase: str = "route", agent: str = "router"
    ) -> dict[str, Any]:
        spec = StepSpec(key=key, name=name, phase=phase, goal=self.ctx.task, agent=agent)
        return cast("dict[str, Any]", await self.ctx.step(spec, body))


def _chosen(approaches: list[dict[str, Any]], answer: Answer) -> dict[str, Any]:
    if answer.resolution is Resolution.MODIFY:
        return {**approaches[0], "title": "", **cast("dict[str, Any]", answer.modifications)}
    if answer.resolution is Resolution.ANSWER:
        return approaches[cast("dict[str, int]", answer.answer)["choice"] - 1]
    return approaches[0]


__all__ = ["Copilot", "CopilotConfig"]
