"""Hops and their tool steps, by hand: as long as no run works on their mission."""

from __future__ import annotations

from enum import StrEnum

from perdure.api.auth import Caller, Services
from perdure.api.route import repeatable
from perdure.api.routes.parts import Shape, flat, router
from perdure.api.wire.base import Uuid
from perdure.api.wire.missions import (
    FeedbackIn,
    HopAdd,
    HopDetailOut,
    HopIn,
    HopList,
    HopOrder,
    HopOut,
    MissionAction,
    ToolStepIn,
    ToolStepList,
    ToolStepOrder,
    ToolStepOut,
)
from perdure.api.wire.problems import problem_answers
from perdure.core.hops import HopCommand
from perdure.services.mission_commands import MissionDone

routes = router("missions")


class HopAction(StrEnum):
    """What a person may do to a hop."""

    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    SKIP = "skip"
    CANCEL = "cancel"


@routes.get("/api/missions/{mission_id}/hops", responses=problem_answers(404))
async def list_hops(mission_id: Uuid, perdure: Services, actor: Caller, shape: Shape = "envelope") -> HopList:
    """List a mission's hops, in order."""
    hops = [HopOut.of(hop) for hop in (await perdure.missions.get(actor, mission_id)).mission.hops]
    if shape == "flat":
        return flat(hops, len(hops))  # pyright: ignore[reportReturnType]
    return HopList(mission_id=mission_id, hops=hops, total=len(hops))


@routes.post(
    "/api/missions/{mission_id}/hops",
    status_code=201,
    responses=problem_answers(404, 409),
    openapi_extra=repeatable(),
)
async def add_hop(mission_id: Uuid, body: HopAdd, perdure: Services, actor: Caller) -> HopDetailOut:
    """Add a hop at the end, or at a position."""
    words = body.model_dump(exclude_none=True, exclude={"position"})
    return HopDetailOut.of_detail(await perdure.hops.add(actor, mission_id, words, body.position))


@routes.put("/api/missions/{mission_id}/hops", responses=problem_answers(404, 409))
async def reorder_hops(mission_id: Uuid, body: HopOrder, perdure: Services, actor: Caller) -> MissionAction:
    """Put the hops into another order; none may use what a later one makes."""
    done = await perdure.mission_commands.reorder(actor, mission_id, body.hop_ids)
    return MissionAction.after(done, "Hops reordered")


@routes.get("/api/hops/{hop_id}", responses=problem_answers(404))
async def get_hop(hop_id: Uuid, perdure: Services, actor: Caller) -> HopDetailOut:
    """Read a hop with its tool steps and what it makes."""
    return HopDetailOut.of_detail(await perdure.missions.hop(actor, hop_id))


@routes.patch("/api/hops/{hop_id}", responses=problem_answers(404, 409))
async def update_hop(hop_id: Uuid, body: HopIn, perdure: Services, actor: Caller) -> HopDetailOut:
    """Change a hop that has not begun."""
    patch = body.model_dump(exclude_unset=True)
    return HopDetailOut.of_detail(await perdure.hops.update(actor, hop_id, patch))


@routes.delete("/api/hops/{hop_id}", responses=problem_answers(404, 409))
async def remove_hop(hop_id: Uuid, perdure: Services, actor: Caller) -> MissionAction:
    """Take out a hop that has not begun."""
    mission = await perdure.hops.remove(actor, hop_id)
    return MissionAction.after(MissionDone(mission), "Hop removed")


@routes.get("/api/hops/{hop_id}/tool-steps", responses=problem_answers(404))
async def list_tool_steps(
    hop_id: Uuid, perdure: Services, actor: Caller, shape: Shape = "envelope"
) -> ToolStepList:
    """List a hop's tool steps, in order."""
    steps = [ToolStepOut.of(step) for step in (await perdure.missions.hop(actor, hop_id)).tool_steps]
    if shape == "flat":
        return flat(steps, len(steps))  # pyright: ignore[reportReturnType]
    return ToolStepList(hop_id=hop_id, tool_steps=steps, total=len(steps))


@routes.post(
    "/api/hops/{hop_id}/tool-steps",
    status_code=201,
    responses=problem_answers(404, 409),
    openapi_extra=repeatable(),
)
async def add_tool_step(hop_id: Uuid, body: ToolStepIn, perdure: Services, actor: Caller) -> ToolStepOut:
    """Plan a tool call at the end of a hop."""
    return ToolStepOut.of(
        await perdure.hops.add_tool_step(
            actor, hop_id, tool=body.tool, parameters=body.parameters, result_mapping=body.result_mapping
        )
    )


@routes.put("/api/hops/{hop_id}/tool-steps", responses=problem_answers(404, 409))
async def reorder_tool_steps(
    hop_id: Uuid, body: ToolStepOrder, perdure: Services, actor: Caller
) -> ToolStepList:
    """Put a hop's tool steps into another order; none may use what is not there yet."""
    steps = await perdure.hops.reorder_tool_steps(actor, hop_id, body.tool_step_ids)
    return ToolStepList(hop_id=hop_id, tool_steps=[ToolStepOut.of(s) for s in steps], total=len(steps))


# Last, because its address also fits the more special ones.
@routes.post("/api/hops/{hop_id}/{command}", responses=problem_answers(404, 409), openapi_extra=repeatable())
async def move_hop(
    hop_id: Uuid, command: HopAction, perdure: Services, actor: Caller, body: FeedbackIn | None = None
) -> HopDetailOut:
    """Start, complete, fail, skip or cancel a hop by hand."""
    reason = body.feedback if body else None
    moved = await perdure.hops.move(actor, hop_id, HopCommand(command.value), reason)
    return HopDetailOut.of_detail(moved)
