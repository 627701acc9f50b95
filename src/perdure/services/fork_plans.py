"""The plans of a fork: missions, hops and what belongs to them, as the log told them at the point."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from perdure.core.assets import AssetStatus
from perdure.core.missions import (
    MISSION_LIFECYCLE,
    Hop,
    HopStatus,
    Mission,
    MissionCommand,
    MissionStatus,
)
from perdure.core.past import PlanThen, RunThen
from perdure.core.renaming import Renaming
from perdure.core.runs import RunStatus, StepStatus
from perdure.services.fork_reading import Original
from perdure.services.fork_rows import ForkRows, moved

_WITH_RUN = {
    RunStatus.COMPLETED: MissionCommand.COMPLETE,
    RunStatus.FAILED: MissionCommand.FAIL,
    RunStatus.CANCELLED: MissionCommand.CANCEL,
}
_PROMISED: dict[str, Any] = {
    "kind": "value",
    "path": None,
    "value": None,
    "media_type": None,
    "size_bytes": None,
    "sha256": None,
    "version": 1,
}
"""What an output is before its hop has made it."""
_UNFINISHED = (HopStatus.PROPOSED, HopStatus.READY, HopStatus.EXECUTING)
_BEGUN = (HopStatus.EXECUTING, HopStatus.COMPLETED, HopStatus.FAILED, HopStatus.SKIPPED)


def add_plans(
    original: Original,
    renaming: Renaming,
    made: ForkRows,
    owner_id: str,
    files: Mapping[str, tuple[int, str]],
    now: datetime,
) -> None:
    """Add missions, hops, tool steps and assets to the rows of a fork; `files` are size and digest by path."""
    missions: list[dict[str, Any]] = []
    hops: list[dict[str, Any]] = []
    for then in original.past.plans.values():
        run = original.past.runs.get(then.run_id or "")
        missions.append(_mission(original, then, run, renaming, owner_id, now))
        hops += _hops(original, then, run, renaming, made.kept)
    for row in _written_by_people(original):
        missions.append(moved(row, renaming) | {"owner_id": owner_id})
        hops += [moved(h, renaming) for h in original.rows["hops"].values() if h["mission_id"] == row["id"]]
    made.rows["missions"], made.rows["hops"] = missions, hops
    made.rows["tool_steps"] = _tool_steps(original, renaming, hops)
    made.rows["assets"] = _assets(original, renaming, missions, hops, files)


def _mission(
    original: Original,
    then: PlanThen,
    run: RunThen | None,
    renaming: Renaming,
    owner_id: str,
    now: datetime,
) -> dict[str, Any]:
    plan = then.plan
    row = original.rows["missions"].get(then.mission_id)
    blank = Mission(
        id=then.mission_id,
        owner_id=owner_id,
        session_id=original.session.id,
        run_id=then.run_id,
        name=plan.get("name") or "",
        goal=plan.get("goal") or "",
        created_at=now,
        updated_at=now,
    ).model_dump(exclude={"hops"})
    return moved(row or blank, renaming) | {
        "owner_id": owner_id,
        "name": plan.get("name") or "",
        "goal": plan.get("goal") or "",
        "revision": plan.get("revision", 1),
        "status": _mission_status(then, run),
    }


def _mission_status(then: PlanThen, run: RunThen | None) -> MissionStatus:
    status = MissionStatus(then.plan["status"])
    if status is MissionStatus.ACCEPTED and any(s in _BEGUN for s in then.statuses.values()):
        status = MissionStatus.IN_PROGRESS
    command = _WITH_RUN.get(run.status) if run else None
    row = MISSION_LIFECYCLE.find(status, command) if command else None
    return MissionStatus(row.target) if row and row.target else status


def _hops(
    original: Original, then: PlanThen, run: RunThen | None, renaming: Renaming, kept: set[str]
) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = [s for s in then.plan["steps"] if s.get("hop_id")]
    found: list[dict[str, Any]] = []
    for step in listed:
        row = original.rows["hops"].get(step["hop_id"])
        blank = Hop(
            id=step["hop_id"],
            mission_id=then.mission_id,
            position=step["step"],
            name=step["name"],
            goal=step.get("goal") or "",
            agent=step.get("agent"),
            description=step.get("description") or "",
            rationale=step.get("rationale") or "",
            success_criteria=list(step.get("bullet_points") or []),
            inputs=list(step.get("inputs") or []),
            outputs=list(step.get("outputs") or []),
            is_final=step is listed[-1],
        ).model_dump()
        status = _hop_status(original, then, run, step, kept)
        error = row["error"] if row and status is HopStatus.FAILED else None
        found.append(moved(row or blank, renaming) | {"status": status, "error": error})
    return found


def _hop_status(
    original: Original, then: PlanThen, run: RunThen | None, step: dict[str, Any], kept: set[str]
) -> HopStatus:
    status = HopStatus(then.statuses.get(step["hop_id"], step["status"]))
    if run is None:
        return status
    if run.status is RunStatus.CANCELLED and status in _UNFINISHED:
        return HopStatus.CANCELLED
    if run.status is RunStatus.FAILED and status is HopStatus.EXECUTING:
        return HopStatus.CANCELLED
    steps = [s for s in run.steps.values() if _hop_of(original, s.id) == step["hop_id"]]
    finished = any(s.status is StepStatus.COMPLETED for s in steps)
    if status is HopStatus.COMPLETED and finished and not any(s.id in kept for s in steps):
        return HopStatus.READY
    return status


def _hop_of(original: Original, step_id: str) -> str | None:
    row = original.rows["steps"].get(step_id)
    return row["hop_id"] if row else None


def _written_by_people(original: Original) -> list[dict[str, Any]]:
    """Return the missions that no run proposed and that were there; their rows are all there is of them."""
    at = original.past.at
    return [
        row
        for row in original.rows["missions"].values()
        if row["run_id"] is None
        and row["id"] not in original.past.plans
        and (at is None or row["created_at"] <= at)
    ]


def _tool_steps(original: Original, renaming: Renaming, hops: list[dict[str, Any]]) -> list[dict[str, Any]]:
    at = original.past.at
    done = {h["id"] for h in hops if h["status"] in (HopStatus.COMPLETED, HopStatus.SKIPPED)}
    return [
        moved(row, renaming)
        for row in original.rows["tool_steps"].values()
        if renaming[row["hop_id"]] in done
        and (row["started_at"] is None or at is None or row["started_at"] <= at)
    ]


def _assets(
    original: Original,
    renaming: Renaming,
    missions: list[dict[str, Any]],
    hops: list[dict[str, Any]],
    files: Mapping[str, tuple[int, str]],
) -> list[dict[str, Any]]:
    missions_by_id, hops_by_id = {m["id"]: m for m in missions}, {h["id"]: h for h in hops}
    at = original.past.at
    found: list[dict[str, Any]] = []
    for row in original.rows["assets"].values():
        renamed = moved(row, renaming)
        mission, hop = missions_by_id.get(renamed["mission_id"]), hops_by_id.get(renamed["hop_id"])
        renamed["mission_id"], renamed["hop_id"] = mission and mission["id"], hop and hop["id"]
        path = row["path"]
        if path is not None and path in files:
            renamed["size_bytes"], renamed["sha256"] = files[path]
        elif at is not None and row["created_at"] > at:
            continue
        elif hop is not None and hop["status"] in _UNFINISHED:
            renamed |= _PROMISED | {"status": _promise_status(mission)}
        elif path is not None:
            continue
        found.append(renamed)
    return found


def _promise_status(mission: dict[str, Any] | None) -> AssetStatus:
    proposed = mission is not None and mission["status"] == MissionStatus.PROPOSED
    return AssetStatus.PROPOSED if proposed else AssetStatus.PENDING
