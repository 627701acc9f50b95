"""Events: the immutable facts of a session's log, one payload class for each type.

A published payload is never edited: fields are only added, with a default. Readers skip types they do
not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from perdure.core.clock import wire_time
from perdure.core.messages import Author
from perdure.core.shortened import Whole, shortened

SCHEMA_VERSION = 1


class EventData(BaseModel):
    """Base of all payloads; `type` is the event's name on the wire."""

    model_config = ConfigDict(frozen=True, extra="allow")
    type: ClassVar[str]


class Totals(BaseModel):
    """What a run or session has used so far."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    unpriced_calls: int = 0


class WorkflowStarted(EventData):
    """A run has begun; once per run."""

    type: ClassVar[str] = "workflow_started"
    task: str
    mode: str
    agent: str | None = None
    model: str | None = None
    attempt: int = 1
    task_id: str | None = None


class WorkflowPaused(EventData):
    """The run has stopped at a boundary and holds nothing in memory."""

    type: ClassVar[str] = "workflow_paused"
    reason: str = "requested"
    step: str | None = None


class WorkflowResumed(EventData):
    """The run goes on: after a pause, an answer, a retry, or on a new worker."""

    type: ClassVar[str] = "workflow_resumed"
    reason: str = "requested"
    attempt: int = 1
    additional_context: str | None = None
    author: Author | None = None
    """Who added the context."""


class WorkflowComplete(EventData):
    """The mode returned its result."""

    type: ClassVar[str] = "workflow_complete"
    result: dict[str, Any] = Field(default_factory=dict)
    totals: Totals = Totals()
    duration_ms: int | None = None


class WorkflowFailed(EventData):
    """The run failed; `resumable` says whether it can go on from `failed_step`."""

    type: ClassVar[str] = "workflow_failed"
    error: dict[str, Any]
    failed_step: str | None = None
    resumable: bool = False
    totals: Totals = Totals()


class WorkflowCancelled(EventData):
    """The run was cancelled; nothing is spent after this event."""

    type: ClassVar[str] = "workflow_cancelled"
    by: str | None = None
    totals: Totals = Totals()


class PhaseChange(EventData):
    """The run entered a phase, and a numbered step in it."""

    type: ClassVar[str] = "phase_change"
    phase: str
    step_number: int | None = None
    version: int | None = None
    """The session's version with this phase."""


class PlanUpdate(EventData):
    """The plan changed: `change` is proposed, accepted, cancelled, linked, adopted, reordered, …"""

    type: ClassVar[str] = "plan_update"
    change: str
    plan: dict[str, Any]
    version: int | None = None
    """The session's version with this plan."""


class DagUpdate(EventData):
    """Nodes and edges that changed; the first one is the full picture."""

    type: ClassVar[str] = "dag_update"
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    full: bool = True


class StepStarted(EventData):
    """A step has begun."""

    type: ClassVar[str] = "step_started"
    step_id: str
    key: str
    step_number: int | None = None
    name: str
    goal: str | None = None
    agent: str | None = None
    attempt: int = 1


class StepCompleted(EventData):
    """A step has finished and its checkpoint is stored."""

    type: ClassVar[str] = "step_completed"
    step_id: str
    key: str
    step_number: int | None = None
    name: str
    summary: str | None = None
    duration_ms: int | None = None
    attempt: int = 1


class StepFailed(EventData):
    """A step used up its attempts."""

    type: ClassVar[str] = "step_failed"
    step_id: str
    key: str
    step_number: int | None = None
    name: str
    error: dict[str, Any]
    attempt: int = 1


class StepSkipped(EventData):
    """A step was left out, by a person or because its run ended before."""

    type: ClassVar[str] = "step_skipped"
    step_id: str
    key: str
    step_number: int | None = None
    name: str
    reason: str | None = None


class AgentMessage(EventData):
    """An entry of the conversation is complete; `message_id` joins it to its deltas."""

    type: ClassVar[str] = "agent_message"
    message_id: str
    position: int
    role: str
    agent: str | None = None
    content: str
    parts: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    author: Author | None = None
    """The person who said it, as they were called then: an event does not change when somebody is renamed."""


class ToolCall(EventData):
    """An agent called a tool; of large `arguments` a part is shown, and `whole` says what all of them are."""

    type: ClassVar[str] = "tool_call"
    call_id: str
    tool: str
    agent: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict)
    whole: Whole | None = None

    @classmethod
    def of(
        cls, call_id: str, tool: str, arguments: Mapping[str, Any], *, agent: str | None = None
    ) -> ToolCall:
        """Make the event of a call, with its arguments in a size that events may have."""
        shown, whole = shortened(arguments)
        return cls(call_id=call_id, tool=tool, agent=agent, arguments=shown, whole=whole)


class ToolResult(EventData):
    """A tool answered."""

    type: ClassVar[str] = "tool_result"
    call_id: str
    tool: str
    agent: str | None = None
    ok: bool = True
    result: str = ""
    duration_ms: int | None = None


class CodeExecution(EventData):
    """Code was run; `isolation` says which sandbox was in force."""

    type: ClassVar[str] = "code_execution"
    language: str
    code: str
    exit_status: int | None = None
    output: str = ""
    duration_ms: int | None = None
    isolation: str | None = None
    attempt: int = 1


class Console(EventData):
    """Lines for the console, several at a time."""

    type: ClassVar[str] = "console"
    stream: str = "log"
    lines: list[str]
    attempt: int = 1


class FileUpdate(EventData):
    """A file of the workspace was created, changed or removed."""

    type: ClassVar[str] = "file_update"
    path: str
    change: str
    kind: str | None = None
    size: int | None = None
    sha256: str | None = None
    asset_id: str | None = None


class CostUpdate(EventData):
    """A model call was entered in the ledger; `cost_usd` null means it has no known price."""

    type: ClassVar[str] = "cost_update"
    call_id: str
    agent: str | None = None
    model: str
    provider: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    price_version: str | None = None
    duration_ms: int | None = None
    run_totals: Totals = Totals()


class ApprovalRequest(EventData):
    """A question waits for a person."""

    type: ClassVar[str] = "approval_request"
    approval_id: str
    request_type: str
    title: str
    request_data: dict[str, Any] = Field(default_factory=dict)
    options: list[str] = Field(default_factory=list)
    answer_schema: dict[str, Any] | None = None
    deadline: str | None = None
    on_expiry: str = "pause"


class ApprovalResolved(EventData):
    """The question has its one outcome."""

    type: ClassVar[str] = "approval_resolved"
    approval_id: str
    status: str
    resolution: str | None = None
    feedback: str | None = None
    responded_by: str | None = None
    answered_by: Author | None = None
    """Whose name `responded_by` is."""


class BudgetWarning(EventData):
    """Most of a limit is used."""

    type: ClassVar[str] = "budget_warning"
    limit: str
    scope: str = "session"
    allowed: float
    used: float


class BudgetExceeded(EventData):
    """A limit is reached; the run asks whether to go on."""

    type: ClassVar[str] = "budget_exceeded"
    limit: str
    scope: str = "session"
    allowed: float
    used: float


class SessionUpdate(EventData):
    """The session itself changed: status, name, or a warning that it will expire."""

    type: ClassVar[str] = "session_update"
    status: str
    name: str
    version: int
    reason: str | None = None
    expires_at: str | None = None


class ErrorEvent(EventData):
    """Something went wrong that a person should know of."""

    type: ClassVar[str] = "error"
    code: str
    message: str
    recoverable: bool = True


class HistoryCleared(EventData):
    """The conversation starts anew here; nothing before it is erased."""

    type: ClassVar[str] = "history_cleared"
    position: int


EVENT_TYPES: dict[str, type[EventData]] = {
    cls.type: cls
    for cls in (
        WorkflowStarted,
        WorkflowPaused,
        WorkflowResumed,
        WorkflowComplete,
        WorkflowFailed,
        WorkflowCancelled,
        PhaseChange,
        PlanUpdate,
        DagUpdate,
        StepStarted,
        StepCompleted,
        StepFailed,
        StepSkipped,
        AgentMessage,
        ToolCall,
        ToolResult,
        CodeExecution,
        Console,
        FileUpdate,
        CostUpdate,
        ApprovalRequest,
        ApprovalResolved,
        BudgetWarning,
        BudgetExceeded,
        SessionUpdate,
        ErrorEvent,
        HistoryCleared,
    )
}


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event on its way into the log.

    `dedupe` makes it exist once per session: appending the same key again writes nothing.
    """

    type: str
    payload: dict[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    step_id: str | None = None
    dedupe: str | None = None

    @classmethod
    def of(
        cls,
        data: EventData,
        *,
        run_id: str | None = None,
        step_id: str | None = None,
        dedupe: str | None = None,
    ) -> NewEvent:
        """Wrap a payload."""
        return cls(data.type, data.model_dump(mode="json"), run_id, step_id, dedupe)


class Event(BaseModel):
    """A stored event; `seq` counts 1, 2, 3 … without gaps inside its session."""

    model_config = ConfigDict(frozen=True)

    session_id: str
    seq: int
    type: str
    schema_version: int = SCHEMA_VERSION
    run_id: str | None = None
    step_id: str | None = None
    payload: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime

    def frame(self) -> dict[str, Any]:
        """Return the event as it travels: byte-identical on every replay when serialised in this order."""
        return {
            "seq": self.seq,
            "id": f"{self.session_id}:{self.seq}",
            "type": self.type,
            "session_id": self.session_id,
            "run_id": self.run_id,
            "step": self.step_id,
            "timestamp": wire_time(self.created_at),
            "data": self.payload,
        }
