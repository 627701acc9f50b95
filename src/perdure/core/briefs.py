"""What a plan says around one of its hops: what whoever carries it out is told beside the hop itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from perdure.core.assets import Asset, AssetRole
from perdure.core.missions import Hop, Mission, MissionOrigin


class HopInput(BaseModel):
    """A thing that a hop takes: a value, a file of the workspace at `path`, or neither when it is not there."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str = ""
    value: Any = None
    path: str | None = None


class HopBrief(BaseModel):
    """The mission's words where a person wrote them (a run's own plan repeats its task), and the hop's things."""

    model_config = ConfigDict(frozen=True)

    goal: str = ""
    scope: str = ""
    success_criteria: list[str] = Field(default_factory=list)
    description: str = ""
    inputs: list[HopInput] = Field(default_factory=list[HopInput])
    outputs: list[str] = Field(default_factory=list)


def brief_of(mission: Mission, hop: Hop, assets: Sequence[Asset]) -> HopBrief:
    """Return the brief of a hop; one that names no inputs is given all that the mission was given."""
    mine = {asset.name for asset in assets if asset.hop_id == hop.id and asset.role is AssetRole.INPUT}
    given = {asset.name for asset in assets if asset.hop_id is None and asset.role is AssetRole.INPUT}
    known = {asset.name: asset for asset in assets}
    wanted = dict.fromkeys([*(hop.inputs or sorted(given)), *sorted(mine)])
    inputs = [_input(name, known.get(name)) for name in wanted]
    if mission.origin is not MissionOrigin.PERSON:
        return HopBrief(description=hop.description, inputs=inputs, outputs=hop.outputs)
    return HopBrief(
        goal=mission.goal,
        scope=mission.scope,
        success_criteria=mission.success_criteria,
        description=hop.description,
        inputs=inputs,
        outputs=hop.outputs,
    )


def _input(name: str, asset: Asset | None) -> HopInput:
    if asset is None:
        return HopInput(name=name)
    return HopInput(name=name, description=asset.description, value=asset.value, path=asset.path)
