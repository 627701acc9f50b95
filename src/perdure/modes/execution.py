"""Carrying out a plan: step by step, with attempts, what earlier steps found, and the gates around each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

from perdure.modes.contract import (
    Answer,
    Hop,
    HopBrief,
    HopStatus,
    ModelCallFailed,
    PlanRejected,
    Resolution,
    RunContext,
    StepFailed,
    StepResult,
    StepSpec,
)
from perdure.modes.gates import Gates, is_no, who
from perdure.modes.plan_words import inputs_told, mission_told, outputs_told
from perdure.modes.wording import carry_over, first_sentence, with_context, with_source
from perdure.modes.work import Assignment, Piece, piece_of

REDOS = 2


class _LeftOut(StepFailed):
    """A step that failed, and that a person chose to go on without."""


@dataclass(frozen=True, slots=True)
class StepRules:
    """Where a person is asked around steps, and what is offered there."""

    before: bool = False
    after: bool = False
    between: bool = False
    """A word between two steps, in the tone of a conversation."""
    on_error: bool = False
    may_skip: bool = True
    may_retry: bool = True
    spares_successes: bool = False
    """Whether a step that succeeded at its first attempt goes on without the question after it."""
    shows_context: bool = False


_RULES = {
    "before_each_step": StepRules(before=True),
    "before_step": StepRules(before=True),
    "after_each_step": StepRules(after=True),
    "after_step": StepRules(after=True),
    "both": StepRules(before=True, after=True),
    "conversational": StepRules(between=True),
    "on_error": StepRules(on_error=True),
}


def step_rules(approval_mode: str) -> StepRules:
    """Return the rules that an approval mode stands for; none and after_planning ask around no step."""
    return _RULES.get(approval_mode, StepRules())


@dataclass
class Execution:
    """Carries out the steps of one run. `feedback` is all that people said so far; each step is told."""

    ctx: RunContext
    assignment: Assignment
    gates: Gates
    rules: StepRules
    max_attempts: int | None = None
    feedback: list[str] = field(default_factory=list[str])
    results: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """What each finished step found, as `(name, result)`."""

    async def carry_out(self, hops: Sequence[Hop]) -> list[tuple[str, str]]:
        """Carry out the hops in order and return the results; skipped ones leave none.

        Raises:
            StepFailed: when a step used up its attempts and nobody wants it tried again.
            PlanRejected: when a person ends the work at a gate.
        """
        pieces = [piece_of(hop, self.ctx.roles) for hop in hops]
        for at, (hop, piece) in enumerate(zip(hops, pieces, strict=True)):
            if hop.status is HopStatus.SKIPPED:
                continue  # an earlier attempt left it out, by a person's word
            following = pieces[at + 1] if at + 1 < len(pieces) else None
            result = await self.step(piece, following)
            if result is not None:
                self.results.append((piece.name, result))
        return self.results

    async def step(self, piece: Piece, following: Piece | None = None) -> str | None:
        """Carry out one step with the gates around it; None when it was skipped.

        Raises:
            StepFailed, PlanRejected: as `carry_out`.
        """
        if self.rules.before:
            answer = await self.gates.before(piece, context=self._context(), may_skip=self.rules.may_skip)
            self._note(answer.feedback)
            if is_no(answer):
                raise PlanRejected(f"Step {piece.number} was rejected by {who(answer)}.")
            if answer.resolution is Resolution.SKIP:
                await self._move(piece, HopStatus.SKIPPED)
                return None
            if answer.resolution is Resolution.MODIFY:
                piece = _modified(piece, answer.modifications)
        wish: str | None = None
        for turn in range(REDOS + 1):
            done = await self._execute(piece, turn, wish)
            if done is None:
                return None
            result = str(done["result"])
            answer = await self._asked_after(piece, done, result, turn, following)
            if answer is None:
                return result
            self._note(answer.feedback)
            if is_no(answer):
                raise PlanRejected(f"The run was ended after step {piece.number} by {who(answer)}.")
            if answer.resolution is not Resolution.REDO:
                return result
            wish = answer.feedback or "Do it again, better."
        raise AssertionError("the last question does not offer to do it again")

    async def _asked_after(
        self, piece: Piece, done: dict[str, Any], result: str, turn: int, following: Piece | None
    ) -> Answer | None:
        if self.rules.between:
            return await self.gates.turn(piece, result, following)
        spared = self.rules.spares_successes and done["attempts"] == 1 and not done.get("cut_off")
        if not self.rules.after or spared:
            return None
        return await self.gates.after(piece, result, turn, may_redo=turn < REDOS)

    async def _execute(self, piece: Piece, turn: int, wish: str | None) -> dict[str, Any] | None:
        ctx = self.ctx
        await ctx.phase("execution", piece.number)
        await self._move(piece, HopStatus.EXECUTING)
        key = piece.key + (f"-redo-{turn}" if turn else "")
        spec = StepSpec(
            key=key,
            name=piece.name,
            phase="execution",
            goal=piece.goal,
            agent=piece.agent,
            hop_id=piece.hop_id,
            number=piece.number,
        )
        try:
            done = await ctx.step(spec, partial(self._work, replace(piece, key=key), wish))
        except _LeftOut:
            await self._move(piece, HopStatus.SKIPPED)
            return None
        except StepFailed as error:
            await self._move(piece, HopStatus.FAILED, error.to_dict())
            raise
        await self._move(piece, HopStatus.COMPLETED, result=str(done["result"]))
        for text in done["said"]:
            self._note(text)
        return cast("dict[str, Any]", done)

    async def _work(self, piece: Piece, wish: str | None) -> StepResult:
        """Try until the step is done; used up, the person may have it tried again, as often as they like."""
        attempts = self.max_attempts or self.ctx.profile.max_attempts
        made, round_, said = 0, 0, list[str]()
        while True:
            try:
                done = await self._attempts(piece, wish, attempts, made)
                return StepResult({**done.checkpoint, "said": said}, done.summary)
            except StepFailed as error:
                if not self.rules.on_error:
                    raise
                answer = await self.gates.failure(
                    piece,
                    error.to_dict(),
                    round_,
                    may_skip=self.rules.may_skip,
                    may_retry=self.rules.may_retry,
                )
                self._note(answer.feedback)
                said += [answer.feedback] if answer.feedback else []
                if answer.resolution is Resolution.SKIP:
                    raise _LeftOut(error.message, **error.fields) from error
                if answer.resolution is not Resolution.RETRY:
                    raise
                wish = answer.feedback or error.message
                made += attempts
                round_ += 1

    async def _attempts(self, piece: Piece, problem: str | None, attempts: int, made: int) -> StepResult:
        ctx, profile = self.ctx, self.ctx.profile
        brief = await ctx.hop_brief(piece.hop_id) if piece.hop_id is not None else HopBrief()
        given = inputs_told(brief.inputs, profile.source_chars // 2)
        files = [each.path for each in brief.inputs if each.path is not None]
        room = profile.source_chars - len(given)
        source = await ctx.sources(room, files) if profile.gives_source else ""
        additions = await ctx.added_context()
        for attempt in range(made + 1, made + attempts + 1):
            label = f"attempt {attempt} of {made + attempts}"
            try:
                reply = await ctx.agent(
                    piece.agent,
                    with_source(with_context(self._prompt(piece, brief, given, problem), additions), source),
                    tools=not profile.gives_source,
                    max_tokens=profile.step_max_tokens,
                    history=self.assignment.history,
                )
            except ModelCallFailed as error:
                problem = error.message
                await ctx.console(f"{label} failed: {problem}", key=f"{piece.key}:{attempt}:failed")
                continue
            text = reply.text.strip()
            if text and not _gave_up(text):
                cut_off = reply.finish_reason == "length"
                checkpoint = {"result": text, "attempts": attempt, "cut_off": cut_off}
                return StepResult(checkpoint, first_sentence(text))
            problem = text or "The answer was empty."
            await ctx.console(f"{label} did not reach the goal", key=f"{piece.key}:{attempt}:missed")
        times = "the only attempt" if made + attempts == 1 else f"{made + attempts} attempts"
        raise StepFailed(
            f"Step {piece.number} ({piece.name}) did not succeed in {times}: {problem}",
            step=piece.key,
            attempts=made + attempts,
        )

    def _prompt(self, piece: Piece, brief: HopBrief, given: str, problem: str | None) -> str:
        earlier = carry_over(self.results, self.ctx.profile.carry_over_chars)
        points = "".join(f"\n- {point}" for point in piece.points)
        said = "".join(f"\n- {text}" for text in self.feedback if text != problem)
        parts = [
            f"The whole task: {self.assignment.text}",
            mission_told(brief),
            f"WHAT IS GIVEN\n{given}" if given else "",
            f"RESULTS SO FAR\n{earlier}" if earlier else "",
            f"WHAT THE PERSON SAID SO FAR{said}" if said else "",
            f"YOUR STEP ({piece.number}): {piece.name}\n{piece.goal}{points}{outputs_told(brief.outputs)}",
            f"The attempt before did not do: {problem}" if problem else "",
            _length_rule(self.ctx),
        ]
        return "\n\n".join(part for part in parts if part)

    def _context(self) -> str:
        return carry_over(self.results, 4_000) if self.rules.shows_context else ""

    def _note(self, text: str | None) -> None:
        if text and text not in self.feedback:
            self.feedback.append(text)

    async def _move(
        self,
        piece: Piece,
        status: HopStatus,
        error: dict[str, Any] | None = None,
        *,
        result: str | None = None,
    ) -> None:
        if piece.hop_id is not None:
            await self.ctx.move_hop(piece.hop_id, status, error, result=result)


def _modified(piece: Piece, modifications: Any) -> Piece:
    """Return the step as the person wants it; the gate's schema has checked what is in there."""
    given = cast("dict[str, Any]", modifications)
    return replace(
        piece,
        goal=str(given["goal"]).strip(),
        name=str(given.get("name") or piece.name).strip(),
        agent=given.get("agent") or piece.agent,
    )


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


__all__ = ["REDOS", "Execution", "StepRules", "step_rules"]
