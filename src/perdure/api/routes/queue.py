"""Inputs that wait for the live run of a session to end."""

from __future__ import annotations

from perdure.api.auth import Caller, Services
from perdure.api.route import repeatable
from perdure.api.routes.parts import SessionPath, Shape, check_text, flat, router
from perdure.api.wire.base import Json, Uuid
from perdure.api.wire.problems import problem_answers
from perdure.api.wire.queue import QueueAdd, QueueChange, QueueOrder, QueueOut

routes = router("queue")


@routes.get("/api/sessions/{session_id}/queue", responses=problem_answers(404))
async def list_queue(
    session_id: SessionPath, perdure: Services, actor: Caller, shape: Shape = "envelope"
) -> QueueOut:
    """List the waiting inputs, next first."""
    items = await perdure.queue.list(actor, session_id)
    if shape == "flat":
        return flat(items, len(items))  # pyright: ignore[reportReturnType]
    return _queue(session_id, items)


@routes.post(
    "/api/sessions/{session_id}/queue",
    status_code=201,
    responses=problem_answers(404, 409),
    openapi_extra=repeatable(),
)
async def add_to_queue(session_id: SessionPath, body: QueueAdd, perdure: Services, actor: Caller) -> Json:
    """Add an input at the end; in an active session without an open run it starts at once."""
    content = check_text(body.content, perdure.settings.max_text_bytes, "content")
    return await perdure.queue.add(actor, session_id, content, config=body.config)


@routes.put("/api/sessions/{session_id}/queue", responses=problem_answers(404, 409))
async def reorder_queue(
    session_id: SessionPath, body: QueueOrder, perdure: Services, actor: Caller
) -> QueueOut:
    """Put the waiting inputs in another order."""
    return _queue(session_id, await perdure.queue.reorder(actor, session_id, body.item_ids))


@routes.patch("/api/sessions/{session_id}/queue/{item_id}", responses=problem_answers(404, 409))
async def change_queue_item(
    session_id: SessionPath, item_id: Uuid, body: QueueChange, perdure: Services, actor: Caller
) -> Json:
    """Change a waiting input."""
    return await perdure.queue.update(actor, session_id, item_id, body.content, body.config)


@routes.delete("/api/sessions/{session_id}/queue/{item_id}", responses=problem_answers(404, 409))
async def remove_from_queue(
    session_id: SessionPath, item_id: Uuid, perdure: Services, actor: Caller
) -> QueueOut:
    """Take a waiting input out."""
    await perdure.queue.remove(actor, session_id, item_id)
    return _queue(session_id, await perdure.queue.list(actor, session_id))


def _queue(session_id: str, items: list[Json]) -> QueueOut:
    return QueueOut(session_id=session_id, items=items, total=len(items))
