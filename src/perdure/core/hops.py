"""Hops and their tool steps: the planned steps of a mission, and the tool calls inside each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from perdure.core.transitions import Lifecycle, Transition


class HopStatus(StrEnum):
    """Where a planned step is in its life."""

    PROPOSED = "proposed"
    READY = "ready"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class HopCommand(StrEnum):
    """What a run, a person or the mission above does to a hop."""

    PROPOSE = "propose"
    ACCEPT = "accept"
    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    SKIP = "skip"
    CANCEL = "cancel"
    RETRY = "retry"


class ToolStepStatus(StrEnum):
    """Where one tool call of a hop is in its life."""

    PROPOSED = "proposed"
    READY = "ready"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ToolStepCommand(StrEnum):
    """What a run, or the hop above, does to a tool step."""

    PROPOSE = "propose"
    ACCEPT = "accept"
    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"


_H = HopStatus
_C = HopCommand
_T = ToolStepStatus
_D = ToolStepCommand

UNFINISHED_HOPS = frozenset({_H.PROPOSED, _H.READY, _H.EXECUTING})
ENDED_HOPS = frozenset(_H) - UNFINISHED_HOPS
UNFINISHED_TOOL_STEPS = frozenset({_T.PROPOSED, _T.READY, _T.EXECUTING})

HOP_LIFECYCLE: Lifecycle[HopStatus, HopCommand] = Lifecycle(
    noun="hop",
    rows=(
        Transition(_C.PROPOSE, frozenset({_H.READY, _H.CANCELLED}), _H.PROPOSED, "its mission is revised"),
        Transition(_C.ACCEPT, frozenset({_H.PROPOSED}), _H.READY, "its mission is accepted"),
        Transition(
            _C.START,
            frozenset({_H.READY, _H.FAILED, _H.SKIPPED, _H.CANCELLED}),
            _H.EXECUTING,
            "first, or in another attempt; a completed hop is never executed again",
        ),
        Transition(
            _C.COMPLETE,
            frozenset({_H.EXECUTING}),
            _H.COMPLETED,
            "outputs that are there become ready, the others are in error",
        ),
        Transition(
            _C.FAIL, frozenset({_H.READY, _H.EXECUTING}), _H.FAILED, "its missing outputs are in error"
        ),
        Transition(
            _C.SKIP,
            frozenset({_H.PROPOSED, _H.READY, _H.EXECUTING, _H.FAILED}),
            _H.SKIPPED,
            "by a person, or because its mission completed without it; its missing outputs are in error",
        ),
        Transition(
            _C.CANCEL, UNFINISHED_HOPS, _H.CANCELLED, "with its mission; its missing outputs are in error"
        ),
        Transition(
            _C.RETRY, frozenset({_H.CANCELLED}), _H.READY, "its mission goes on in a new attempt of the run"
        ),
    ),
)

TOOL_STEP_LIFECYCLE: Lifecycle[ToolStepStatus, ToolStepCommand] = Lifecycle(
    noun="tool step",
    rows=(
        Transition(_D.PROPOSE, frozenset({_T.READY, _T.CANCELLED}), _T.PROPOSED, "its mission is revised"),
        Transition(_D.ACCEPT, frozenset({_T.PROPOSED}), _T.READY, "its hop is accepted"),
        Transition(
            _D.START,
            frozenset({_T.PROPOSED, _T.READY, _T.FAILED, _T.CANCELLED}),
            _T.EXECUTING,
            "the tool is called, first or again",
        ),
        Transition(_D.COMPLETE, frozenset({_T.EXECUTING}), _T.COMPLETED, "the tool answered"),
        Transition(
            _D.FAIL, frozenset({_T.EXECUTING}), _T.FAILED, "the tool did not answer, or its hop failed"
        ),
        Transition(_D.CANCEL, UNFINISHED_TOOL_STEPS, _T.CANCELLED, "its hop ended without it"),
    ),
)

HOP_COMMAND_TO: dict[HopStatus, HopCommand] = {
    _H.PROPOSED: _C.PROPOSE,
    _H.READY: _C.ACCEPT,
    _H.EXECUTING: _C.START,
    _H.COMPLETED: _C.COMPLETE,
    _H.FAILED: _C.FAIL,
    _H.SKIPPED: _C.SKIP,
    _H.CANCELLED: _C.CANCEL,
}
"""The command that leads to a status, for runs that name where a hop is to be."""


def is_done(hops: Sequence[Hop]) -> bool:
    """Whether nothing is left to do: every hop is completed or was skipped, and not all were skipped."""
    statuses = {hop.status for hop in hops}
    return _H.COMPLETED in statuses and statuses <= {_H.COMPLETED, _H.SKIPPED}


class ToolStep(BaseModel):
    """One tool call inside a hop, planned or made."""

    model_config = ConfigDict(frozen=True)

    id: str
    hop_id: str
    position: int
    tool: str
    key: str | None = None
    """What the run calls it, unique in its hop; None while it is only planned."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Values by parameter: literals, or `{"asset": name, "path": …}` for what an asset holds."""
    result_mapping: dict[str, Any] = Field(default_factory=dict)
    """Where the outputs go: names of assets by output."""
    status: ToolStepStatus = ToolStepStatus.PROPOSED
    result: Any = None
    error: dict[str, Any] | None = None
    run_id: str | None = None
    step_id: str | None = None
    call_id: str | None = None
    """Joins it to the events `tool_call` and `tool_result`."""
    started_at: datetime | None = None
    completed_at: datetime | None = None


class Hop(BaseModel):
    """One planned step of a mission."""

    model_config = ConfigDict(frozen=True)

    id: str
    mission_id: str
    position: int
    name: str
    description: str = ""
    goal: str = ""
    success_criteria: list[str] = Field(default_factory=list)
    rationale: str = ""
    agent: str | None = None
    inputs: list[str] = Field(default_factory=list)
    """Names of the assets it takes."""
    outputs: list[str] = Field(default_factory=list)
    """Names of the assets it makes."""
    is_final: bool = False
    status: HopStatus = HopStatus.PROPOSED
    error: dict[str, Any] | None = None
