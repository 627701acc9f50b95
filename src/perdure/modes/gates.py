"""The questions modes ask people, each with its options, its deadline and what silence means.

The key of a question about a result holds a digest of that result: after a retry the same result is not
asked about again, another one is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from perdure.modes.contract import (
    Answer,
    ApprovalType,
    ModeConfig,
    OnExpiry,
    Question,
    Resolution,
    RunContext,
)
from perdure.modes.work import Piece

_NOT_BLANK = r"\S"
_NO = (Resolution.REJECT, Resolution.ABORT)
_NO_RESULT = "(no result)"


class GatedConfig(ModeConfig):
    """Keys of every mode that waits for people."""

    approval_deadline_s: float | None = Field(
        None, gt=0, description="Seconds a question waits for its answer; the server's setting if unset."
    )
    expiry: OnExpiry = Field(
        OnExpiry.PAUSE,
        description="What silence means at a deadline: the run pauses, or goes on as if rejected or approved. "
        "A step that failed, a tool call and more than a limit are never approved by silence: they pause.",
    )


@dataclass(frozen=True, slots=True)
class Gates:
    """Asks in the name of one run. Each method waits for the answer, for days if need be."""

    ctx: RunContext
    deadline_s: float | None
    expiry: OnExpiry

    @classmethod
    def of(cls, ctx: RunContext, config: GatedConfig) -> Gates:
        """Return the gates of a run with this config."""
        return cls(ctx, config.approval_deadline_s, config.expiry)

    async def plan(
        self,
        steps: list[dict[str, Any]],
        turn: int,
        *,
        agents: Sequence[str],
        most: int,
        revisions_left: int,
        may_modify: bool = True,
    ) -> Answer:
        """Ask whether the plan may be carried out: approve, reject, revise (feedback), modify (steps)."""
        number = len(steps)
        return await self._ask(
            f"plan-{turn}-{_digest(steps)}",
            ApprovalType.PLAN,
            f"Approve the plan with {number} step{'' if number == 1 else 's'}?",
            {
                "steps": steps,
                "round": turn + 1,
                "revisions_left": revisions_left,
                "agents": list(agents),
                "max_steps": most,
            },
            Resolution.APPROVE,
            Resolution.REJECT,
            *([Resolution.REVISE] if revisions_left else []),
            *([Resolution.MODIFY] if may_modify else []),
        )

    async def before(
        self, piece: Piece, *, context: str = "", may_skip: bool = True, may_modify: bool = True
    ) -> Answer:
        """Ask before a step: approve, reject, skip, modify (its goal, name or agent)."""
        return await self._ask(
            f"before-{piece.key}",
            ApprovalType.STEP,
            f"Start step {piece.number}: {_title(piece)}?",
            {
                **_facts(piece),
                **({"context": context} if context else {}),
                "modifications_schema": self._step_schema(),
            },
            Resolution.APPROVE,
            Resolution.REJECT,
            *([Resolution.SKIP] if may_skip else []),
            *([Resolution.MODIFY] if may_modify else []),
        )

    async def after(self, piece: Piece, result: str, turn: int, *, may_redo: bool) -> Answer:
        """Ask after a step: continue, abort, redo (feedback)."""
        return await self._ask(
            f"after-{piece.key}-{turn}-{_digest(result)}",
            ApprovalType.STEP,
            f"Step {piece.number} is done: {_title(piece)}. Go on?",
            {**_facts(piece), "result": result or _NO_RESULT, "attempt": turn + 1},
            Resolution.CONTINUE,
            Resolution.ABORT,
            *([Resolution.REDO] if may_redo else []),
        )

    async def turn(self, piece: Piece, result: str, following: Piece | None) -> Answer:
        """Ask between two steps in the tone of a conversation: continue, revise (a word for what comes), abort."""
        ahead = f" Next: {_title(following)}." if following else " The report comes next."
        return await self._ask(
            f"turn-{piece.key}-{_digest(result)}",
            ApprovalType.TURN,
            f"{_title(piece)}: done.{ahead} Anything to say before I go on?",
            {
                **_facts(piece),
                "result": result or _NO_RESULT,
                "next": _facts(following) if following else None,
            },
            Resolution.CONTINUE,
            Resolution.REVISE,
            Resolution.ABORT,
        )

    async def failure(
        self,
        piece: Piece,
        error: dict[str, Any],
        tries: int,
        *,
        may_skip: bool = True,
        may_retry: bool = True,
    ) -> Answer:
        """Ask after a step has used up its attempts: retry (feedback), skip, abort."""
        return await self._ask(
            f"error-{piece.key}-{tries}",
            ApprovalType.ERROR,
            f"Step {piece.number} failed: {piece.name}",
            {**_facts(piece), "error": error},
            *([Resolution.RETRY] if may_retry else []),
            *([Resolution.SKIP] if may_skip else []),
            Resolution.ABORT,
            on_expiry=OnExpiry.PAUSE if self.expiry is OnExpiry.APPROVE else self.expiry,
        )

    async def clarification(self, questions: Sequence[dict[str, Any]], turn: int) -> Answer:
        """Ask all questions at once; each is `{question, reason?, options?}` and becomes a property q1, q2, ….

        Skip goes on without answers, what is known by then; reject leaves the message as it is.
        """
        properties: dict[str, Any] = {}
        for number, asked in enumerate(questions, 1):
            text: dict[str, Any] = {"type": "string", "title": asked["question"], "pattern": _NOT_BLANK}
            if asked.get("reason"):
                text["description"] = asked["reason"]
            if asked.get("options"):
                text["enum"] = list(asked["options"])
            properties[f"q{number}"] = text
        number = len(questions)
        return await self._ask(
            f"clarify-{turn}-{_digest(questions)}",
            ApprovalType.QUESTION,
            questions[0]["question"] if number == 1 else f"{number} questions before I start",
            {"questions": [{"name": f"q{n}", **asked} for n, asked in enumerate(questions, 1)]},
            Resolution.ANSWER,
            Resolution.SKIP,
            Resolution.REJECT,
            answer_schema={
                "type": "object",
                "properties": properties,
                "required": list(properties),
                "additionalProperties": False,
            },
        )

    async def proposal(self, approaches: Sequence[dict[str, Any]], turn: int) -> Answer:
        """Ask which way to go: approve (the first one), answer (its number), modify, revise (something else)."""
        return await self._ask(
            f"propose-{turn}-{_digest(approaches)}",
            ApprovalType.SELECTION,
            "Which way shall I go?",
            {
                "approaches": [{"number": n, **approach} for n, approach in enumerate(approaches, 1)],
                "recommended": 1,
                "modifications_schema": _text_schema("description", "title"),
            },
            Resolution.APPROVE,
            Resolution.ANSWER,
            Resolution.MODIFY,
            Resolution.REVISE,
            Resolution.REJECT,
            answer_schema=_choice_schema(len(approaches)),
        )

    async def selection(self, ideas: Sequence[dict[str, Any]], recommended: int) -> Answer:
        """Ask which idea to go on with: approve (the recommended one), answer (its number), modify, reject."""
        return await self._ask(
            f"select-{_digest(ideas)}",
            ApprovalType.SELECTION,
            "Which idea shall be written up?",
            {
                "ideas": list(ideas),
                "recommended": recommended,
                "modifications_schema": _text_schema("idea", "title"),
            },
            Resolution.APPROVE,
            Resolution.ANSWER,
            Resolution.MODIFY,
            Resolution.REJECT,
            answer_schema=_choice_schema(len(ideas)),
        )

    async def _ask(
        self,
        key: str,
        type_: ApprovalType,
        title: str,
        data: dict[str, Any],
        *options: Resolution,
        answer_schema: dict[str, Any] | None = None,
        on_expiry: OnExpiry | None = None,
    ) -> Answer:
        return await self.ctx.ask(
            Question(
                key=key,
                type=type_,
                title=title,
                data=data,
                options=options,
                answer_schema=answer_schema,
                on_expiry=on_expiry or self.expiry,
                deadline_s=self.deadline_s,
            )
        )

    def _step_schema(self) -> dict[str, Any]:
        schema = _text_schema("goal", "name")
        schema["properties"]["agent"] = {"enum": [*self.ctx.roles, None]}
        return schema


def is_no(answer: Answer) -> bool:
    """Whether the person, or silence, said no."""
    return answer.resolution in _NO


def who(answer: Answer) -> str:
    """Return who answered, for a sentence that ends with it."""
    return answer.by or "its deadline"


def _title(piece: Piece) -> str:
    return piece.name.rstrip(" .?!")


def _facts(piece: Piece) -> dict[str, Any]:
    return {
        "hop_id": piece.hop_id,
        "step": piece.number,
        "name": piece.name,
        "goal": piece.goal,
        "agent": piece.agent,
    }


def _text_schema(needed: str, *optional: str) -> dict[str, Any]:
    """Return the shape of an edited subject: one text that must be there, others that may; more is ignored."""
    text = {"type": "string", "pattern": _NOT_BLANK, "maxLength": 20_000}
    properties: dict[str, Any] = dict.fromkeys((*optional, needed), text)
    return {"type": "object", "properties": properties, "required": [needed]}


def _choice_schema(number: int) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"choice": {"type": "integer", "enum": list(range(1, number + 1)), "title": "Number"}},
        "required": ["choice"],
        "additionalProperties": False,
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


__all__ = ["GatedConfig", "Gates", "is_no", "who"]
