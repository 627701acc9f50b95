"""What the server answers, as far as a client needs to know it; unknown fields are kept as they are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Json = dict[str, Any]


class Wire(BaseModel):
    """Base: newer servers may add fields, older ones may lack those with a default."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Run(Wire):
    """One execution of a mode inside a session."""

    run_id: str
    session_id: str
    status: str
    task: str | None = None
    task_id: str | None = None
    mode: str | None = None
    model: str | None = None
    attempt: int = 1
    result: Json | None = None
    error: Json | None = None
    cost_usd: float | None = None
    active_ms: int = 0
    """Execution up to `active_since`; waiting and paused time is none."""
    active_since: datetime | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None


class Author(Wire):
    """The person who said or answered something, with the name they had then."""

    user_id: str
    name: str = ""


class Approval(Wire):
    """A question that waits for a person, or its answer."""

    approval_id: str
    session_id: str
    run_id: str | None = None
    request_type: str = "question"
    title: str = ""
    request_data: Json = Field(default_factory=dict)
    options: list[str] = Field(default_factory=list)
    answer_schema: Json | None = None
    """JSON Schema of an `answer`, where one is wanted."""
    status: str = "pending"
    resolution: str | None = None
    response_data: Json | None = None
    responded_by: str | None = None
    answered_by: Author | None = None
    deadline: datetime | None = None
    on_expiry: str = "pause"
    created_at: datetime | None = None


class Session(Wire):
    """A session's summary."""

    session_id: str
    status: str
    name: str = ""
    mode: str | None = None
    version: int = 1
    tags: list[str] = Field(default_factory=list)
    metadata: Json = Field(default_factory=dict)
    config: Json = Field(default_factory=dict)
    current_phase: str | None = None
    current_step: int | None = None
    message_count: int = 0
    run_status: str | None = None
    pending_approvals: int = 0
    question: str | None = None
    """What it asks, of several questions the oldest."""
    answer_by: datetime | None = None
    plan_steps: int | None = None
    plan_steps_done: int | None = None
    cost_usd: float | None = None
    unpriced_calls: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None
    last_active_at: datetime | None = None
    expires_at: datetime | None = None
    role: str | None = None
    """What the caller is to it: `owner`, `view`, `edit`, `admin`, or `server-admin`."""
    owner_name: str | None = None
    shared: bool = False


class Message(Wire):
    """One entry of a conversation; `position` counts 1, 2, 3 … inside its session."""

    role: str
    content: str = ""
    message_id: str | None = None
    position: int | None = None
    agent: str | None = None
    author: Author | None = None
    run_id: str | None = None
    timestamp: datetime | None = None


class SessionDetail(Session):
    """A session with the newest page of its conversation and everything it waits for."""

    conversation_history: list[Message] = Field(default_factory=list[Message])
    context_variables: Json = Field(default_factory=dict)
    plan_data: Json | None = None
    approvals: list[Approval] = Field(default_factory=list[Approval])
    """The open questions."""
    current_run: Run | None = None
    queue_length: int = 0
    as_of_seq: int | None = None
    last_seq: int | None = None
    etag: str | None = None

    @property
    def head(self) -> int:
        """The newest sequence number of the log when this was read."""
        return max(self.as_of_seq or 0, self.last_seq or 0)


class SessionPage(Wire):
    """One page of a list of sessions; `total` is the true number."""

    sessions: list[Session]
    total: int
    next_cursor: str | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    groups: dict[str, int] | None = None
    """Sessions of each group over all pages, when they were asked for."""
    current_session_id: str | None = None


class Forked(Session):
    """A new session with another's past, and the run that goes on in it."""

    run_id: str | None = None
    forked_from_session: str | None = None
    forked_from_seq: int | None = None


class QueueItem(Wire):
    """An input that waits."""

    queue_item_id: str
    session_id: str
    position: int
    content: str
    config: Json = Field(default_factory=dict)
    author: Author | None = None
    created_at: datetime | None = None


class Queue(Wire):
    """The inputs of a session that wait, next first."""

    session_id: str
    items: list[QueueItem] = Field(default_factory=list[QueueItem])
    total: int = 0


class Grants(Wire):
    """The tool categories that need no question in a session."""

    session_id: str
    grants: list[str] = Field(default_factory=list[str])
    total: int = 0


class StepDifference(Wire):
    """One step of two runs; `cost_usd` and `duration_ms` are right minus left."""

    key: str
    same: bool
    differs: list[str] = Field(default_factory=list[str])
    left: Json | None = None
    right: Json | None = None
    cost_usd: float | None = None
    duration_ms: int | None = None


class RunDifference(Wire):
    """Two runs side by side; `first_difference` names the step where they part."""

    left: str
    right: str
    same: bool
    first_difference: Json | None = None
    steps: list[StepDifference] = Field(default_factory=list[StepDifference])
    totals: Json = Field(default_factory=dict)
    result: Json = Field(default_factory=dict)
    config: Json = Field(default_factory=dict)
    task: Json = Field(default_factory=dict)
    status: Json = Field(default_factory=dict)


class CommandResult(Wire):
    """The answer to a command on a session or a run."""

    session_id: str
    status: str
    success: bool = True
    message: str | None = None
    run_id: str | None = None
    version: int | None = None


class History(Wire):
    """A page of a conversation, oldest first."""

    session_id: str
    messages: list[Message]
    total_messages: int = 0
    has_more: bool = False
    next_cursor: str | None = None


class Event(Wire):
    """One entry of a session's log; `seq` counts 1, 2, 3 … without gaps."""

    seq: int
    type: str
    session_id: str
    id: str | None = None
    run_id: str | None = None
    step: str | None = None
    timestamp: datetime | None = None
    data: Json = Field(default_factory=dict)


class EventPage(Wire):
    """A page of a session's log, ascending."""

    events: list[Event]
    last_seq: int = 0
    has_more: bool = False
    next_after: int = 0
    """The `after` of the next page."""
    next_before: int | None = None
    """The `before` of the page of older ones, when `before` was asked for."""


class Costs(Wire):
    """What a session has cost; calls without a known price are counted apart, never as zero."""

    session_id: str
    total_cost_usd: float | None = None
    unpriced_calls: int = 0
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    by_model: list[Json] = Field(default_factory=list[Json])
    by_agent: list[Json] = Field(default_factory=list[Json])
    by_step: list[Json] = Field(default_factory=list[Json])
    by_run: list[Json] = Field(default_factory=list[Json])
    by_day: list[Json] = Field(default_factory=list[Json])
    price_versions: list[Json] = Field(default_factory=list[Json])
    made_again: Json = Field(default_factory=dict)
    """Part of the totals: calls whose answer did not count, because the same was done again."""
    price_version: str | None = None
    """The table of prices that calls are priced from now."""


class File(Wire):
    """A file in a session's workspace."""

    path: str
    size: int | None = None
    sha256: str | None = None
    media_type: str | None = None


class FilePage(Wire):
    """The files of a workspace."""

    files: list[File]
    total: int = 0


class Step(Wire):
    """One step of a run."""

    step_id: str
    status: str
    key: str = ""
    name: str = ""
    phase: str | None = None
    goal: str | None = None
    agent: str | None = None
    summary: str | None = None
    error: Json | None = None


class StepPage(Wire):
    """The steps of a session's runs, in order."""

    steps: list[Step]


class RunPage(Wire):
    """The runs of a session, newest first."""

    runs: list[Run]
    total: int = 0


class Dag(Wire):
    """The plan as a picture: nodes with their true status, and edges."""

    nodes: list[Json]
    edges: list[Json] = Field(default_factory=list[Json])
    as_of_seq: int | None = None


class Started(Wire):
    """What came of a message: a run, or a place in the queue of a busy session."""

    run_id: str | None = None
    session_id: str | None = None
    message_id: str | None = None
    queue_item: Json | None = None
    status: str | None = None
    """`started`, `queued` or `delivered`."""


class Submitted(Wire):
    """A task that was started without a socket."""

    task_id: str
    run_id: str
    session_id: str


class ApprovalPage(Wire):
    """A page of approvals."""

    approvals: list[Approval]
    total: int = 0


class AuditEntry(Wire):
    """Who did what, on which, from where."""

    position: int
    timestamp: datetime
    actor_id: str
    action: str
    object_type: str
    object_id: str | None = None
    session_id: str | None = None
    source: str | None = None
    result: str = "done"
    details: Json = Field(default_factory=dict)
    previous_hash: str = ""
    hash: str = ""


class AuditPage(Wire):
    """A page of the audit log, newest first."""

    entries: list[AuditEntry]
    total: int = 0
    next_cursor: str | None = None


class Mode(Wire):
    """A way of working that the server offers."""

    id: str
    name: str = ""
    label: str = ""
    description: str = ""
    supports_resume: bool = False
    supports_hitl: bool = False
    config_schema: Json = Field(default_factory=dict)


class ModePage(Wire):
    """All modes."""

    modes: list[Mode]
    total: int = 0


class Status(Wire):
    """Health, readiness or statistics: whatever the server tells of itself."""
