"""What a person allowed for a whole session: seen, and taken back."""

from __future__ import annotations

from perdure.api.auth import Caller, Services
from perdure.api.routes.parts import SessionPath, router
from perdure.api.wire.grants import GrantsOut
from perdure.api.wire.problems import problem_answers
from perdure.core.tools import ToolCategory

routes = router("grants")


@routes.get("/api/sessions/{session_id}/grants", responses=problem_answers(404))
async def list_grants(session_id: SessionPath, perdure: Services, actor: Caller) -> GrantsOut:
    """List the tool categories that somebody allowed for the rest of the session."""
    return _grants(session_id, await perdure.grants.list(actor, session_id))


@routes.delete("/api/sessions/{session_id}/grants", responses=problem_answers(404))
async def revoke_grants(session_id: SessionPath, perdure: Services, actor: Caller) -> GrantsOut:
    """Take back all that was allowed for the session; the next call of such a tool asks."""
    return _grants(session_id, await perdure.grants.revoke(actor, session_id))


@routes.delete("/api/sessions/{session_id}/grants/{category}", responses=problem_answers(404))
async def revoke_grant(
    session_id: SessionPath, category: ToolCategory, perdure: Services, actor: Caller
) -> GrantsOut:
    """Take back one category, also when it was not allowed; returns what is left."""
    return _grants(session_id, await perdure.grants.revoke(actor, session_id, category))


def _grants(session_id: str, grants: list[ToolCategory]) -> GrantsOut:
    return GrantsOut(session_id=session_id, grants=grants, total=len(grants))
