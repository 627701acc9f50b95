"""Approvals: questions that wait for a person as rows, are answered once, and say what silence means."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from perdure.core.messages import Author
from perdure.errors import AlreadyAnswered, InvalidInput


class ApprovalType(StrEnum):
    """What is being asked about."""

    PLAN = "plan"
    STEP = "step"
    TOOL = "tool"
    QUESTION = "question"
    ERROR = "error"
    TURN = "turn"
    SELECTION = "selection"
    BUDGET = "budget"


class ApprovalStatus(StrEnum):
    """The outcome; expiry is its own outcome and never a person's rejection."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    ANSWERED = "answered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class OnExpiry(StrEnum):
    """The stated consequence of a deadline that passes unanswered."""

    PAUSE = "pause"
    REJECT = "reject"
    APPROVE = "approve"


class Resolution(StrEnum):
    """What the person chose."""

    APPROVE = "approve"
    REJECT = "reject"
    REVISE = "revise"
    MODIFY = "modify"
    SKIP = "skip"
    REDO = "redo"
    RETRY = "retry"
    CONTINUE = "continue"
    ABORT = "abort"
    ANSWER = "answer"


REFUSALS = (Resolution.REJECT, Resolution.ABORT)
"""What ends a run that asked: after a retry it is asked anew."""

_OUTCOME = {
    Resolution.APPROVE: ApprovalStatus.APPROVED,
    Resolution.CONTINUE: ApprovalStatus.APPROVED,
    Resolution.REJECT: ApprovalStatus.REJECTED,
    Resolution.ABORT: ApprovalStatus.REJECTED,
}

_ALIASES = {
    "approved": Resolution.APPROVE,
    "accept": Resolution.APPROVE,
    "yes": Resolution.APPROVE,
    "rejected": Resolution.REJECT,
    "deny": Resolution.REJECT,
    "denied": Resolution.REJECT,
    "no": Resolution.REJECT,
    "submit": Resolution.ANSWER,
    "allow": Resolution.APPROVE,
    "allow_once": Resolution.APPROVE,
}
_FOR_THE_SESSION = frozenset(
    {"allow_session", "allow_for_session", "allow_for_the_session", "allow_always", "always"}
)
SESSION_SCOPE = {"scope": "session"}
"""The answer of a person who allows a kind of tool call for as long as the session lives."""


class Approval(BaseModel):
    """One question with its options, deadline and, once given, its answer."""

    model_config = ConfigDict(frozen=True)

    id: str
    session_id: str
    run_id: str
    step_id: str | None = None
    key: str
    """Stable name of the question inside its run attempt, so that a repeated step asks it once."""
    request_type: ApprovalType
    title: str
    request_data: dict[str, Any] = Field(default_factory=dict)
    options: list[str] = Field(default_factory=list)
    answer_schema: dict[str, Any] | None = None
    status: ApprovalStatus = ApprovalStatus.PENDING
    resolution: Resolution | None = None
    deadline: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.PAUSE
    response_data: dict[str, Any] | None = None
    responded_by: str | None = None
    """The name that whoever answered had then."""
    responded_by_id: str | None = None
    responded_at: datetime | None = None
    created_at: datetime

    @property
    def answered_by(self) -> Author | None:
        """Who answered; None before, when nobody did, and for answers of versions that kept only the name."""
        if self.responded_by is None or self.responded_by_id is None:
            return None
        return Author(user_id=self.responded_by_id, name=self.responded_by)


def parse_resolution(resolution: str | None, approved: bool | None) -> Resolution:
    """Read an answer in any of its accepted spellings.

    Raises:
        InvalidInput: when neither form names a known resolution, or the two contradict each other.
    """
    named: Resolution | None = None
    if resolution is not None:
        text = _spelling(resolution)
        named = Resolution.APPROVE if text in _FOR_THE_SESSION else _ALIASES.get(text)
        if named is None:
            try:
                named = Resolution(text)
            except ValueError:
                raise InvalidInput(
                    f"{resolution!r} is not a resolution; use one of {', '.join(Resolution)}.",
                    field="resolution",
                ) from None
    if approved is not None:
        flag = Resolution.APPROVE if approved else Resolution.REJECT
        if named is not None and named is not flag:
            raise InvalidInput("`approved` and `resolution` contradict each other; send one of them.")
        named = flag
    if named is None:
        raise InvalidInput("Send `resolution` (or `approved`).", field="resolution")
    return named


def is_for_session(resolution: str | None) -> bool:
    """Whether the word chosen also says "do not ask again in this session"."""
    return resolution is not None and _spelling(resolution) in _FOR_THE_SESSION


def _spelling(resolution: str) -> str:
    return "_".join(resolution.lower().replace("-", " ").replace("_", " ").split())


def check_answer(approval: Approval, resolution: Resolution, now: datetime) -> ApprovalStatus:
    """Return the status that `resolution` gives the approval.

    Raises:
        AlreadyAnswered: with the stored outcome, also when the deadline has passed.
        InvalidInput: when the approval does not offer this resolution.
    """
    if approval.status is not ApprovalStatus.PENDING:
        raise AlreadyAnswered(
            f"This was already {approval.status}"
            + (f" by {approval.responded_by}." if approval.responded_by else "."),
            approval_id=approval.id,
            status=str(approval.status),
            resolution=str(approval.resolution) if approval.resolution else None,
            responded_by=approval.responded_by,
        )
    if approval.deadline is not None and now >= approval.deadline:
        raise AlreadyAnswered(
            "The deadline for this answer has passed.",
            approval_id=approval.id,
            status="expired",
            resolution=None,
        )
    if approval.options and resolution.value not in approval.options:
        raise InvalidInput(
            f"{resolution.value!r} is not offered here; choose one of {', '.join(approval.options)}.",
            field="resolution",
            options=approval.options,
        )
    return _OUTCOME.get(resolution, ApprovalStatus.ANSWERED)
