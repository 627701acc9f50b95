"""Missions, hops, tool steps and assets on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, Field

from perdure.api.wire.base import Body, Json, ListPage, Uuid, Wire, WireTime
from perdure.core.assets import Asset
from perdure.core.hops import Hop, ToolStep
from perdure.core.missions import Mission, plan_data
from perdure.services.mission_commands import MissionDone
from perdure.services.missions import HopDetail, MissionDetail

_Texts = Annotated[list[str], Field(max_length=50)]


class AssetIn(Body):
    """An input or output that a new mission declares; one with a value is ready."""

    name: str
    description: str | None = None
    kind: str | None = None
    value: Any = None


class HopIn(Body):
    """One planned step; `inputs` and `outputs` are names of assets."""

    name: str | None = None
    goal: str | None = None
    description: str | None = None
    rationale: str | None = None
    agent: str | None = None
    success_criteria: _Texts | None = Field(
        None, validation_alias=AliasChoices("success_criteria", "bullet_points")
    )
    inputs: _Texts | None = None
    outputs: _Texts | None = None


class HopAdd(HopIn):
    """A hop for a mission that has others already."""

    position: int | None = Field(None, ge=1, le=1000, description="Counts from 1; the end, if left out.")


class MissionIn(Body):
    """A mission that a person writes; it is proposed."""

    goal: str
    name: str | None = None
    success_criteria: _Texts = Field(default_factory=list[str])
    scope: str = ""
    metadata: Json = Field(default_factory=dict)
    hops: list[HopIn] = Field(default_factory=list[HopIn], validation_alias=AliasChoices("hops", "steps"))
    inputs: list[AssetIn] = Field(default_factory=list[AssetIn])
    outputs: list[AssetIn] = Field(default_factory=list[AssetIn])
    session_id: Uuid | None = Field(None, description="Links it at once.")


class MissionPatch(Body):
    """What changes of a proposed mission; `metadata` merges, null removes a key."""

    name: str | None = None
    goal: str | None = None
    success_criteria: _Texts | None = None
    scope: str | None = None
    metadata: Json | None = None


class AcceptIn(Body):
    """What is accepted."""

    revision: int | None = Field(None, description="Refused with `stale-version` when it is another one now.")


class FeedbackIn(Body):
    """Why, or what should be different."""

    feedback: str | None = Field(None, validation_alias=AliasChoices("feedback", "reason"))


class ReviseIn(Body):
    """What should be different."""

    feedback: str


class HopsIn(Body):
    """The hops that take the place of a mission's hops."""

    hops: list[HopIn] = Field(validation_alias=AliasChoices("hops", "steps"))


class HopOrder(Body):
    """Every hop of the mission, in the order wanted."""

    hop_ids: list[Uuid] = Field(max_length=200)


class ToolStepIn(Body):
    """A planned tool call: literals, or `{"asset": name}` for what an asset holds."""

    tool: str
    parameters: Json = Field(
        default_factory=dict, validation_alias=AliasChoices("parameters", "parameter_mapping")
    )
    result_mapping: dict[str, str | None] = Field(
        default_factory=dict, description="The asset each result goes to; null discards it."
    )


class ToolStepOrder(Body):
    """Every tool step of the hop, in the order wanted."""

    tool_step_ids: list[Uuid] = Field(max_length=200)


class AssetAdd(AssetIn):
    """An asset for a mission or hop: a value, a file of the workspace, or a promise of one."""

    role: str = "input"
    path: str | None = None


class AssetPatch(Body):
    """What changes of an asset; a value or a path makes it ready."""

    description: str | None = None
    kind: str | None = None
    value: Any = None
    path: str | None = None


class ToolStepOut(Wire):
    """One tool call inside a hop, planned or made."""

    id: str
    tool_step_id: str
    hop_id: str
    position: int
    tool: str
    parameters: Json
    result_mapping: Json
    status: str
    result: Any
    error: Json | None
    run_id: str | None
    step_id: str | None
    call_id: str | None
    started_at: WireTime | None
    completed_at: WireTime | None

    @classmethod
    def of(cls, step: ToolStep) -> ToolStepOut:
        """Put a tool step on the wire."""
        values = {name: getattr(step, name) for name in cls.model_fields if name != "tool_step_id"}
        return cls.model_validate({**values, "tool_step_id": step.id})


class HopOut(Wire):
    """One planned step of a mission."""

    id: str
    hop_id: str
    mission_id: str
    position: int
    name: str
    description: str
    goal: str
    success_criteria: list[str]
    rationale: str
    agent: str | None
    inputs: list[str]
    outputs: list[str]
    is_final: bool
    status: str
    error: Json | None

    @classmethod
    def of(cls, hop: Hop) -> HopOut:
        """Put a hop on the wire."""
        return cls.model_validate({**hop.model_dump(), "hop_id": hop.id})


class AssetOut(Wire):
    """A named thing: a file of the workspace at `path`, or a `value`."""

    id: str
    asset_id: str
    session_id: str | None
    mission_id: str | None
    hop_id: str | None
    name: str
    description: str
    kind: str
    role: str
    status: str
    media_type: str | None
    size_bytes: int | None
    sha256: str | None
    path: str | None
    value: Any
    version: int
    created_at: WireTime
    updated_at: WireTime

    @classmethod
    def of(cls, asset: Asset) -> AssetOut:
        """Put an asset on the wire."""
        return cls.model_validate({**asset.model_dump(), "asset_id": asset.id})


class HopDetailOut(HopOut):
    """A hop with its tool calls and what it makes."""

    tool_steps: list[ToolStepOut]
    assets: list[AssetOut]

    @classmethod
    def of_detail(cls, detail: HopDetail) -> HopDetailOut:
        """Put a hop with its parts on the wire."""
        return cls.model_validate(
            {
                **HopOut.of(detail.hop).model_dump(),
                "tool_steps": [ToolStepOut.of(s) for s in detail.tool_steps],
                "assets": [AssetOut.of(a) for a in detail.assets],
            }
        )


class MissionOut(Wire):
    """A mission with its hops; `run_id` is the run that wrote it or carries it out."""

    id: str
    mission_id: str
    owner_id: str
    session_id: str | None
    run_id: str | None
    origin: str
    name: str
    goal: str
    success_criteria: list[str]
    scope: str
    status: str
    revision: int
    feedback: str | None
    error: Json | None
    metadata: Json
    hops: list[HopOut]
    linked_at: WireTime | None
    archived_at: WireTime | None
    created_at: WireTime
    updated_at: WireTime

    @classmethod
    def of(cls, mission: Mission) -> MissionOut:
        """Put a mission on the wire."""
        return cls.model_validate(
            {
                **mission.model_dump(exclude={"hops"}),
                "mission_id": mission.id,
                "hops": [HopOut.of(hop) for hop in mission.hops],
            }
        )


class MissionDetailOut(MissionOut):
    """A mission with everything under it, and as plan data."""

    hops: list[HopDetailOut]  # pyright: ignore[reportIncompatibleVariableOverride]
    assets: list[AssetOut]
    plan_data: Json

    @classmethod
    def of_detail(cls, detail: MissionDetail) -> MissionDetailOut:
        """Put a mission with its parts on the wire."""
        mission = detail.mission
        hops = [
            HopDetailOut.of_detail(
                HopDetail(
                    hop,
                    [s for s in detail.tool_steps if s.hop_id == hop.id],
                    [a for a in detail.assets if a.hop_id == hop.id],
                )
            )
            for hop in mission.hops
        ]
        return cls.model_validate(
            {
                **MissionOut.of(mission).model_dump(exclude={"hops"}),
                "hops": hops,
                "assets": [AssetOut.of(a) for a in detail.assets],
                "plan_data": plan_data(mission),
            }
        )


class MissionAction(Wire):
    """What came of a command. `approval_id`: the run's question it answered; `warning`: what had to make room."""

    success: bool = True
    mission_id: str
    session_id: str | None
    status: str
    message: str
    run_id: str | None
    approval_id: str | None
    archived_mission_id: str | None
    warning: str | None
    mission: MissionOut

    @classmethod
    def after(cls, done: MissionDone, message: str) -> MissionAction:
        """Put the outcome of a command on the wire."""
        mission = done.mission
        return cls(
            mission_id=mission.id,
            session_id=mission.session_id,
            status=mission.status,
            message=message,
            run_id=done.run_id,
            approval_id=done.approval_id,
            archived_mission_id=done.archived_mission_id,
            warning=done.warning,
            mission=MissionOut.of(mission),
        )


class MissionCreated(MissionOut):
    """A new mission; `warning` says what had to make room in its session."""

    warning: str | None
    archived_mission_id: str | None

    @classmethod
    def of_done(cls, done: MissionDone) -> MissionCreated:
        """Put a new mission on the wire."""
        extra = {"warning": done.warning, "archived_mission_id": done.archived_mission_id}
        return cls.model_validate({**MissionOut.of(done.mission).model_dump(), **extra})


class MissionPage(ListPage):
    """A page of missions, newest first."""

    missions: list[MissionOut]


class AssetPage(ListPage):
    """A page of assets, oldest first."""

    assets: list[AssetOut]


class HopList(Wire):
    """The hops of a mission, in order."""

    mission_id: str
    hops: list[HopOut]
    total: int


class ToolStepList(Wire):
    """The tool steps of a hop, in order."""

    hop_id: str
    tool_steps: list[ToolStepOut]
    total: int


class DagOut(Wire):
    """Nodes and edges with their true statuses; a stream goes on after `as_of_seq`."""

    session_id: str
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    as_of_seq: int
