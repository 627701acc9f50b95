"""How the statuses of a mission's parts move together: pure rules that services carry out in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from perdure.core.assets import ASSET_LIFECYCLE, Asset, AssetCommand, AssetRole, AssetStatus
from perdure.core.hops import (
    HOP_LIFECYCLE,
    TOOL_STEP_LIFECYCLE,
    UNFINISHED_HOPS,
    UNFINISHED_TOOL_STEPS,
    Hop,
    HopCommand,
    HopStatus,
)
from perdure.core.hops import ToolStepCommand as ToolCommand
from perdure.core.hops import ToolStepStatus as ToolStatus
from perdure.core.missions import MissionCommand


@dataclass(frozen=True, slots=True)
class Consequence:
    """What a command on a mission does to everything under it. None leaves a kind of part alone."""

    hops: HopCommand | None
    among: frozenset[HopStatus] | None = None
    """The hops concerned; None: all whose lifecycle allows the command."""
    assets: AssetCommand | None = None
    """What becomes of the mission's assets besides those that go with a hop; FAIL spares what is there."""


_C = MissionCommand

OF_MISSION: dict[MissionCommand, Consequence] = {
    _C.PROPOSE: Consequence(HopCommand.PROPOSE, assets=AssetCommand.PROPOSE),
    _C.REVISE: Consequence(HopCommand.PROPOSE, assets=AssetCommand.PROPOSE),
    _C.ACCEPT: Consequence(HopCommand.ACCEPT, assets=AssetCommand.ACCEPT),
    _C.REJECT: Consequence(HopCommand.CANCEL, assets=AssetCommand.FAIL),
    _C.CANCEL: Consequence(HopCommand.CANCEL, assets=AssetCommand.FAIL),
    _C.COMPLETE: Consequence(HopCommand.SKIP, among=UNFINISHED_HOPS, assets=AssetCommand.FAIL),
    _C.FAIL: Consequence(HopCommand.FAIL, among=frozenset({HopStatus.EXECUTING})),
    _C.RETRY: Consequence(HopCommand.RETRY),
}
"""MODIFY and START touch nothing under the mission; what goes with a hop follows `tools_after`, `assets_after`."""

_TOOLS: dict[HopCommand, dict[ToolStatus, ToolCommand]] = {
    HopCommand.PROPOSE: {ToolStatus.READY: ToolCommand.PROPOSE, ToolStatus.CANCELLED: ToolCommand.PROPOSE},
    HopCommand.ACCEPT: {ToolStatus.PROPOSED: ToolCommand.ACCEPT},
    **{
        command: dict.fromkeys(UNFINISHED_TOOL_STEPS, ToolCommand.CANCEL)
        for command in (HopCommand.COMPLETE, HopCommand.SKIP, HopCommand.CANCEL)
    },
    HopCommand.FAIL: {
        ToolStatus.PROPOSED: ToolCommand.CANCEL,
        ToolStatus.READY: ToolCommand.CANCEL,
        ToolStatus.EXECUTING: ToolCommand.FAIL,
    },
}
_ASSETS: dict[HopCommand, AssetCommand] = {
    HopCommand.PROPOSE: AssetCommand.PROPOSE,
    HopCommand.ACCEPT: AssetCommand.ACCEPT,
    HopCommand.START: AssetCommand.RETRY,
    HopCommand.COMPLETE: AssetCommand.FAIL,
    HopCommand.FAIL: AssetCommand.FAIL,
    HopCommand.SKIP: AssetCommand.FAIL,
    HopCommand.CANCEL: AssetCommand.FAIL,
    HopCommand.RETRY: AssetCommand.RETRY,
}


def hops_after(command: MissionCommand, hops: Sequence[Hop]) -> dict[str, HopCommand]:
    """Return the command for each hop that moves with its mission, by the hop's id."""
    rule = OF_MISSION.get(command)
    if rule is None or rule.hops is None:
        return {}
    return {
        hop.id: rule.hops
        for hop in hops
        if (rule.among is None or hop.status in rule.among)
        and HOP_LIFECYCLE.find(hop.status, rule.hops) is not None
    }


def tools_after(command: HopCommand) -> dict[ToolStatus, ToolStatus]:
    """Return where the tool steps of a hop go with it, by the status they are in; others stay."""
    moves: dict[ToolStatus, ToolStatus] = {}
    for status, move in _TOOLS.get(command, {}).items():
        row = TOOL_STEP_LIFECYCLE.decide(status, move)
        assert row.target is not None
        moves[status] = row.target
    return moves


def assets_after(command: HopCommand) -> AssetCommand | None:
    """Return what becomes of a hop's outputs."""
    return _ASSETS.get(command)


def asset_status_after(asset: Asset, command: AssetCommand) -> AssetStatus:
    """Return an asset's status after a command that came from above; FAIL spares what is there.

    A command that its status does not allow leaves it as it is.
    """
    row = ASSET_LIFECYCLE.find(asset.status, command)
    if row is None or row.target is None:
        return asset.status
    if asset.is_there and command in (AssetCommand.FAIL, AssetCommand.ACCEPT):
        return AssetStatus.READY
    return row.target


def outputs_of(hop: Hop, assets: Collection[Asset]) -> list[Asset]:
    """Return the assets that the hop makes or changes."""
    return [
        asset
        for asset in assets
        if asset.role is not AssetRole.INPUT and (asset.hop_id == hop.id or asset.name in hop.outputs)
    ]
