"""The session: its statuses, the commands that move it, and its value object."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from perdure.core.transitions import Lifecycle, Transition


class SessionStatus(StrEnum):
    """Where a session is in its life."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    ARCHIVED = "archived"
    DELETED = "deleted"


class SessionCommand(StrEnum):
    """What a person, a run or a sweep may do to a session."""

    SUSPEND = "suspend"
    RESUME = "resume"
    COMPLETE = "complete"
    START_RUN = "start_run"
    FAIL = "fail"
    EXPIRE = "expire"
    ARCHIVE = "archive"
    RESTORE = "restore"
    DELETE = "delete"


_S = SessionStatus
_C = SessionCommand
_ANY_BUT_DELETED = frozenset(s for s in _S if s is not _S.DELETED)

SESSION_LIFECYCLE: Lifecycle[SessionStatus, SessionCommand] = Lifecycle(
    noun="session",
    rows=(
        Transition(
            _C.SUSPEND, frozenset({_S.ACTIVE}), _S.SUSPENDED, "a live run stops at its next step boundary"
        ),
        Transition(
            _C.RESUME,
            frozenset({_S.SUSPENDED, _S.FAILED, _S.EXPIRED}),
            _S.ACTIVE,
            "the interrupted run goes on from its last finished step; a failed one only if its mode can",
        ),
        Transition(
            _C.COMPLETE,
            frozenset({_S.ACTIVE, _S.SUSPENDED}),
            _S.COMPLETED,
            "by the run of a one-task mode, or by the person",
        ),
        Transition(
            _C.START_RUN,
            frozenset({_S.ACTIVE, _S.COMPLETED}),
            _S.ACTIVE,
            "a follow-up on a completed session reactivates it",
        ),
        Transition(_C.FAIL, frozenset({_S.ACTIVE}), _S.FAILED, "the run failed"),
        Transition(
            _C.EXPIRE,
            frozenset({_S.ACTIVE, _S.SUSPENDED}),
            _S.EXPIRED,
            "idle past its time to live, never while a run is live or waits for a person",
        ),
        Transition(
            _C.ARCHIVE,
            frozenset({_S.COMPLETED, _S.FAILED, _S.SUSPENDED, _S.EXPIRED}),
            _S.ARCHIVED,
            "by the person, or 7 days after expiry",
        ),
        Transition(
            _C.RESTORE, frozenset({_S.ARCHIVED}), _S.SUSPENDED, "what was archived can be resumed again"
        ),
        Transition(
            _C.RESTORE, frozenset({_S.DELETED}), None, "back to the status it had before it was deleted"
        ),
        Transition(
            _C.DELETE, _ANY_BUT_DELETED, _S.DELETED, "hides it and cancels a live run; purged after 90 days"
        ),
    ),
)


class OnBusy(StrEnum):
    """What happens to a new input while a run of the session is live."""

    REJECT = "reject"
    ENQUEUE = "enqueue"
    INTERRUPT = "interrupt"
    STEER = "steer"


class SessionHead(BaseModel):
    """What a list shows of a session: all but what was said, configured and computed in it."""

    model_config = ConfigDict(frozen=True)

    id: str
    owner_id: str
    name: str
    mode: str
    status: SessionStatus
    status_reason: str | None = None
    status_before: SessionStatus | None = None
    """The status to come back to when a deleted or archived session is restored."""
    tags: list[str] = Field(default_factory=list)
    current_phase: str | None = None
    current_step: int | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime
    last_active_at: datetime
    expires_at: datetime | None = None
    warned_at: datetime | None = None
    """When the warning before expiry was written; None when none is due."""
    archived_at: datetime | None = None
    deleted_at: datetime | None = None
    forked_from_session: str | None = None
    forked_from_seq: int | None = None
    template_id: str | None = None
    current_run_id: str | None = None
    message_count: int = 0
    last_seq: int = 0
    log_epoch: int = 1


class Session(SessionHead):
    """A session as stored; sequence, counts and activity are kept apart from its version."""

    config: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    resource_limits: dict[str, Any] = Field(default_factory=dict)
    context_variables: dict[str, Any] = Field(default_factory=dict)
    plan_data: dict[str, Any] | None = None


def default_name(task: str | None, mode: str, now: datetime) -> str:
    """Make a name from the first words of the task, or from the mode and the day."""
    words = " ".join((task or "").split())
    if not words:
        return f"{mode} {now:%Y-%m-%d %H:%M}"
    return words if len(words) <= 60 else words[:57].rsplit(" ", 1)[0] + "…"
