"""Runs, their steps and tasks on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field

from perdure.api.wire.base import Body, Json, ListPage, Wire, WireTime
from perdure.core.costs import usd
from perdure.core.runs import Run, RunStatus, Step, StepStatus


class RunMeta(Wire):
    """What a run has used."""

    cost: float | None
    tokens: int


class RunOut(Wire):
    """One execution of a mode."""

    run_id: str
    id: str
    session_id: str
    task_id: str | None
    task: str
    task_description: str
    mode: str
    agent: str | None
    model: str | None
    config: Json
    status: RunStatus
    error: Json | None
    result: Json | None
    attempt: int
    is_branch: bool
    parent_run_id: str | None
    forked_from_step: str | None
    created_at: WireTime
    started_at: WireTime | None
    completed_at: WireTime | None
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    unpriced_calls: int
    active_ms: int
    """Execution up to `active_since`; waiting for people and paused time is none."""
    active_since: WireTime | None
    """Since when it works on; null while it stands still."""
    meta: RunMeta

    @classmethod
    def of(cls, run: Run) -> RunOut:
        """Return the wire form; the fence and the worker stay inside."""
        return cls(
            run_id=run.id,
            task_description=run.task,
            cost_usd=usd(run.cost_usd_micros),
            meta=RunMeta(cost=usd(run.cost_usd_micros), tokens=run.input_tokens + run.output_tokens),
            **run.model_dump(exclude={"fence", "worker", "cost_usd_micros"}),
        )


class RunPage(ListPage):
    """Runs of a session, newest first."""

    session_id: str
    runs: list[RunOut]


class StepOut(Wire):
    """One step; its checkpoint stays inside."""

    step_id: str
    id: str
    run_id: str
    session_id: str
    key: str
    position: int
    phase: str
    name: str
    goal: str | None
    agent: str | None
    hop_id: str | None
    status: StepStatus
    attempt: int
    summary: str | None
    error: Json | None
    started_at: WireTime | None
    completed_at: WireTime | None

    @classmethod
    def of(cls, step: Step) -> StepOut:
        """Return the wire form."""
        return cls(step_id=step.id, **step.model_dump(exclude={"checkpoint"}))


class StepList(Wire):
    """All steps of a session or run, in order."""

    session_id: str
    steps: list[StepOut]
    total: int
    as_of_seq: int


class TaskIn(Body):
    """A task to start without a socket."""

    task: str
    config: dict[str, Any] = Field(default_factory=dict)
    task_id: str | None = Field(None, validation_alias=AliasChoices("task_id", "taskId"))
    session_id: str | None = Field(
        None, validation_alias=AliasChoices("session_id", "sessionId", "copilotSessionId")
    )
    mode: str | None = None


class TaskAccepted(Wire):
    """Where the task runs."""

    task_id: str
    run_id: str
    session_id: str
    status: RunStatus

    @classmethod
    def after(cls, run: Run) -> TaskAccepted:
        """Return the wire form."""
        return cls(task_id=run.task_id or run.id, run_id=run.id, session_id=run.session_id, status=run.status)


class TaskOut(RunOut):
    """A task is the run that was started under its id."""

    @classmethod
    def of(cls, run: Run) -> TaskOut:
        """Return the wire form."""
        return cls.model_validate(RunOut.of(run).model_dump())


class RetryIn(Body):
    """Where a new attempt begins; without a step, at the one that failed."""

    from_step: str | None = Field(None, validation_alias=AliasChoices("from_step", "fromStep"))


class RunAction(RunOut):
    """The run after a command on it."""

    success: bool = True
    message: str

    @classmethod
    def after(cls, run: Run, message: str) -> RunAction:
        """Return the outcome of a command."""
        return cls.model_validate({**RunOut.of(run).model_dump(), "message": message})


class StepSide(Wire):
    """A step as one of two runs has it; its cost is what this run spent on it, null when unknown."""

    step_id: str
    name: str
    goal: str | None
    phase: str
    agent: str | None
    status: StepStatus
    summary: str | None
    attempt: int
    error: Json | None
    cost_usd: float | None
    duration_ms: int | None


class StepDifference(Wire):
    """One step of two runs; `cost_usd` and `duration_ms` are right minus left."""

    key: str
    same: bool
    differs: list[str]
    """Of name, goal, status, checkpoint, summary; or `missing`."""
    left: StepSide | None
    right: StepSide | None
    cost_usd: float | None
    duration_ms: int | None


class RunTotals(Wire):
    """What a run used, or the difference of two; null where a side is unknown."""

    cost_usd: float | None
    unpriced_calls: int
    calls: int
    input_tokens: int
    output_tokens: int
    duration_ms: int | None
    steps: int


class TotalsDifference(Wire):
    """Both runs' totals, and right minus left."""

    left: RunTotals
    right: RunTotals
    difference: RunTotals


class FirstDifference(Wire):
    """Where two runs part."""

    key: str
    differs: list[str]


class TextDifference(Wire):
    """A value of two runs."""

    same: bool
    left: str | None
    right: str | None


class JsonDifference(Wire):
    """An object of two runs, and the keys in which it differs."""

    same: bool
    differs: list[str]
    left: Json | None
    right: Json | None


class RunDifference(Wire):
    """Two runs side by side, their steps aligned by key."""

    left: str
    right: str
    same: bool
    first_difference: FirstDifference | None
    steps: list[StepDifference]
    totals: TotalsDifference
    result: JsonDifference
    config: JsonDifference
    status: TextDifference
    task: TextDifference
    mode: TextDifference
    model: TextDifference
