"""Plans of a run as missions with hops: propose, revise, accept, and move each hop with its step."""

from __future__ import annotations

from typing import Any

from perdure.core.events import DagUpdate, NewEvent, PlanUpdate
from perdure.core.missions import Hop, HopStatus, Mission, MissionCommand, MissionStatus, plan_data
from perdure.core.runs import Run
from perdure.errors import NotFound
from perdure.ids import new_id
from perdure.services import lifecycle
from perdure.services.missions import dag_in
from perdure.store import missions, sessions
from perdure.store.transaction import Tx


def propose_in(
    tx: Tx, run: Run, owner_id: str, *, name: str, goal: str, steps: list[dict[str, Any]], change: str
) -> Mission:
    """Propose a plan, or put a revised one in the place of the run's proposed plan; logs plan and picture.

    The same steps proposed again (a step repeated after a crash) change nothing, unless they were rejected.
    """
    known = missions.find_mission(tx, run_id=run.id)
    same = known is not None and [_outline(h) for h in known.hops] == [_outline_of(s) for s in steps]
    if known is not None and same and known.status is not MissionStatus.REJECTED:
        return known
    mission_id = known.id if known else new_id()
    hops = [_hop(mission_id, i, s, i == len(steps)) for i, s in enumerate(steps, 1)]
    if known is None:
        mission = Mission(
            id=mission_id,
            owner_id=owner_id,
            session_id=run.session_id,
            run_id=run.id,
            name=name,
            goal=goal,
            hops=hops,
            created_at=tx.now,
            updated_at=tx.now,
        )
        missions.insert_mission(tx, mission)
    else:
        mission = missions.replace_hops(
            tx, known, hops, revision=known.revision + 1, goal=goal, status=MissionStatus.PROPOSED
        )
    _log(tx, run, mission, change)
    return mission


def accept_in(tx: Tx, run: Run) -> Mission:
    """Accept the run's proposed plan with its hops; accepted before, it is returned as it is."""
    if lifecycle.move_mission(tx, run.id, MissionCommand.ACCEPT):
        _log(tx, run, _mission(tx, run), "accepted")
    return _mission(tx, run)


def reject_in(tx: Tx, run: Run) -> Mission:
    """Reject the run's proposed plan, or cancel what is left of one under way; done before, it stays as it is."""
    if lifecycle.move_mission(tx, run.id, MissionCommand.REJECT):
        _log(tx, run, _mission(tx, run), "rejected")
    elif lifecycle.move_mission(tx, run.id, MissionCommand.CANCEL):
        _log(tx, run, _mission(tx, run), "cancelled")
    return _mission(tx, run)


def move_hop_in(
    tx: Tx, run: Run, hop_id: str, status: HopStatus, error: dict[str, Any] | None = None
) -> Mission:
    """Move one hop and log the nodes that changed; a hop that is there already stays untouched.

    Raises:
        NotFound: when the run's plan has no such hop.
    """
    mission = _mission(tx, run)
    hop = next((h for h in mission.hops if h.id == hop_id), None)
    if hop is None:
        raise NotFound("The plan has no such step.", hop_id=hop_id)
    if hop.status is status or hop.status is HopStatus.COMPLETED:
        return mission
    if status is HopStatus.EXECUTING:
        lifecycle.move_mission(tx, run.id, MissionCommand.START)
    missions.change_hop(tx, hop_id, status=status, error=error)
    node = next(n for n in dag_in(tx, run.session_id)["nodes"] if n["id"] == hop_id)
    tx.emit(run.session_id, DagUpdate(nodes=[node], full=False), run_id=run.id)
    return _mission(tx, run)


def _log(tx: Tx, run: Run, mission: Mission, change: str) -> None:
    plan = plan_data(mission)
    session = sessions.get_session(tx, run.session_id, lock=True)
    changed = sessions.change_session(tx, session, plan_data=plan)
    tx.append(
        run.session_id,
        NewEvent.of(PlanUpdate(change=change, plan=plan, version=changed.version), run_id=run.id),
        NewEvent.of(DagUpdate(**dag_in(tx, run.session_id)), run_id=run.id),
    )


def _mission(tx: Tx, run: Run) -> Mission:
    found = missions.find_mission(tx, run_id=run.id)
    if found is None:
        raise NotFound("The run has no plan yet.", run_id=run.id)
    return found


def _hop(mission_id: str, position: int, step: dict[str, Any], final: bool) -> Hop:
    return Hop(
        id=new_id(),
        mission_id=mission_id,
        position=position,
        name=step["name"],
        goal=step.get("goal", ""),
        agent=step.get("agent"),
        success_criteria=list(step.get("bullet_points") or []),
        is_final=final,
    )


_Outline = tuple[str, str, str | None, tuple[str, ...]]


def _outline(hop: Hop) -> _Outline:
    return hop.name, hop.goal, hop.agent, tuple(hop.success_criteria)


def _outline_of(step: dict[str, Any]) -> _Outline:
    points = tuple(step.get("bullet_points") or ())
    return step["name"], step.get("goal", ""), step.get("agent"), points
