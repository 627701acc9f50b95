"""Whether a tool call goes ahead: permissions, what a person allows, and effects that a crash cut off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, cast

from dbos import StepReservation

from perdure.core.approvals import ApprovalType, Resolution
from perdure.core.tools import Permission, ToolCategory, call_hash, permission_for
from perdure.engine.limits import TimeSpent
from perdure.engine.operations import Operations
from perdure.modes.contract import Answer, PlanRejected, Question
from perdure.services import effects, grants
from perdure.services.approvals import allowed_call_in
from perdure.services.effects import Effect, EffectStatus

_SCOPES = {
    "type": "object",
    "properties": {"scope": {"enum": ["once", "session"], "default": "once"}},
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call before it is made."""

    tool: str
    arguments: dict[str, Any]
    category: ToolCategory
    repeatable: bool
    agent: str | None = None
    parameters: Mapping[str, Any] | None = None
    """JSON Schema of the arguments, when the person may edit them."""
    approval_id: str | None = None
    """The question by which a person allowed this one call; None when none had to be asked."""
    drawn: list[StepReservation] = field(default_factory=list[StepReservation], compare=False)
    """The number of its operation, when it was drawn already; taken out by the operation that uses it."""

    @property
    def hash(self) -> str:
        """The mark of this exact call."""
        return call_hash(self.tool, self.arguments)


class CallRefused(Exception):
    """The call does not go ahead; the text says why, for the agent or mode that made it."""


class BrokenOff(Exception):
    """The time of the run ended before the call did; the text tells the agent."""


class OutcomeUnknown(Exception):
    """The call was begun before a crash, and nothing says whether it took effect."""


current_call: ContextVar[Call | None] = ContextVar("current_call", default=None)
"""The call that is being carried out, for the durable operation inside."""


@dataclass
class ToolGate:
    """Guards the tool calls of one execution of a run.

    It asks inside the workflow, so calls that may be asked about are made one at a time.
    """

    operations: Operations
    permissions: Mapping[ToolCategory, Permission]
    ask: Callable[[Question], Awaitable[Answer]]
    asked: int = 0
    """How many questions it has asked so far; it numbers them."""

    def permission(self, category: ToolCategory) -> Permission:
        """Return what the settings say of a category; a person may have allowed more for the session."""
        return permission_for(category, self.permissions, frozenset())

    def may_ask(self, category: ToolCategory, repeatable: bool) -> bool:
        """Whether a call of this kind may have to wait for a person."""
        return not repeatable or self.permission(category) is Permission.PROMPT

    async def admit(
        self, call: Call, *, consented: frozenset[ToolCategory] = frozenset[ToolCategory]()
    ) -> Call:
        """Return the call as it may be made: with the arguments given, or those a person put in their place.

        Raises:
            CallRefused: when the settings or a person do not allow the call.
        """
        permission = self.permission(call.category)
        if permission is Permission.DENY:
            raise CallRefused(f"{call.tool} is not allowed here: {call.category} is denied in the settings.")
        if permission is Permission.AUTO_ALLOW or call.category in consented:
            return call
        if await self._is_granted(call.category):
            return call
        answer = await self.ask(self._question(call))
        match answer.resolution:
            case Resolution.APPROVE | Resolution.CONTINUE:
                if _scope(answer) == "session":
                    await self._grant(call.category)
                return replace(call, approval_id=answer.approval_id)
            case Resolution.MODIFY:
                return replace(call, arguments=_edited(answer), approval_id=answer.approval_id)
            case _:
                if answer.by is None:
                    raise CallRefused(f"Nobody allowed this call of {call.tool} in time.")
                said = f" They say: {answer.feedback}" if answer.feedback else ""
                raise CallRefused(f"{answer.by} did not allow this call of {call.tool}.{said}")

    async def hold_to_approval(self, call: Call) -> None:
        """Let a call go on that is, right before it is made, exactly what was allowed.

        Raises:
            CallRefused: when it is another one by now.
        """
        approval_id = call.approval_id
        if approval_id is None:
            return
        allowed = await self.operations.progress.read(lambda tx: allowed_call_in(tx, approval_id))
        if allowed != call.hash:
            raise CallRefused(f"{call.tool} was not called: this is not the call that was allowed.")

    async def repeat(self, call: Call) -> bool:
        """Ask what to do about a call whose outcome is unknown; returns whether it is made again.

        Raises:
            PlanRejected: when the person ends the run instead.
        """
        answer = await self.ask(self._unknown(call))
        if answer.resolution is Resolution.RETRY:
            return True
        if answer.resolution in (Resolution.SKIP, Resolution.CONTINUE, Resolution.APPROVE):
            return False
        raise PlanRejected(f"The run was ended by {answer.by or 'its deadline'} after a call of {call.tool}.")

    async def carried_out(
        self, call: Call, number: int, body: Callable[[], Awaitable[Any]]
    ) -> dict[str, Any]:
        """Carry an effect out inside its durable operation, noted before and after.

        Returns `{"out": …}`, or `{"unknown": True}` for an effect that was begun before and never ended, with
        `"broken_off"`, why, for one that the end of the run's time has just broken off.
        """
        run, progress = self.operations.run, self.operations.progress
        key = f"{run.attempt}:{number}:{call.hash[:16]}"

        effect: Effect = await progress.write(
            run, lambda tx: effects.begin_in(tx, run, key, call.tool, call.hash)
        )
        if effect.status is EffectStatus.COMPLETED:
            return {"out": effect.outcome}
        if effect.status is not EffectStatus.STARTED:
            return {"unknown": True}
        try:
            out = await body()
        except TimeSpent as spent:
            await self.operations.hold_if_stopping()
            ended = EffectStatus.UNKNOWN if spent.begun else EffectStatus.FAILED
            await progress.write(run, lambda tx: effects.end_in(tx, run.id, key, ended, None))
            if not spent.begun:
                return {"broken_off": str(spent)}
            return {"broken_off": f"{spent} Nothing says whether it took effect.", "unknown": True}
        except Exception:
            await self.operations.hold_if_stopping()
            await progress.write(run, lambda tx: effects.end_in(tx, run.id, key, EffectStatus.FAILED, None))
            raise
        await progress.write(run, lambda tx: effects.end_in(tx, run.id, key, EffectStatus.COMPLETED, out))
        return {"out": out}

    async def _is_granted(self, category: ToolCategory) -> bool:
        """Whether a person allowed the category for the session and has not taken it back."""
        progress, session_id = self.operations.progress, self.operations.run.session_id

        async def read() -> bool:
            return category in await progress.read(lambda tx: grants.granted_in(tx, session_id))

        return await self.operations.durable("granted", read)

    async def _grant(self, category: ToolCategory) -> None:
        run = self.operations.run

        async def write() -> None:
            # Once: a replay must not give again what was taken back since.
            await self.operations.progress.write(
                run, lambda tx: grants.add_in(tx, run.session_id, category, run.id)
            )

        await self.operations.durable("grant", write)

    def _question(self, call: Call) -> Question:
        self.asked += 1
        data = {
            "tool": call.tool,
            "arguments": call.arguments,
            "category": str(call.category),
            "agent": call.agent,
            "call_hash": call.hash,
            "parameters": dict(call.parameters) if call.parameters else None,
        }
        return Question(
            key=f"tool:{self.operations.run.attempt}:{self.asked}:{call.hash[:16]}",
            type=ApprovalType.TOOL,
            title=f"Allow {call.tool}?",
            data={name: value for name, value in data.items() if value is not None},
            options=(Resolution.APPROVE, Resolution.REJECT, Resolution.MODIFY),
            answer_schema=_SCOPES,
        )

    def _unknown(self, call: Call) -> Question:
        self.asked += 1
        return Question(
            key=f"unknown:{self.operations.run.attempt}:{self.asked}:{call.hash[:16]}",
            type=ApprovalType.TOOL,
            title=f"{call.tool} was cut off, and nothing says whether it took effect. Call it again?",
            data={
                "tool": call.tool,
                "arguments": call.arguments,
                "category": str(call.category),
                "call_hash": call.hash,
                "outcome": "unknown",
            },
            options=(Resolution.RETRY, Resolution.SKIP, Resolution.ABORT),
        )


def _scope(answer: Answer) -> str:
    return str(cast("dict[str, Any]", answer.answer).get("scope")) if isinstance(answer.answer, dict) else ""


def _edited(answer: Answer) -> dict[str, Any]:
    given = cast("dict[str, Any]", answer.modifications) if isinstance(answer.modifications, dict) else {}
    return dict(given.get("arguments", given))
