"""Sessions on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import AliasChoices, Field

from perdure.api.wire.approvals import ApprovalOut
from perdure.api.wire.base import Body, Json, ListPage, Uuid, Wire, WireTime
from perdure.api.wire.messages import MessageOut
from perdure.api.wire.runs import RunOut
from perdure.core.costs import usd
from perdure.core.runs import Run, RunStatus
from perdure.core.sessions import Session, SessionHead, SessionStatus

if TYPE_CHECKING:
    from perdure.services.views import SessionRow

_SESSION_ID = AliasChoices("session_id", "sessionId", "copilotSessionId")


class SessionBrief(Wire):
    """A session without what is counted beside it."""

    session_id: str
    id: str
    chat_id: str
    user_id: str
    name: str
    mode: str
    status: SessionStatus
    status_reason: str | None
    tags: list[str]
    version: int
    current_phase: str | None
    current_step: int | None
    message_count: int
    last_seq: int
    current_run_id: str | None
    forked_from_session: str | None
    forked_from_seq: int | None
    created_at: WireTime
    updated_at: WireTime
    last_active_at: WireTime
    expires_at: WireTime | None
    archived_at: WireTime | None
    deleted_at: WireTime | None


class SessionSummary(SessionBrief):
    """One row of a session list."""

    run_status: RunStatus | None
    pending_approvals: int
    cost_usd: float | None
    unpriced_calls: int
    queue_length: int
    question: str | None
    """What it asks, of several questions the oldest."""
    answer_by: WireTime | None
    plan_steps: int | None
    """Steps of its plan; null without one."""
    plan_steps_done: int | None
    role: Literal["owner", "view", "edit", "admin", "server-admin"]
    """What the caller may do; `server-admin` is an administrator of the server in somebody else's session."""
    owner_name: str | None
    shared: bool
    """Whether it is shared with anybody."""

    @classmethod
    def of(cls, row: SessionRow[SessionHead]) -> SessionSummary:
        """Return the wire form."""
        return cls(**brief(row.session), **counted(row))


class SessionCreated(SessionBrief):
    """A new session."""

    config: Json
    metadata: Json
    resource_limits: Json
    etag: str

    @classmethod
    def of(cls, session: Session) -> SessionCreated:
        """Return the wire form."""
        return cls(**brief(session), **_contents(session))


class SessionForked(SessionCreated):
    """A new session with another's past, and the run that goes on in it; null when none does."""

    run_id: str | None

    @classmethod
    def after(cls, made: tuple[Session, Run | None]) -> SessionForked:
        """Return the wire form."""
        session, run = made
        return cls(**brief(session), **_contents(session), run_id=run.id if run else None)


class SessionDetail(SessionSummary):
    """A session with the newest page of its conversation; `as_of_seq` is where a stream goes on."""

    config: Json
    metadata: Json
    resource_limits: Json
    context_variables: Json
    plan_data: Json | None
    conversation_history: list[MessageOut]
    history_cursor: str | None
    current_run: RunOut | None
    approvals: list[ApprovalOut]
    """The open questions; `pending_approvals` is their number."""
    log_epoch: int
    as_of_seq: int
    etag: str


class SessionLoaded(SessionDetail):
    """The detail, and that this is the caller's current session now."""

    success: bool = True
    loaded: bool = True
    sessionId: str  # noqa: N815 - a name of the first interface
    conversationHistory: list[MessageOut]  # noqa: N815
    currentSession: str  # noqa: N815
    messageCount: int  # noqa: N815


class SessionPage(ListPage):
    """A page of the caller's sessions."""

    sessions: list[SessionSummary]
    counts: dict[str, int]
    groups: dict[str, int] | None
    """Sessions of each group over all pages; null unless they were asked for."""
    current_session_id: str | None


class SessionCreate(Body):
    """What a new session starts with."""

    mode: str = "one-shot"
    config: dict[str, Any] = Field(default_factory=dict)
    name: str | None = Field(None, max_length=200, validation_alias=AliasChoices("name", "title"))
    metadata: dict[str, Any] = Field(default_factory=dict)
    resource_limits: dict[str, Any] = Field(
        default_factory=dict, validation_alias=AliasChoices("resource_limits", "resourceLimits")
    )
    tags: list[str] = Field(default_factory=list[str])
    session_id: Uuid | None = Field(None, validation_alias=_SESSION_ID)
    template_id: Uuid | None = Field(None, validation_alias=AliasChoices("template_id", "templateId"))


class SessionChange(Body):
    """New values. PATCH merges and null removes; PUT replaces what is named."""

    name: str | None = Field(None, max_length=200, validation_alias=AliasChoices("name", "title"))
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    resource_limits: dict[str, Any] | None = Field(
        None, validation_alias=AliasChoices("resource_limits", "resourceLimits")
    )


class MessageSaved(Body):
    """A message of a state that is saved from outside."""

    role: str
    content: str = ""
    agent: str | None = None


class StateIn(Body):
    """A state saved from outside; what is not named stays as it is."""

    messages: list[MessageSaved] = Field(default_factory=list[MessageSaved])
    """Appended."""
    conversation_history: list[dict[str, Any]] | None = Field(
        None, validation_alias=AliasChoices("conversation_history", "conversationHistory")
    )
    """The whole conversation; it must extend the stored one, and its tail is appended."""
    context_variables: dict[str, Any] | None = Field(
        None, validation_alias=AliasChoices("context_variables", "contextVariables")
    )
    current_phase: str | None = Field(
        None, validation_alias=AliasChoices("current_phase", "currentPhase", "phase")
    )
    current_step: int | None = Field(
        None, validation_alias=AliasChoices("current_step", "currentStep", "step")
    )
    plan_data: dict[str, Any] | None = Field(None, validation_alias=AliasChoices("plan_data", "planData"))
    expected_version: int | None = Field(
        None, validation_alias=AliasChoices("expected_version", "expectedVersion", "version")
    )


class SuspendIn(Body):
    """When to stop: at the next step boundary, or now (the step in flight runs again on resume)."""

    when: Literal["boundary", "now"] = "boundary"
    reason: str | None = Field(None, max_length=1000)


class ResumeIn(Body):
    """What to tell the run, and where it goes on."""

    additional_context: str | None = Field(
        None, validation_alias=AliasChoices("additional_context", "additionalContext", "context")
    )
    from_step: str | None = Field(None, validation_alias=AliasChoices("from_step", "fromStep"))


class RunForkIn(Body):
    """Before which step the run branches off (its start, if none is named), and what is different then."""

    from_step: str | None = Field(
        None, max_length=200, validation_alias=AliasChoices("from_step", "fromStep")
    )
    name: str | None = Field(None, min_length=1, max_length=200)
    input: str | None = Field(None, validation_alias=AliasChoices("input", "task", "content"))
    """Takes the place of the task; a run that has its plan gets it as additional context too."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Merged into the config of the original."""


class ForkIn(RunForkIn):
    """Where the fork branches off: after an event, before a step, or where the session is now."""

    from_seq: int | None = Field(None, ge=1, le=2**53, validation_alias=AliasChoices("from_seq", "fromSeq"))


class SessionAction(Wire):
    """The outcome of a lifecycle command."""

    success: bool = True
    session_id: str
    status: SessionStatus
    message: str
    run_id: str | None = None
    version: int | None = None


class BulkIn(Body):
    """The same command on many sessions."""

    command: Literal["suspend", "resume", "complete", "archive", "restore", "delete"] = Field(
        validation_alias=AliasChoices("command", "action")
    )
    session_ids: list[Uuid] = Field(
        min_length=1, max_length=500, validation_alias=AliasChoices("session_ids", "sessionIds", "ids")
    )


class BulkOut(Wire):
    """One result per session, in the order asked."""

    command: str
    results: list[Json]
    succeeded: int
    failed: int


class ActivityIn(Body):
    """Sessions that somebody is looking at, besides the one in the address."""

    session_ids: list[Uuid] = Field(
        default_factory=list[str], max_length=500, validation_alias=AliasChoices("session_ids", "sessionIds")
    )


_SHARED = [name for name in SessionBrief.model_fields if name in SessionHead.model_fields]


def brief(session: SessionHead) -> Json:
    """Return the fields of `SessionBrief`."""
    values = {name: getattr(session, name) for name in _SHARED}
    return {**values, "session_id": session.id, "chat_id": session.id, "user_id": session.owner_id}


def counted(row: SessionRow[SessionHead]) -> Json:
    """Return what a list row adds to the brief."""
    return {
        "run_status": row.run.status if row.run else None,
        "pending_approvals": row.pending_approvals,
        "cost_usd": usd(row.cost_usd_micros),
        "unpriced_calls": row.unpriced_calls,
        "queue_length": row.queue_length,
        "question": row.question,
        "answer_by": row.answer_by,
        "plan_steps": row.plan_steps,
        "plan_steps_done": row.plan_steps_done,
        "role": row.role,
        "owner_name": row.owner_name,
        "shared": row.shared,
    }


def etag(version: int) -> str:
    """Return the entity tag of a version."""
    return f'"{version}"'


def _contents(session: Session) -> Json:
    return {
        "config": session.config,
        "metadata": session.metadata,
        "resource_limits": session.resource_limits,
        "etag": etag(session.version),
    }


def detail_fields(
    row: SessionRow[Session], history: list[MessageOut], cursor: str | None, open_approvals: list[ApprovalOut]
) -> Json:
    """Return the fields of `SessionDetail`."""
    session = row.session
    return {
        **brief(session),
        **counted(row),
        **_contents(session),
        "context_variables": session.context_variables,
        "plan_data": session.plan_data,
        "conversation_history": history,
        "history_cursor": cursor,
        "current_run": RunOut.of(row.run) if row.run else None,
        "approvals": open_approvals,
        "log_epoch": session.log_epoch,
        "as_of_seq": session.last_seq,
    }
