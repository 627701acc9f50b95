"""Missions: written, read and decided by people; and the picture of a session's work."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from perdure.api.auth import Caller, Services
from perdure.api.route import repeatable
from perdure.api.routes.parts import (
    Page,
    SessionPath,
    Shape,
    flat,
    next_offset_cursor,
    offset_of,
    router,
)
from perdure.api.wire.base import Uuid
from perdure.api.wire.missions import (
    AcceptIn,
    DagOut,
    FeedbackIn,
    HopIn,
    HopsIn,
    MissionAction,
    MissionCreated,
    MissionDetailOut,
    MissionIn,
    MissionOut,
    MissionPage,
    MissionPatch,
    ReviseIn,
)
from perdure.api.wire.problems import problem_answers
from perdure.store.missions import MissionQuery

routes = router("missions")


@routes.get("/api/sessions/{session_id}/dag", responses=problem_answers(404))
async def get_dag(session_id: SessionPath, perdure: Services, actor: Caller) -> DagOut:
    """Read what the session works on as a graph: plan, gates, hops, end; or the steps of a run without a plan."""
    return DagOut.model_validate({"session_id": session_id, **await perdure.missions.dag(actor, session_id)})


@routes.post(
    "/api/sessions/{session_id}/link-mission/{mission_id}",
    responses=problem_answers(404, 409),
    openapi_extra=repeatable(),
)
async def link_mission(
    session_id: SessionPath, mission_id: Uuid, perdure: Services, actor: Caller
) -> MissionAction:
    """Make a mission the session's; the one it had is archived, and `warning` says so."""
    done = await perdure.mission_commands.link(actor, session_id, mission_id)
    return MissionAction.after(done, "Mission linked to the session")


@routes.post(
    "/api/missions", status_code=201, responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def create_mission(body: MissionIn, perdure: Services, actor: Caller) -> MissionCreated:
    """Write a mission, free-standing or linked to a session; it is proposed."""
    done = await perdure.mission_commands.create(
        actor,
        goal=body.goal,
        name=body.name,
        success_criteria=body.success_criteria,
        scope=body.scope,
        metadata=body.metadata,
        hops=hop_words(body.hops),
        inputs=[asset.model_dump() for asset in body.inputs],
        outputs=[asset.model_dump() for asset in body.outputs],
        session_id=body.session_id,
    )
    return MissionCreated.of_done(done)


@routes.get("/api/missions", responses=problem_answers(404))
async def list_missions(
    perdure: Services,
    actor: Caller,
    page: Page,
    status: Annotated[list[str] | None, Query(description="One or several.")] = None,
    session_id: Uuid | None = None,
    archived: Annotated[bool, Query(description="Also those that others took the place of.")] = False,
    user_id: Annotated[str | None, Query(description="Administrators: this person's, or `all`.")] = None,
    shape: Shape = "envelope",
) -> MissionPage:
    """List missions, newest first: the caller's and those of shared sessions, or those of one session."""
    offset = offset_of(page)
    query = MissionQuery(tuple(status or ()), session_id, archived, page.limit, offset)
    found, total = await perdure.missions.list(actor, query, user_id=user_id)
    missions = [MissionOut.of(mission) for mission in found]
    if shape == "flat":
        return flat(missions, total)  # pyright: ignore[reportReturnType]
    cursor = next_offset_cursor(page, len(missions), total)
    return MissionPage(missions=missions, total=total, limit=page.limit, offset=offset, next_cursor=cursor)


@routes.get("/api/missions/{mission_id}", responses=problem_answers(404))
async def get_mission(mission_id: Uuid, perdure: Services, actor: Caller) -> MissionDetailOut:
    """Read a mission with its hops, their tool steps, and its assets."""
    return MissionDetailOut.of_detail(await perdure.missions.get(actor, mission_id))


@routes.patch("/api/missions/{mission_id}", responses=problem_answers(404, 409))
async def update_mission(
    mission_id: Uuid, body: MissionPatch, perdure: Services, actor: Caller
) -> MissionOut:
    """Change the words of a proposed mission; its revision grows."""
    patch = body.model_dump(exclude_unset=True)
    return MissionOut.of((await perdure.mission_commands.update(actor, mission_id, patch)).mission)


@routes.post(
    "/api/missions/{mission_id}/propose", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def propose_mission(mission_id: Uuid, perdure: Services, actor: Caller) -> MissionAction:
    """Put a mission up again after a rejection."""
    return MissionAction.after(await perdure.mission_commands.propose(actor, mission_id), "Mission proposed")


@routes.post(
    "/api/missions/{mission_id}/accept", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def accept_mission(
    mission_id: Uuid, perdure: Services, actor: Caller, body: AcceptIn | None = None
) -> MissionAction:
    """Accept a mission with its hops and assets; for the plan of a run this answers the run's question."""
    revision = body.revision if body else None
    done = await perdure.mission_commands.accept(actor, mission_id, revision)
    return MissionAction.after(done, "Mission accepted")


@routes.post(
    "/api/missions/{mission_id}/reject", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def reject_mission(
    mission_id: Uuid, perdure: Services, actor: Caller, body: FeedbackIn | None = None
) -> MissionAction:
    """Reject a mission; for the plan of a run this answers the run's question."""
    done = await perdure.mission_commands.reject(actor, mission_id, body.feedback if body else None)
    return MissionAction.after(done, "Mission rejected")


@routes.post(
    "/api/missions/{mission_id}/revise", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def revise_mission(mission_id: Uuid, body: ReviseIn, perdure: Services, actor: Caller) -> MissionAction:
    """Send a mission back with feedback; a run that asks about its plan makes a better one."""
    done = await perdure.mission_commands.revise(actor, mission_id, body.feedback)
    return MissionAction.after(done, "Mission sent back")


@routes.post(
    "/api/missions/{mission_id}/modify", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def modify_mission(mission_id: Uuid, body: HopsIn, perdure: Services, actor: Caller) -> MissionAction:
    """Replace the hops of a proposed mission; a run that asks about its plan goes on with them."""
    done = await perdure.mission_commands.modify(actor, mission_id, hop_words(body.hops))
    return MissionAction.after(done, "Mission changed")


@routes.post(
    "/api/missions/{mission_id}/cancel", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def cancel_mission(mission_id: Uuid, perdure: Services, actor: Caller) -> MissionAction:
    """Cancel a mission and everything unfinished under it, with the run that works on it."""
    done = await perdure.mission_commands.cancel(actor, mission_id)
    message = "Mission cancelled" if done.mission.status == "cancelled" else "Mission is being cancelled"
    return MissionAction.after(done, message)


@routes.post(
    "/api/missions/{mission_id}/fail", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def fail_mission(
    mission_id: Uuid, perdure: Services, actor: Caller, body: FeedbackIn | None = None
) -> MissionAction:
    """Write that a mission came to nothing."""
    done = await perdure.mission_commands.fail(actor, mission_id, body.feedback if body else None)
    return MissionAction.after(done, "Mission failed")


@routes.post(
    "/api/missions/{mission_id}/complete", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def complete_mission(mission_id: Uuid, perdure: Services, actor: Caller) -> MissionAction:
    """Write that a mission reached its goal; hops left over are skipped."""
    done = await perdure.mission_commands.complete(actor, mission_id)
    return MissionAction.after(done, "Mission completed")


def hop_words(hops: list[HopIn]) -> list[dict[str, object]]:
    """Return hops as the service takes them; what was left out stays out."""
    return [hop.model_dump(exclude_none=True) for hop in hops]
