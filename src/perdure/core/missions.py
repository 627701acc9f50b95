"""Missions, hops, tool steps and assets: a plan as rows, and how their statuses move together."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from perdure.core.transitions import Lifecycle, Transition


class MissionStatus(StrEnum):
    """Where a mission is in its life."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class HopStatus(StrEnum):
    """Where a planned step is in its life."""

    PROPOSED = "proposed"
    READY = "ready"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class ToolStepStatus(StrEnum):
    """Where one tool call of a hop is in its life."""

    PROPOSED = "proposed"
    READY = "ready"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AssetStatus(StrEnum):
    """Whether a thing is there yet."""

    PROPOSED = "proposed"
    PENDING = "pending"
    READY = "ready"
    ERROR = "error"


class MissionCommand(StrEnum):
    """What a person or a run may do to a mission."""

    ACCEPT = "accept"
    REJECT = "reject"
    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"


_M = MissionStatus
_C = MissionCommand

MISSION_LIFECYCLE: Lifecycle[MissionStatus, MissionCommand] = Lifecycle(
    noun="mission",
    rows=(
        Transition(
            _C.ACCEPT, frozenset({_M.PROPOSED}), _M.ACCEPTED, "its hops become ready, its assets pending"
        ),
        Transition(_C.REJECT, frozenset({_M.PROPOSED}), _M.REJECTED, "its hops are cancelled with it"),
        Transition(_C.START, frozenset({_M.ACCEPTED}), _M.IN_PROGRESS, "the first hop executes"),
        Transition(
            _C.COMPLETE, frozenset({_M.ACCEPTED, _M.IN_PROGRESS}), _M.COMPLETED, "its run returned a result"
        ),
        Transition(_C.FAIL, frozenset({_M.ACCEPTED, _M.IN_PROGRESS}), _M.FAILED, "a hop failed for good"),
        Transition(
            _C.CANCEL,
            frozenset({_M.PROPOSED, _M.ACCEPTED, _M.IN_PROGRESS}),
            _M.CANCELLED,
            "everything unfinished under it is cancelled in the same transaction",
        ),
        Transition(
            _C.RETRY, frozenset({_M.FAILED, _M.CANCELLED}), _M.IN_PROGRESS, "a new attempt of its run"
        ),
    ),
)

UNFINISHED_HOPS = frozenset({HopStatus.PROPOSED, HopStatus.READY, HopStatus.EXECUTING})


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
    is_final: bool = False
    status: HopStatus = HopStatus.PROPOSED
    error: dict[str, Any] | None = None


class Mission(BaseModel):
    """A goal with success criteria that a session works towards; a plan is a mission with hops."""

    model_config = ConfigDict(frozen=True)

    id: str
    owner_id: str
    session_id: str | None = None
    run_id: str | None = None
    name: str
    goal: str
    success_criteria: list[str] = Field(default_factory=list)
    scope: str = ""
    status: MissionStatus = MissionStatus.PROPOSED
    revision: int = 1
    hops: list[Hop] = Field(default_factory=list[Hop])
    created_at: datetime
    updated_at: datetime


def plan_data(mission: Mission) -> dict[str, Any]:
    """Return the plan as clients of the first interface know it: a view of the mission's rows."""
    return {
        "mission_id": mission.id,
        "name": mission.name,
        "goal": mission.goal,
        "status": str(mission.status),
        "revision": mission.revision,
        "steps": [
            {
                "hop_id": hop.id,
                "step": hop.position,
                "name": hop.name,
                "goal": hop.goal,
                "agent": hop.agent,
                "bullet_points": hop.success_criteria,
                "status": str(hop.status),
            }
            for hop in mission.hops
        ],
    }


def dag(mission: Mission | None, run_status: str, gates: list[dict[str, Any]]) -> dict[str, Any]:
    """Return nodes and edges of the picture: plan, gates, hops, end, each with its own true status."""
    nodes: list[dict[str, Any]] = [
        {
            "id": "plan",
            "type": "planning",
            "label": "Plan",
            "status": _plan_node_status(mission, run_status),
        }
    ]
    nodes += [{**gate, "type": "gate"} for gate in gates]
    hops = mission.hops if mission else []
    nodes += [
        {
            "id": hop.id,
            "type": "step",
            "label": hop.name,
            "agent": hop.agent,
            "goal": hop.goal,
            "step": hop.position,
            "status": str(hop.status),
        }
        for hop in hops
    ]
    nodes.append({"id": "end", "type": "end", "label": "End", "status": _end_node_status(run_status)})
    ids = [n["id"] for n in nodes]
    return {
        "nodes": nodes,
        "edges": [{"source": a, "target": b} for a, b in pairwise(ids)],
    }


def _plan_node_status(mission: Mission | None, run_status: str) -> str:
    if mission is None:
        return "running" if run_status == "running" else run_status
    return "pending" if mission.status is MissionStatus.PROPOSED else "completed"


def _end_node_status(run_status: str) -> str:
    return run_status if run_status in {"completed", "failed", "cancelled"} else "pending"
