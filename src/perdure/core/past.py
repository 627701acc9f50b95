"""What a session was at a point of its log, told from the events up to there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from perdure.core.runs import RunStatus, StepStatus

_ENDS = {
    "workflow_complete": RunStatus.COMPLETED,
    "workflow_failed": RunStatus.FAILED,
    "workflow_cancelled": RunStatus.CANCELLED,
}
_STEP_ENDS = {
    "step_completed": StepStatus.COMPLETED,
    "step_failed": StepStatus.FAILED,
    "step_skipped": StepStatus.SKIPPED,
}
ENDED = frozenset(_ENDS.values())


@dataclass
class StepThen:
    """A step as it was; `began` is the number of the event with which it began last."""

    id: str
    status: StepStatus
    attempt: int
    began: int


@dataclass
class RunThen:
    """A run as it was."""

    id: str
    first_seq: int
    status: RunStatus = RunStatus.QUEUED
    attempt: int = 1
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    steps: dict[str, StepThen] = field(default_factory=dict[str, StepThen])
    said: list[str] = field(default_factory=list[str])
    """What people said to it, its task first."""

    @property
    def ended(self) -> bool:
        """Whether nothing of it was open."""
        return self.status in ENDED

    @property
    def begun(self) -> bool:
        """Whether a worker had taken it."""
        return self.started_at is not None


@dataclass
class PlanThen:
    """A plan as it was: the view that the log carries, with the steps' statuses since."""

    mission_id: str
    run_id: str | None
    plan: dict[str, Any]
    statuses: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class QuestionThen:
    """A question as it was; `status` is `pending` until it had its outcome."""

    id: str
    run_id: str | None
    asked: int
    status: str = "pending"


@dataclass
class Past:
    """Takes the events of a log in order, and is then what the session was after the last of them."""

    runs: dict[str, RunThen] = field(default_factory=dict[str, RunThen])
    plans: dict[str, PlanThen] = field(default_factory=dict[str, PlanThen])
    questions: dict[str, QuestionThen] = field(default_factory=dict[str, QuestionThen])
    files: dict[str, str | None] = field(default_factory=dict[str, str | None])
    """Digest of each file by path; None when it was removed."""
    status: str = "active"
    phase: str | None = None
    step_number: int | None = None
    messages: int = 0
    history_from: int = 0
    at: datetime | None = None
    ids: dict[str, None] = field(default_factory=dict[str, None])
    """Ids of messages, steps, hops, plans, questions and assets that events name, in order."""

    def take(
        self, seq: int, type_: str, run_id: str | None, data: Callable[[], dict[str, Any]], at: datetime
    ) -> None:
        """Take the next event; its payload is read only when it matters."""
        self.at = at
        if run_id is not None and run_id not in self.runs:
            self.runs[run_id] = RunThen(run_id, seq)
        run = self.runs.get(run_id) if run_id is not None else None
        if run is not None and type_.startswith("workflow_"):
            _move_run(run, type_, data(), at)
        elif run is not None and type_.startswith("step_"):
            self._take_step(run, seq, type_, data())
        elif type_ == "agent_message":
            self._take_message(run, data())
        elif type_ in ("plan_update", "dag_update"):
            self._take_plan(run_id, type_, data())
        elif type_ in ("approval_request", "approval_resolved"):
            self._take_question(run_id, seq, type_, data())
        elif type_ == "file_update":
            self._take_file(data())
        elif type_ == "phase_change":
            self.phase, self.step_number = data()["phase"], data().get("step_number")
        elif type_ == "session_update":
            self.status = data()["status"]
        elif type_ == "history_cleared":
            self.history_from = data()["position"]

    @property
    def open_run(self) -> RunThen | None:
        """The run in which the point lies, or None between runs."""
        return next((run for run in reversed(self.runs.values()) if not run.ended), None)

    def plan_of(self, run_id: str) -> PlanThen | None:
        """Return the run's plan or None."""
        return next((plan for plan in reversed(self.plans.values()) if plan.run_id == run_id), None)

    def _take_step(self, run: RunThen, seq: int, type_: str, data: dict[str, Any]) -> None:
        step_id, attempt = data["step_id"], data.get("attempt", run.attempt)
        self.ids[step_id] = None
        run.attempt = max(run.attempt, attempt)
        if type_ == "step_started":
            run.steps[step_id] = StepThen(step_id, StepStatus.RUNNING, attempt, seq)
        elif step_id in run.steps:
            run.steps[step_id].status = _STEP_ENDS[type_]
            run.steps[step_id].attempt = attempt

    def _take_message(self, run: RunThen | None, data: dict[str, Any]) -> None:
        self.messages += 1
        self.ids[data["message_id"]] = None
        if run is not None and data["role"] == "user":
            run.said.append(data["content"])

    def _take_plan(self, run_id: str | None, type_: str, data: dict[str, Any]) -> None:
        if type_ == "plan_update":
            plan = data["plan"]
            mission_id = plan.get("mission_id")
            if mission_id is not None:
                # Taken out first: the plan that changed last is the session's plan.
                known = self.plans.pop(mission_id, None)
                owner = run_id or (known.run_id if known else None)
                self.plans[mission_id] = PlanThen(mission_id, owner, plan)
                self.ids[mission_id] = None
                self.ids.update({s["hop_id"]: None for s in plan["steps"] if s.get("hop_id")})
            return
        for plan in self.plans.values():
            hops = {s.get("hop_id") for s in plan.plan["steps"]}
            plan.statuses |= {n["id"]: n["status"] for n in data["nodes"] if n["id"] in hops}

    def _take_question(self, run_id: str | None, seq: int, type_: str, data: dict[str, Any]) -> None:
        approval_id = data["approval_id"]
        self.ids[approval_id] = None
        if type_ == "approval_request":
            self.questions[approval_id] = QuestionThen(approval_id, run_id, seq)
        elif approval_id in self.questions:
            self.questions[approval_id].status = data["status"]

    def _take_file(self, data: dict[str, Any]) -> None:
        self.files[data["path"]] = None if data["change"] == "removed" else data.get("sha256") or ""
        if data.get("asset_id"):
            self.ids[data["asset_id"]] = None


def _move_run(run: RunThen, type_: str, data: dict[str, Any], at: datetime) -> None:
    run.attempt = max(run.attempt, data.get("attempt", 1))
    if type_ in _ENDS:
        run.status, run.completed_at = _ENDS[type_], at
        run.error, run.result = data.get("error"), data.get("result")
        return
    run.completed_at = run.error = run.result = None
    run.status = RunStatus.PAUSED if type_ == "workflow_paused" else RunStatus.RUNNING
    if type_ == "workflow_started":
        run.started_at = at
