"""Moving a mission or a hop with everything under it, inside a transaction; what is asked is checked elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure.core import cascades
from perdure.core.assets import Asset, AssetCommand, AssetRole, AssetStatus
from perdure.core.hops import HOP_LIFECYCLE, Hop, HopCommand, HopStatus
from perdure.core.missions import MISSION_LIFECYCLE, Mission, MissionCommand, MissionStatus
from perdure.ids import new_id
from perdure.store import assets, missions, tool_steps
from perdure.store.transaction import Tx

_OF_A_FILE = ("path", "kind", "media_type", "size_bytes", "sha256")


def move_mission_in(tx: Tx, mission: Mission, command: MissionCommand, **changes: Any) -> Mission:
    """Apply a command to a mission and everything under it; returns it with its hops as they are now.

    Raises:
        NotAllowedNow: when the lifecycle does not allow it.
    """
    row = MISSION_LIFECYCLE.decide(mission.status, command)
    assert row.target is not None
    moved = missions.change_mission(tx, mission, status=MissionStatus(row.target), **changes)
    targets: dict[str, HopStatus] = {}
    by_command: dict[HopCommand, list[Hop]] = {}
    commands = cascades.hops_after(command, mission.hops)
    for hop in mission.hops:
        if hop.id in commands:
            to = HOP_LIFECYCLE.decide(hop.status, commands[hop.id]).target
            assert to is not None
            targets[hop.id] = to
            by_command.setdefault(commands[hop.id], []).append(hop)
    missions.move_hops(tx, targets)
    for hop_command, hops in by_command.items():
        _move_parts(tx, mission.id, hops, hop_command)
    rule = cascades.OF_MISSION.get(command)
    if rule is not None and rule.assets is not None:
        _move_assets(tx, assets.list_of_mission(tx, mission.id), rule.assets)
    hops = [h.model_copy(update={"status": targets[h.id]}) if h.id in targets else h for h in mission.hops]
    return moved.model_copy(update={"hops": hops})


def move_hop_in(
    tx: Tx, mission: Mission, hop: Hop, command: HopCommand, error: dict[str, Any] | None = None
) -> Mission:
    """Apply a command to one hop, its tool steps and its outputs; returns the mission as it is now.

    Raises:
        NotAllowedNow: when the lifecycle does not allow it.
    """
    row = HOP_LIFECYCLE.decide(hop.status, command)
    assert row.target is not None
    missions.change_hop(tx, hop.id, status=row.target, error=error)
    _move_parts(tx, mission.id, [hop], command)
    moved = hop.model_copy(update={"status": row.target, "error": error})
    return mission.model_copy(update={"hops": [moved if h.id == hop.id else h for h in mission.hops]})


def promise_outputs_in(tx: Tx, mission: Mission) -> None:
    """Make an asset for each output that a hop names and the mission does not have yet; take back the others.

    What no hop takes is an output of the mission, the rest is intermediate.
    """
    known = assets.list_of_mission(tx, mission.id)
    taken = {name for hop in mission.hops for name in hop.inputs}
    makers: dict[str, Hop] = {}
    for hop in mission.hops:
        for name in hop.outputs:
            makers.setdefault(name, hop)
    gone = [a for a in known if a.hop_id is not None and not a.is_there and a.name not in makers]
    assets.delete_assets(tx, [a.id for a in gone])
    there = {a.name for a in known}
    for name, hop in makers.items():
        if name not in there:
            role = AssetRole.INTERMEDIATE if name in taken else AssetRole.OUTPUT
            assets.insert_asset(tx, _promised(tx, mission, hop, name, role))


def keep_outputs_in(tx: Tx, mission: Mission, hops: Sequence[Hop]) -> None:
    """Keep what hops made before they are taken out; what they only promised goes with them."""
    gone = {hop.id for hop in hops}
    for asset in assets.list_of_mission(tx, mission.id):
        if asset.hop_id in gone and asset.is_there:
            assets.change_asset(tx, asset, hop_id=None)


def _promised(tx: Tx, mission: Mission, hop: Hop, name: str, role: AssetRole) -> Asset:
    accepted = mission.status in (MissionStatus.ACCEPTED, MissionStatus.IN_PROGRESS)
    return Asset(
        id=new_id(),
        session_id=mission.session_id,
        mission_id=mission.id,
        hop_id=hop.id,
        name=name,
        role=role,
        status=AssetStatus.PENDING if accepted else AssetStatus.PROPOSED,
        created_at=tx.now,
        updated_at=tx.now,
    )


def _move_parts(tx: Tx, mission_id: str, hops: Sequence[Hop], command: HopCommand) -> None:
    tool_steps.move_tool_steps(tx, [hop.id for hop in hops], cascades.tools_after(command))
    asset_command = cascades.assets_after(command)
    if asset_command is None:
        return
    known = assets.list_of_mission(tx, mission_id)
    made = {a.id: a for hop in hops for a in cascades.outputs_of(hop, known)}
    _move_assets(tx, list(made.values()), asset_command)


def _move_assets(tx: Tx, found: Sequence[Asset], command: AssetCommand) -> None:
    for asset in found:
        there = _with_file(tx, asset) if command is AssetCommand.FAIL else asset
        status = cascades.asset_status_after(there, command)
        if status is not asset.status:
            found_file = {} if there is asset else {name: getattr(there, name) for name in _OF_A_FILE}
            assets.change_asset(tx, asset, status=status, **found_file)


def _with_file(tx: Tx, asset: Asset) -> Asset:
    """Return the asset with the workspace file that its name promises, if there is one."""
    if asset.is_there or asset.session_id is None:
        return asset
    file = assets.find_named_file(tx, asset.session_id, asset.name)
    if file is None or file.status is not AssetStatus.READY:
        return asset
    return asset.model_copy(update={name: getattr(file, name) for name in _OF_A_FILE})
