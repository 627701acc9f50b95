"""Sessions: create, list, read, change, save, delete, and many at once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response

from perdure.api.auth import Caller, Services
from perdure.api.route import repeatable, stored
from perdure.api.routes.parts import IfMatch, Page, SessionPath, Shape, flat, router
from perdure.api.views import session_detail
from perdure.api.wire import sessions as wire
from perdure.api.wire.modes import ModeList, ModeOut
from perdure.api.wire.problems import problem_answers
from perdure.core.session_groups import SessionGroup
from perdure.errors import InvalidInput
from perdure.services.idempotency import answering
from perdure.services.sessions import SessionQuery

routes = router("sessions")


@routes.post(
    "/api/sessions", status_code=201, responses=problem_answers(409, 413), openapi_extra=repeatable()
)
async def create_session(
    body: wire.SessionCreate, perdure: Services, actor: Caller, response: Response
) -> wire.SessionCreated:
    """Create a session; nothing runs until it gets a message or a task."""
    if body.template_id is not None:
        raise InvalidInput("This server has no templates; leave `template_id` out.", field="template_id")
    with answering(201, stored(wire.SessionCreated.of)):
        session = await perdure.sessions.create(
            actor,
            mode=body.mode,
            config=body.config,
            name=body.name,
            metadata=body.metadata,
            resource_limits=body.resource_limits,
            tags=body.tags,
            session_id=body.session_id,
        )
    response.headers["Location"] = f"/api/sessions/{session.id}"
    response.headers["ETag"] = wire.etag(session.version)
    return wire.SessionCreated.of(session)


@routes.get("/api/sessions", responses=problem_answers())
async def list_sessions(
    perdure: Services,
    actor: Caller,
    page: Page,
    status: Annotated[list[str] | None, Query(description="Several are possible, also with commas.")] = None,
    group: Annotated[
        list[SessionGroup] | None,
        Query(description="By the newest run and open questions too; several are possible."),
    ] = None,
    groups: Annotated[
        bool, Query(description="Count the groups as well, with every filter but `status` and `group`.")
    ] = False,
    mode: str | None = None,
    user_id: Annotated[
        str | None, Query(description="Administrators: what this person owns, or `all`.")
    ] = None,
    shared: Annotated[
        bool | None, Query(description="Only what is shared with the caller, or only their own; else both.")
    ] = None,
    q: Annotated[str | None, Query(max_length=500)] = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    tag: str | None = None,
    sort: str = "-last_active_at",
    shape: Shape = "envelope",
) -> wire.SessionPage:
    """List what the caller owns and what is shared with them, the most recently active first."""
    statuses = tuple(part.strip() for text in status or () for part in text.split(",") if part.strip())
    query = SessionQuery(
        status=statuses,
        groups=tuple(group or ()),
        mode=mode,
        q=q,
        created_after=created_after,
        created_before=created_before,
        tag=tag,
        user_id=user_id,
        shared=shared,
        sort=sort,
        limit=page.limit,
        offset=page.offset,
        cursor=page.cursor,
    )
    found = await perdure.sessions.list(actor, query, count_groups=groups)
    rows = [wire.SessionSummary.of(row) for row in found.sessions]
    if shape == "flat":
        return flat(rows, found.total)  # pyright: ignore[reportReturnType]  # a response stands for itself
    return wire.SessionPage(
        sessions=rows,
        total=found.total,
        limit=found.limit,
        offset=found.offset,
        next_cursor=found.next_cursor,
        counts=found.counts,
        groups=found.groups,
        current_session_id=found.current_session_id,
    )


@routes.get("/api/sessions/modes/list")
async def list_modes(perdure: Services, shape: Shape = "envelope") -> ModeList:
    """List the installed modes with the forms of their configs."""
    modes = [ModeOut.of(spec) for spec in perdure.modes.list()]
    if shape == "flat":
        return flat(modes, len(modes))  # pyright: ignore[reportReturnType]
    return ModeList(modes=modes, total=len(modes))


@routes.get("/api/sessions/active", responses=problem_answers(404))
async def get_active_session(perdure: Services, actor: Caller, response: Response) -> wire.SessionDetail:
    """Read the caller's most recently active session."""
    row = await perdure.sessions.active(actor)
    return await session_detail(perdure, actor, row, response)


@routes.post("/api/sessions/bulk", responses=problem_answers(404), openapi_extra=repeatable())
async def command_sessions(
    body: wire.BulkIn, perdure: Services, actor: Caller, request: Request
) -> wire.BulkOut:
    """Give the same command to many sessions; each has its own result."""
    if body.command == "resume":
        for _ in body.session_ids:
            await request.app.state.rates.run_start(actor)
    results = await perdure.sessions.bulk(actor, body.command, body.session_ids)
    succeeded = sum(1 for result in results if result.get("success"))
    return wire.BulkOut(
        command=body.command, results=results, succeeded=succeeded, failed=len(results) - succeeded
    )


@routes.get("/api/sessions/{session_id}", responses=problem_answers(404))
async def get_session(
    session_id: SessionPath, perdure: Services, actor: Caller, response: Response
) -> wire.SessionDetail:
    """Read a session with the newest page of its conversation; a stream goes on after `as_of_seq`."""
    view = await perdure.sessions.view(actor, session_id)
    return await session_detail(perdure, actor, view.row, response, view.history)


@routes.put("/api/sessions/{session_id}", responses=problem_answers(404, 409, 413))
async def replace_session(
    session_id: SessionPath,
    body: wire.SessionChange,
    perdure: Services,
    actor: Caller,
    version: IfMatch,
    response: Response,
) -> wire.SessionCreated:
    """Replace name, tags, metadata, config or limits, each that is named as a whole."""
    return await _change(perdure, actor, session_id, body, version, response, replace=True)


@routes.patch("/api/sessions/{session_id}", responses=problem_answers(404, 409, 413))
async def change_session(
    session_id: SessionPath,
    body: wire.SessionChange,
    perdure: Services,
    actor: Caller,
    version: IfMatch,
    response: Response,
) -> wire.SessionCreated:
    """Merge into name, tags, metadata, config or limits; null removes a key."""
    return await _change(perdure, actor, session_id, body, version, response, replace=False)


@routes.put("/api/sessions/{session_id}/state", responses=problem_answers(404, 409, 413))
async def save_session_state(
    session_id: SessionPath,
    body: wire.StateIn,
    perdure: Services,
    actor: Caller,
    version: IfMatch,
    response: Response,
) -> wire.SessionCreated:
    """Save a state from outside; of two writers with the same version one wins, the other gets 409."""
    session = await perdure.sessions.save_state(
        actor,
        session_id,
        messages=[message.model_dump() for message in body.messages],
        context_variables=body.context_variables,
        current_phase=body.current_phase,
        current_step=body.current_step,
        plan_data=body.plan_data,
        expected_version=body.expected_version if body.expected_version is not None else version,
        conversation_history=body.conversation_history,
    )
    response.headers["ETag"] = wire.etag(session.version)
    return wire.SessionCreated.of(session)


async def _change(
    perdure: Services,
    actor: Caller,
    session_id: str,
    body: wire.SessionChange,
    version: int | None,
    response: Response,
    *,
    replace: bool,
) -> wire.SessionCreated:
    patch: dict[str, Any] = body.model_dump(exclude_unset=True)
    session = await perdure.sessions.update(
        actor, session_id, patch=patch, replace=replace, if_version=version
    )
    response.headers["ETag"] = wire.etag(session.version)
    return wire.SessionCreated.of(session)
