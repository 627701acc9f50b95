"""Missions as the server shows them: their hops, the steps of tools in them, and what they made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from perdure.client.models import Json, Wire


class ToolStep(Wire):
    """One tool call inside a hop, planned or made."""

    tool_step_id: str
    tool: str
    status: str
    position: int = 0
    parameters: Json = Field(default_factory=dict)
    result: Any = None
    error: Json | None = None
    call_id: str | None = None


class Asset(Wire):
    """A named thing of a mission: a file of the workspace at `path`, or a `value`."""

    asset_id: str
    name: str
    status: str
    role: str = "output"
    kind: str = "value"
    description: str = ""
    session_id: str | None = None
    mission_id: str | None = None
    hop_id: str | None = None
    path: str | None = None
    value: Any = None
    version: int = 1


class Hop(Wire):
    """One planned step of a mission."""

    hop_id: str
    name: str
    status: str
    position: int = 0
    goal: str = ""
    agent: str | None = None
    success_criteria: list[str] = Field(default_factory=list)
    inputs: list[str] = Field(default_factory=list)
    outputs: list[str] = Field(default_factory=list)
    error: Json | None = None
    tool_steps: list[ToolStep] = Field(default_factory=list[ToolStep])
    """Only where a hop or mission is read alone."""
    assets: list[Asset] = Field(default_factory=list[Asset])


class Mission(Wire):
    """A goal with success criteria, and the hops that lead there."""

    mission_id: str
    name: str
    goal: str
    status: str
    revision: int = 1
    session_id: str | None = None
    run_id: str | None = None
    origin: str = "run"
    success_criteria: list[str] = Field(default_factory=list)
    scope: str = ""
    feedback: str | None = None
    error: Json | None = None
    metadata: Json = Field(default_factory=dict)
    hops: list[Hop] = Field(default_factory=list[Hop])
    assets: list[Asset] = Field(default_factory=list[Asset])
    """Only where a mission is read alone."""
    warning: str | None = None
    archived_at: datetime | None = None
    created_at: datetime | None = None


class MissionPage(Wire):
    """A page of missions, newest first; `total` is the true number."""

    missions: list[Mission]
    total: int = 0
    next_cursor: str | None = None


class AssetPage(Wire):
    """A page of assets, oldest first."""

    assets: list[Asset]
    total: int = 0
    next_cursor: str | None = None


class MissionResult(Wire):
    """What came of a command on a mission."""

    mission_id: str
    status: str
    mission: Mission
    success: bool = True
    message: str | None = None
    session_id: str | None = None
    run_id: str | None = None
    approval_id: str | None = None
    """The question of a run that the command answered."""
    archived_mission_id: str | None = None
    warning: str | None = None
