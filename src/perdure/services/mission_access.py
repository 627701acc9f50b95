"""Finding a mission or a part of it for somebody: its owner, or who may do so to its session."""

from __future__ import annotations

from perdure.core.access import Action, Actor, require
from perdure.core.assets import Asset
from perdure.core.hops import Hop
from perdure.core.missions import Mission
from perdure.errors import NotFound
from perdure.ids import parse_uuid
from perdure.services.access import session_for
from perdure.store import assets, missions
from perdure.store.transaction import Tx


def mission_for(tx: Tx, actor: Actor, mission_id: str, action: Action, *, lock: bool = False) -> Mission:
    """Return the mission if the actor may do `action` to it; a linked one belongs to its session's people.

    With `lock`, the session's log is locked before the mission, as everywhere.

    Raises:
        InvalidInput: when the id is not a UUID.
        NotFound: when it does not exist for the actor.
        Forbidden: when its session is shared with the actor, but not for this action.
    """
    mission = missions.get_mission(tx, parse_uuid(mission_id, "mission id"))
    _require(tx, actor, mission, action, lock)
    if not lock:
        return mission
    now = missions.get_mission(tx, mission.id, lock=True)
    if now.session_id != mission.session_id:  # linked while the lock was waited for
        _require(tx, actor, now, action, lock)
    return now


def _require(tx: Tx, actor: Actor, mission: Mission, action: Action, lock: bool) -> None:
    if mission.session_id is None:
        require(actor, action, mission.owner_id, None, "mission")
    else:
        _require_session(tx, actor, mission.session_id, action, "mission", lock)


def hop_for(tx: Tx, actor: Actor, hop_id: str, action: Action, *, lock: bool = False) -> tuple[Mission, Hop]:
    """Return a hop with its mission; errors as `mission_for`."""
    parsed = parse_uuid(hop_id, "hop id")
    try:
        mission = mission_for(tx, actor, missions.get_hop(tx, parsed).mission_id, action, lock=lock)
    except NotFound:
        raise NotFound("There is no such hop.") from None
    hop = next((h for h in mission.hops if h.id == parsed), None)
    if hop is None:  # taken out while the lock was waited for
        raise NotFound("There is no such hop.")
    return mission, hop


def asset_for(tx: Tx, actor: Actor, asset_id: str, action: Action, *, lock: bool = False) -> Asset:
    """Return an asset of a mission or a session; errors as `mission_for`."""
    asset = assets.get_asset(tx, parse_uuid(asset_id, "asset id"))
    try:
        if asset.mission_id is not None:
            mission_for(tx, actor, asset.mission_id, action, lock=lock)
        elif asset.session_id is not None:
            _require_session(tx, actor, asset.session_id, action, "asset", lock)
        else:
            raise NotFound("There is no such asset.")
    except NotFound:
        raise NotFound("There is no such asset.") from None
    return assets.get_asset(tx, asset.id) if lock else asset


def _require_session(tx: Tx, actor: Actor, session_id: str, action: Action, noun: str, lock: bool) -> None:
    try:
        session_for(tx, actor, session_id, action, lock=lock)
    except NotFound:
        raise NotFound(f"There is no such {noun}.") from None
