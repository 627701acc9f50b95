"""Plans of a run as missions with hops: propose, revise, accept, adopt, and move each hop with its step."""

from __future__ import annotations

from typing import Any

from perdure.core.assets import ASSET_LIFECYCLE, AssetCommand
from perdure.core.briefs import HopBrief, brief_of
from perdure.core.hops import HOP_COMMAND_TO
from perdure.core.missions import (
    UNFINISHED_MISSIONS,
    Hop,
    HopStatus,
    Mission,
    MissionCommand,
    MissionOrigin,
    MissionStatus,
)
from perdure.core.runs import Run
from perdure.errors import NotAllowedNow, NotFound
from perdure.ids import new_id
from perdure.services import lifecycle
from perdure.services.mission_moves import keep_outputs_in, promise_outputs_in
from perdure.services.mission_moves import move_hop_in as move_one_hop
from perdure.services.plan_log import log_hop_in, log_plan_in
from perdure.store import assets, missions
from perdure.store.transaction import Tx


def propose_in(
    tx: Tx, run: Run, owner_id: str, *, name: str, goal: str, steps: list[dict[str, Any]], change: str
) -> Mission:
    """Propose a plan, or put a revised one in the place of the run's proposed plan; logs plan and picture.

    The same steps proposed again (a step repeated after a crash) change nothing, unless they were rejected.
    Whatever the session had before and nobody finished makes room: it is archived.
    """
    known = missions.find_mission(tx, run_id=run.id)
    same = known is not None and [_outline(h) for h in known.hops] == [_outline_of(s) for s in steps]
    if known is not None and same and known.status is not MissionStatus.REJECTED:
        return known
    mission_id = known.id if known else new_id()
    hops = [hop_of(mission_id, i, s, i == len(steps)) for i, s in enumerate(steps, 1)]
    if known is None:
        for old in missions.list_unfinished(tx, run.session_id, UNFINISHED_MISSIONS):
            missions.change_mission(tx, old, archived_at=tx.now)
        mission = Mission(
            id=mission_id,
            owner_id=owner_id,
            session_id=run.session_id,
            run_id=run.id,
            name=name,
            goal=goal,
            hops=hops,
            linked_at=tx.now,
            created_at=tx.now,
            updated_at=tx.now,
        )
        missions.insert_mission(tx, mission)
    else:
        keep_outputs_in(tx, known, known.hops)
        mission = missions.replace_hops(
            tx, known, hops, revision=known.revision + 1, goal=goal, status=MissionStatus.PROPOSED
        )
    promise_outputs_in(tx, mission)
    log_plan_in(tx, mission, change, versioned=True)
    return mission


def adopt_in(tx: Tx, run: Run) -> Mission | None:
    """Give the run the mission that a person linked to its session and accepted, unless one works on it.

    The same run asked again gets the same mission, in whatever status it is; the plan that a run wrote itself
    is never given. None when there is nothing to carry out: the run plans for itself.
    """
    known = missions.find_mission(tx, run_id=run.id)
    if known is not None:
        return known if known.origin is MissionOrigin.PERSON else None
    waiting = missions.find_mission(tx, session_id=run.session_id)
    if (
        waiting is None
        or waiting.origin is not MissionOrigin.PERSON
        or waiting.status is not MissionStatus.ACCEPTED
        or waiting.run_id is not None
        or not waiting.hops
    ):
        return None
    adopted = missions.change_mission(tx, waiting, run_id=run.id)
    log_plan_in(tx, adopted, "adopted")
    return adopted


def accept_in(tx: Tx, run: Run) -> Mission:
    """Accept the run's proposed plan with its hops; accepted before, it is returned as it is."""
    moved = lifecycle.move_mission(tx, run.id, MissionCommand.ACCEPT)
    if moved is not None:
        log_plan_in(tx, moved, "accepted", versioned=True)
    return moved or _mission(tx, run)


def reject_in(tx: Tx, run: Run) -> Mission:
    """Reject the run's proposed plan, or cancel what is left of one under way; done before, it stays as it is."""
    for command, change in ((MissionCommand.REJECT, "rejected"), (MissionCommand.CANCEL, "cancelled")):
        moved = lifecycle.move_mission(tx, run.id, command)
        if moved is not None:
            log_plan_in(tx, moved, change, versioned=True)
            return moved
    return _mission(tx, run)


def move_hop_in(
    tx: Tx,
    run: Run,
    hop_id: str,
    status: HopStatus,
    error: dict[str, Any] | None = None,
    *,
    result: Any = None,
) -> Mission:
    """Move one hop with its tool steps and outputs, and log the node that changed.

    A hop that is there already, or is completed, stays untouched. The `result` of one that completes becomes
    the value of each of its outputs that nothing has provided and that names no file.

    Raises:
        NotFound: when the run's plan has no such hop.
        NotAllowedNow: when the plan is not accepted, or the hop cannot go there from where it is.
    """
    mission = _mission(tx, run)
    hop = _hop(mission, hop_id)
    if hop.status is status or hop.status is HopStatus.COMPLETED:
        return mission
    if status is HopStatus.EXECUTING:
        mission = lifecycle.move_mission(tx, run.id, MissionCommand.START) or mission
        if mission.status is not MissionStatus.IN_PROGRESS:
            raise NotAllowedNow(
                f"The plan is {mission.status}; accept it before its hops are executed.",
                current_status=str(mission.status),
                allowed=[str(MissionCommand.ACCEPT)],
            )
    if status is HopStatus.COMPLETED and result is not None and hop.status is HopStatus.EXECUTING:
        _provide_in(tx, mission, hop, result)
    moved = move_one_hop(tx, mission, hop, HOP_COMMAND_TO[status], error)
    log_hop_in(tx, moved, hop_id)
    return moved


def brief_in(tx: Tx, run: Run, hop_id: str) -> HopBrief:
    """Return what the run's plan says around a hop, with its inputs as they are now.

    Raises:
        NotFound: when the run's plan has no such hop.
    """
    mission = _mission(tx, run)
    return brief_of(mission, _hop(mission, hop_id), assets.list_of_mission(tx, mission.id))


def hop_of(mission_id: str, position: int, step: dict[str, Any], final: bool) -> Hop:
    """Return the hop that a checked step of a plan stands for."""
    return Hop(
        id=new_id(),
        mission_id=mission_id,
        position=position,
        name=step["name"],
        description=step.get("description") or "",
        goal=step.get("goal", ""),
        rationale=step.get("rationale") or "",
        agent=step.get("agent"),
        success_criteria=list(step.get("bullet_points") or []),
        inputs=list(step.get("inputs") or []),
        outputs=list(step.get("outputs") or []),
        is_final=final,
    )


def _provide_in(tx: Tx, mission: Mission, hop: Hop, result: Any) -> None:
    for asset in assets.list_of_mission(tx, mission.id):
        if asset.name not in hop.outputs or asset.is_there or asset.names_a_file:
            continue
        if asset.session_id is None or assets.find_named_file(tx, asset.session_id, asset.name) is None:
            row = ASSET_LIFECYCLE.decide(asset.status, AssetCommand.PROVIDE)
            assets.change_asset(tx, asset, value=result, status=row.target)


def _mission(tx: Tx, run: Run) -> Mission:
    found = missions.find_mission(tx, run_id=run.id)
    if found is None:
        raise NotFound("The run has no plan yet.", run_id=run.id)
    return found


def _hop(mission: Mission, hop_id: str) -> Hop:
    hop = next((h for h in mission.hops if h.id == hop_id), None)
    if hop is None:
        raise NotFound("The plan has no such step.", hop_id=hop_id)
    return hop


def _outline(hop: Hop) -> tuple[object, ...]:
    return hop.name, hop.goal, hop.agent, hop.success_criteria, hop.inputs, hop.outputs


def _outline_of(step: dict[str, Any]) -> tuple[object, ...]:
    points, inputs, outputs = (list(step.get(key) or []) for key in ("bullet_points", "inputs", "outputs"))
    return step["name"], step.get("goal", ""), step.get("agent"), points, inputs, outputs
