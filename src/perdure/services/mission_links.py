"""Linking a mission to a session: a session has one current mission and keeps those it had before."""

from __future__ import annotations

from dataclasses import dataclass

from perdure.core.access import Action, Actor
from perdure.core.missions import Mission
from perdure.errors import NotAllowedNow
from perdure.services.access import session_for
from perdure.services.mission_runs import RunCommands
from perdure.services.plan_log import log_plan_in
from perdure.store import assets, missions
from perdure.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class Linked:
    """The mission as it is linked now, and what had to make room."""

    mission: Mission
    archived_id: str | None = None
    warning: str | None = None


def link_in(tx: Tx, actor: Actor, session_id: str, mission: Mission) -> Linked:
    """Make `mission` the current one of the session and log it; the one it had is archived with a warning.

    Linked there already and current, nothing changes; one that was archived there comes back.

    Raises:
        NotFound: when the session does not exist for the actor.
        NotAllowedNow: when the mission belongs to another session, or a run works on the one it would replace.
    """
    session = session_for(tx, actor, session_id, Action.EDIT, lock=True)
    if mission.session_id not in (None, session.id):
        raise NotAllowedNow(
            "The mission belongs to another session; create a new one for this session.",
            current_status=str(mission.status),
            allowed=[],
            session_id=mission.session_id,
        )
    current = missions.find_mission(tx, session_id=session.id)
    if current is not None and current.id == mission.id:
        return Linked(current)
    warning: str | None = None
    if current is not None:
        RunCommands().refuse_open_run(tx, current)
        missions.change_mission(tx, current, archived_at=tx.now)
        warning = (
            f"The session had the mission {current.name!r} ({current.status}), which is archived now; "
            "nothing of it was changed otherwise."
        )
    linked = missions.change_mission(tx, mission, session_id=session.id, linked_at=tx.now, archived_at=None)
    assets.adopt_assets(tx, linked.id, session.id)
    log_plan_in(tx, linked, "linked", versioned=True)
    return Linked(linked, current.id if current else None, warning)
