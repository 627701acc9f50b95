"""What readers of a session learn of its plan: the events, and the plan data that the session shows."""

from __future__ import annotations

from perdure.core.events import DagUpdate, NewEvent, PlanUpdate
from perdure.core.missions import Mission, plan_data
from perdure.services.missions import dag_in
from perdure.store import missions, sessions
from perdure.store.transaction import Tx


def note_plan_in(tx: Tx, mission: Mission) -> None:
    """Let the session's plan data follow a mission whose statuses moved; the session's version stays.

    A mission that is not, or no longer, the session's current one changes nothing.
    """
    if mission.session_id is not None and _is_current(tx, mission):
        sessions.set_fields(tx, mission.session_id, plan_data=plan_data(mission))


def log_plan_in(tx: Tx, mission: Mission, change: str, *, versioned: bool = False) -> None:
    """Log the plan and the picture to the mission's session, if it has one, and let its plan data follow.

    With `versioned` the change counts as one of the session: whoever holds an older version is told so.
    """
    session_id = mission.session_id
    if session_id is None:
        return
    version: int | None = None
    if not versioned:
        note_plan_in(tx, mission)
    elif _is_current(tx, mission):
        session = sessions.get_session(tx, session_id, lock=True)
        version = sessions.change_session(tx, session, plan_data=plan_data(mission)).version
    tx.append(
        session_id,
        NewEvent.of(
            PlanUpdate(change=change, plan=plan_data(mission), version=version), run_id=mission.run_id
        ),
        NewEvent.of(DagUpdate(**dag_in(tx, session_id)), run_id=mission.run_id),
    )


def log_hop_in(tx: Tx, mission: Mission, hop_id: str) -> None:
    """Log the node of a hop that moved, and let the session's plan data follow."""
    note_plan_in(tx, mission)
    if mission.session_id is None:
        return
    node = next((n for n in dag_in(tx, mission.session_id)["nodes"] if n["id"] == hop_id), None)
    if node is not None:
        tx.emit(mission.session_id, DagUpdate(nodes=[node], full=False), run_id=mission.run_id)


def _is_current(tx: Tx, mission: Mission) -> bool:
    current = missions.find_mission(tx, session_id=mission.session_id)
    return current is not None and current.id == mission.id
