"""Missions: a plan as rows. A plan is a mission with hops; see `hops`, `assets` and `cascades`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from perdure.core.hops import Hop, HopStatus
from perdure.core.transitions import Lifecycle, Transition

__all__ = [
    "MISSION_LIFECYCLE",
    "UNFINISHED_MISSIONS",
    "Hop",
    "HopStatus",
    "Mission",
    "MissionCommand",
    "MissionOrigin",
    "MissionStatus",
    "plan_data",
]


class MissionStatus(StrEnum):
    """Where a mission is in its life."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class MissionOrigin(StrEnum):
    """Who wrote a mission; only what a person wrote is picked up by a run."""

    RUN = "run"
    PERSON = "person"


class MissionCommand(StrEnum):
    """What a person or a run may do to a mission."""

    PROPOSE = "propose"
    REVISE = "revise"
    MODIFY = "modify"
    ACCEPT = "accept"
    REJECT = "reject"
    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"


_M = MissionStatus
_C = MissionCommand
_STANDING = frozenset({_M.ACCEPTED, _M.IN_PROGRESS})

MISSION_LIFECYCLE: Lifecycle[MissionStatus, MissionCommand] = Lifecycle(
    noun="mission",
    rows=(
        Transition(
            _C.PROPOSE,
            frozenset({_M.PROPOSED, _M.REJECTED}),
            _M.PROPOSED,
            "put up, first or again after a rejection, with its hops and assets",
        ),
        Transition(
            _C.REVISE,
            frozenset({_M.PROPOSED, _M.ACCEPTED}),
            _M.PROPOSED,
            "goes back with feedback; its revision grows, its hops and assets are proposed again",
        ),
        Transition(
            _C.MODIFY, frozenset({_M.PROPOSED}), _M.PROPOSED, "its words or hops change; its revision grows"
        ),
        Transition(
            _C.ACCEPT, frozenset({_M.PROPOSED}), _M.ACCEPTED, "its hops become ready, its assets pending"
        ),
        Transition(_C.REJECT, frozenset({_M.PROPOSED}), _M.REJECTED, "its hops are cancelled with it"),
        Transition(_C.START, frozenset({_M.ACCEPTED}), _M.IN_PROGRESS, "the first hop executes"),
        Transition(
            _C.COMPLETE,
            _STANDING,
            _M.COMPLETED,
            "its run returned a result; hops left over are skipped, every asset is ready or in error",
        ),
        Transition(
            _C.FAIL, _STANDING, _M.FAILED, "a hop failed for good; later hops stay ready for another attempt"
        ),
        Transition(
            _C.CANCEL,
            _STANDING | {_M.PROPOSED},
            _M.CANCELLED,
            "everything unfinished under it is cancelled in the same transaction",
        ),
        Transition(
            _C.RETRY,
            frozenset({_M.FAILED, _M.CANCELLED}),
            _M.IN_PROGRESS,
            "a new attempt of its run; cancelled hops are ready again",
        ),
    ),
)
UNFINISHED_MISSIONS = _STANDING | {_M.PROPOSED}


class Mission(BaseModel):
    """A goal with success criteria that a session works towards; a plan is a mission with hops."""

    model_config = ConfigDict(frozen=True)

    id: str
    owner_id: str
    session_id: str | None = None
    run_id: str | None = None
    """The run that wrote it or carries it out."""
    origin: MissionOrigin = MissionOrigin.RUN
    name: str
    goal: str
    success_criteria: list[str] = Field(default_factory=list)
    scope: str = ""
    status: MissionStatus = MissionStatus.PROPOSED
    revision: int = 1
    feedback: str | None = None
    """What a person said when sending it back last."""
    error: dict[str, Any] | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    hops: list[Hop] = Field(default_factory=list[Hop])
    linked_at: datetime | None = None
    """When it became the mission of its session; the newest that is not archived is the current one."""
    archived_at: datetime | None = None
    """When another mission took its place."""
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
                "inputs": hop.inputs,
                "outputs": hop.outputs,
                "status": str(hop.status),
            }
            for hop in mission.hops
        ],
    }
