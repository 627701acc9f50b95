"""Sharing a session with people and by links, and who watches it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from perdure.api.auth import Caller, Services
from perdure.api.route import repeatable
from perdure.api.routes.parts import SessionPath, router
from perdure.api.wire import shares as wire
from perdure.api.wire.base import Uuid
from perdure.api.wire.problems import problem_answers
from perdure.core.clock import utc_now

routes = router("sharing")


@routes.get("/api/sessions/{session_id}/shares", responses=problem_answers(403, 404))
async def list_shares(session_id: SessionPath, perdure: Services, actor: Caller) -> wire.ShareList:
    """List with whom the session is shared."""
    found = [wire.ShareOut.of(share) for share in await perdure.shares.list(actor, session_id)]
    return wire.ShareList(session_id=session_id, shares=found, total=len(found))


@routes.post(
    "/api/sessions/{session_id}/shares",
    status_code=201,
    responses=problem_answers(403, 404, 409),
    openapi_extra=repeatable(),
)
async def create_share(
    session_id: SessionPath, body: wire.ShareIn, perdure: Services, actor: Caller
) -> wire.ShareOut:
    """Share the session with somebody who has an account here; shared already, it is changed."""
    share = await perdure.shares.create(
        actor,
        session_id,
        role=body.role,
        email=body.email,
        user_id=body.user_id,
        expires_at=body.expires_at,
    )
    return wire.ShareOut.of(share)


@routes.patch("/api/sessions/{session_id}/shares/{share_id}", responses=problem_answers(403, 404))
async def change_share(
    session_id: SessionPath, share_id: Uuid, body: wire.ShareChange, perdure: Services, actor: Caller
) -> wire.ShareOut:
    """Change a share's role or time; it is named by its id or by the person's."""
    changes: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    return wire.ShareOut.of(await perdure.shares.update(actor, session_id, share_id, **changes))


@routes.delete("/api/sessions/{session_id}/shares/{share_id}", responses=problem_answers(403, 404))
async def delete_share(
    session_id: SessionPath, share_id: Uuid, perdure: Services, actor: Caller
) -> wire.ShareEnded:
    """Take a share away, named by its id or by the person's; everybody may leave by taking away their own."""
    await perdure.shares.delete(actor, session_id, share_id)
    return wire.ShareEnded()


@routes.get("/api/sessions/{session_id}/share-links", responses=problem_answers(403, 404))
async def list_share_links(session_id: SessionPath, perdure: Services, actor: Caller) -> wire.ShareLinkList:
    """List the links that can be accepted still; no token is among it."""
    found = [wire.ShareLinkOut.of(link) for link in await perdure.share_links.list(actor, session_id)]
    return wire.ShareLinkList(session_id=session_id, share_links=found, total=len(found))


# Not repeatable: the kept answer would hold the token.
@routes.post("/api/sessions/{session_id}/share-links", status_code=201, responses=problem_answers(403, 404))
async def create_share_link(
    session_id: SessionPath, body: wire.ShareLinkIn, perdure: Services, actor: Caller
) -> wire.ShareLinkMade:
    """Make a link. Its token is in this answer only; a repeat of the request makes another link."""
    until: datetime | None = body.expires_at
    if body.expires_in_hours is not None:
        until = utc_now() + timedelta(hours=body.expires_in_hours)
    link, token = await perdure.share_links.create(actor, session_id, role=body.role, expires_at=until)
    shown = wire.ShareLinkOut.of(link)
    return wire.ShareLinkMade(**shown.model_dump(), token=token, path=f"/join#{token}")


@routes.delete("/api/sessions/{session_id}/share-links/{share_link_id}", responses=problem_answers(403, 404))
async def delete_share_link(
    session_id: SessionPath, share_link_id: Uuid, perdure: Services, actor: Caller
) -> wire.ShareEnded:
    """Let nobody accept a link any more; shares that it made stay."""
    await perdure.share_links.delete(actor, session_id, share_link_id)
    return wire.ShareEnded()


@routes.post("/api/share-links/accept", responses=problem_answers(403, 404))
async def accept_share_link(
    body: wire.ShareLinkAccept, perdure: Services, actor: Caller
) -> wire.ShareLinkAccepted:
    """Get what a link gives; accepted again, it changes nothing."""
    return wire.ShareLinkAccepted.of(await perdure.share_links.accept(actor, body.token.get_secret_value()))


@routes.get("/api/sessions/{session_id}/viewers", responses=problem_answers(404))
async def list_viewers(session_id: SessionPath, perdure: Services, actor: Caller) -> wire.ViewerList:
    """List who watches the session now, on all servers; on sockets a `presence` frame tells of changes."""
    found = [wire.ViewerOut.of(viewer) for viewer in await perdure.presence.viewers(actor, session_id)]
    return wire.ViewerList(session_id=session_id, viewers=found, total=len(found))
