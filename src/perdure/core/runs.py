"""The run and its steps: statuses, commands, value objects."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from perdure.core.transitions import Lifecycle, Transition


class RunStatus(StrEnum):
    """Where a run is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunCommand(StrEnum):
    """What the engine or a person may do to a run."""

    BEGIN = "begin"
    WAIT = "wait"
    ANSWERED = "answered"
    PAUSE = "pause"
    PARK = "park"
    RESUME = "resume"
    CANCEL = "cancel"
    COMPLETE = "complete"
    FAIL = "fail"
    STOPPED = "stopped"
    RETRY = "retry"


_S = RunStatus
_C = RunCommand

OPEN_RUN_STATUSES = frozenset({_S.QUEUED, _S.RUNNING, _S.WAITING, _S.PAUSING, _S.PAUSED, _S.CANCELLING})
"""At most one run of a session is in one of these."""
ENDED_RUN_STATUSES = frozenset(_S) - OPEN_RUN_STATUSES
LIVE_RUN_STATUSES = frozenset({_S.QUEUED, _S.RUNNING, _S.WAITING, _S.PAUSING, _S.CANCELLING})
"""Runs that keep a session from expiring."""
PARKED_RUN_STATUSES = frozenset({_S.WAITING, _S.PAUSED})
"""Runs that hold no memory and no worker."""

RUN_LIFECYCLE: Lifecycle[RunStatus, RunCommand] = Lifecycle(
    noun="run",
    rows=(
        Transition(
            _C.BEGIN,
            frozenset({_S.QUEUED, _S.RUNNING, _S.WAITING}),
            _S.RUNNING,
            "a worker takes it, first or after another died; one that is pausing or cancelling stays so",
        ),
        Transition(
            _C.WAIT,
            frozenset({_S.RUNNING}),
            _S.WAITING,
            "an approval is open; nothing is held in memory",
        ),
        Transition(_C.ANSWERED, frozenset({_S.WAITING}), _S.QUEUED, "the approval has its outcome"),
        Transition(_C.PAUSE, frozenset({_S.RUNNING}), _S.PAUSING, "takes effect at the next step boundary"),
        Transition(_C.PAUSE, frozenset({_S.QUEUED, _S.WAITING}), _S.PAUSED, "nothing is in flight: at once"),
        Transition(_C.PARK, frozenset({_S.PAUSING}), _S.PAUSED, "the boundary is reached"),
        Transition(_C.RESUME, frozenset({_S.PAUSED}), _S.QUEUED, "goes on from its last finished step"),
        Transition(
            _C.RESUME,
            frozenset({_S.PAUSING}),
            _S.RUNNING,
            "the boundary was not reached yet: it just goes on",
        ),
        Transition(
            _C.CANCEL, frozenset({_S.RUNNING, _S.PAUSING}), _S.CANCELLING, "the call in flight is aborted"
        ),
        Transition(
            _C.CANCEL,
            frozenset({_S.QUEUED, _S.WAITING, _S.PAUSED}),
            _S.CANCELLED,
            "nothing is in flight: at once",
        ),
        Transition(
            _C.COMPLETE, frozenset({_S.RUNNING, _S.PAUSING}), _S.COMPLETED, "its mode returned a result"
        ),
        Transition(
            _C.FAIL,
            frozenset({_S.RUNNING, _S.PAUSING, _S.QUEUED}),
            _S.FAILED,
            "its mode raised, or a step used up its attempts",
        ),
        Transition(_C.STOPPED, frozenset({_S.CANCELLING}), _S.CANCELLED, "nothing new is spent after this"),
        Transition(_C.RETRY, frozenset({_S.FAILED}), _S.QUEUED, "a new attempt; finished steps are kept"),
    ),
)


class StepStatus(StrEnum):
    """Where a step is in its life; only the step that failed is failed."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class Run(BaseModel):
    """One execution of a mode inside a session."""

    model_config = ConfigDict(frozen=True)

    id: str
    session_id: str
    task_id: str | None = None
    task: str
    mode: str
    agent: str | None = None
    model: str | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    status: RunStatus
    error: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    attempt: int = 1
    fence: int = 0
    """Raised by whoever takes the run over; every write of a run names it."""
    worker: str | None = None
    is_branch: bool = False
    parent_run_id: str | None = None
    forked_from_step: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd_micros: int = 0
    unpriced_calls: int = 0
    active_ms: int = 0
    """Execution up to `active_since`; waiting and paused time is none."""
    active_since: datetime | None = None


class Step(BaseModel):
    """The smallest unit that is never half done; its `checkpoint` is what a later attempt reuses."""

    model_config = ConfigDict(frozen=True)

    id: str
    run_id: str
    session_id: str
    key: str
    """Stable name of the step inside its run (`plan`, `review-1`, `step-2`); unique per run."""
    position: int
    phase: str
    name: str
    goal: str | None = None
    agent: str | None = None
    hop_id: str | None = None
    status: StepStatus
    attempt: int = 1
    summary: str | None = None
    checkpoint: Any = None
    error: dict[str, Any] | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
