"""What a session has cost."""

from __future__ import annotations

from perdure.api.auth import Caller, Services
from perdure.api.routes.parts import SessionPath, router
from perdure.api.wire.costs import CostSummary
from perdure.api.wire.problems import problem_answers

routes = router("costs")


@routes.get("/api/sessions/{session_id}/costs", responses=problem_answers(404))
async def get_costs(session_id: SessionPath, perdure: Services, actor: Caller) -> CostSummary:
    """Read totals and their breakdown by model, agent, step, run and day."""
    return CostSummary.model_validate(await perdure.costs.summary(actor, session_id))
