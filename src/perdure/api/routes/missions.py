"""The picture of a session's plan."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from perdure.api.auth import Caller, Services
from perdure.api.routes.parts import SessionPath, router
from perdure.api.wire.base import Wire
from perdure.api.wire.problems import problem_answers

routes = router("missions")


class DagOut(Wire):
    """Nodes and edges with their true statuses; a stream goes on after `as_of_seq`."""

    model_config = ConfigDict(extra="allow")

    session_id: str
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    as_of_seq: int


@routes.get("/api/sessions/{session_id}/dag", responses=problem_answers(404))
async def get_dag(session_id: SessionPath, perdure: Services, actor: Caller) -> DagOut:
    """Read the plan as a graph."""
    return DagOut.model_validate({"session_id": session_id, **await perdure.missions.dag(actor, session_id)})
