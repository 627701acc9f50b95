"""The conversation of a session, and its log."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import Query
from starlette.responses import StreamingResponse

from perdure.api.auth import Caller, Services
from perdure.api.route import repeatable, stored
from perdure.api.routes.parts import SessionPath, Shape, check_text, flat, router
from perdure.api.wire.events import EventList
from perdure.api.wire.messages import HistoryOut, MessageAccepted, MessageIn, MessageOut
from perdure.api.wire.problems import problem_answers
from perdure.api.wire.sessions import SessionAction
from perdure.core.events import Event
from perdure.errors import InvalidInput
from perdure.services.idempotency import answering
from perdure.services.views import EventPage

routes = router("history")
MAX_SEQ = 2**53
_LOG_PAGE = 1000
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[P^_X][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
PositionQuery = Annotated[int | None, Query(ge=0, le=MAX_SEQ)]
AfterQuery = Annotated[int, Query(ge=0, le=MAX_SEQ)]
BeforeQuery = Annotated[
    int | None, Query(ge=1, le=MAX_SEQ, description="The newest before this one, instead of the first.")
]
SearchQuery = Annotated[
    str, Query(max_length=200, description="Only events that say this, in any case of letters.")
]


@routes.get("/api/sessions/{session_id}/history", responses=problem_answers(404))
async def get_history(
    session_id: SessionPath,
    perdure: Services,
    actor: Caller,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: PositionQuery = None,
    after: PositionQuery = None,
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the page before: older messages.")
    ] = None,
    shape: Shape = "envelope",
) -> HistoryOut:
    """Read messages, oldest first: the newest page, or the one before or after a position."""
    if cursor is not None:
        if not cursor.isdigit():
            raise InvalidInput("This cursor was not given by this list.", field="cursor")
        before = int(cursor)
    page = await perdure.history.messages(actor, session_id, before=before, after=after, limit=limit)
    messages = [MessageOut.of(message) for message in page.messages]
    if shape == "flat":
        return flat(messages, page.total)  # pyright: ignore[reportReturnType]
    return HistoryOut(
        session_id=session_id,
        total_messages=page.total,
        total=page.total,
        messages=messages,
        has_more=page.has_more,
        next_cursor=page.next_cursor,
    )


@routes.delete("/api/sessions/{session_id}/history", responses=problem_answers(404, 409))
async def clear_history(session_id: SessionPath, perdure: Services, actor: Caller) -> SessionAction:
    """Let the conversation start anew from here; nothing is erased."""
    await perdure.history.clear(actor, session_id)
    session = (await perdure.sessions.get(actor, session_id)).session
    return SessionAction(
        session_id=session.id, status=session.status, message="History cleared", version=session.version
    )


@routes.post(
    "/api/sessions/{session_id}/messages",
    status_code=202,
    responses=problem_answers(404, 409, 413),
    openapi_extra=repeatable(),
)
async def send_message(
    session_id: SessionPath, body: MessageIn, perdure: Services, actor: Caller
) -> MessageAccepted:
    """Send an input: it starts a run, or does what `on_busy` says while one is live."""
    content = check_text(body.content, perdure.settings.max_text_bytes, "content")
    answer = partial(MessageAccepted.after, session_id)
    with answering(202, stored(answer)):
        result = await perdure.runs.start(
            actor, session_id, content, task_id=body.task_id, config=body.config, on_busy=body.on_busy
        )
    return answer(result)


@routes.get("/api/sessions/{session_id}/events", responses=problem_answers(404))
async def list_events(
    session_id: SessionPath,
    perdure: Services,
    actor: Caller,
    after: AfterQuery = 0,
    before: BeforeQuery = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    event_type: Annotated[list[str] | None, Query(alias="type")] = None,
    search: SearchQuery = "",
    shape: Shape = "envelope",
) -> EventList:
    """Read the log after a sequence number, the same frames as on the socket, or search it.

    A search looks through a bounded stretch of the log for each answer: while `has_more`, more may be found.
    """
    types = tuple(part for text in event_type or () for part in text.split(",") if part)
    page = await perdure.history.event_page(
        actor, session_id, after=after, before=before, limit=limit, types=types, search=search
    )
    return _event_list(session_id, page, shape)


@routes.get("/api/sessions/{session_id}/console", responses=problem_answers(404))
async def list_console(
    session_id: SessionPath,
    perdure: Services,
    actor: Caller,
    after: AfterQuery = 0,
    before: BeforeQuery = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    search: SearchQuery = "",
    shape: Shape = "envelope",
) -> EventList:
    """Read what was printed, in order, or search it as the log is searched."""
    page = await perdure.history.event_page(
        actor, session_id, after=after, before=before, limit=limit, types=("console",), search=search
    )
    return _event_list(session_id, page, shape)


@routes.get(
    "/api/sessions/{session_id}/console.log",
    response_class=StreamingResponse,
    responses={**problem_answers(404), 200: {"content": {"text/plain": {}}}},
)
async def get_console_log(session_id: SessionPath, perdure: Services, actor: Caller) -> StreamingResponse:
    """Read everything that was printed as one text, a line each: time, stream, text without colours."""
    through = await perdure.history.export_console(actor, session_id)

    async def lines() -> AsyncIterator[str]:
        after = 0
        while after < through:
            events = await perdure.history.console(actor, session_id, after, _LOG_PAGE)
            if not events:
                return
            yield "".join(_printed(event) for event in events if event.seq <= through)
            after = events[-1].seq

    headers = {"Content-Disposition": f'attachment; filename="{session_id}.log"'}
    return StreamingResponse(lines(), media_type="text/plain; charset=utf-8", headers=headers)


def _printed(event: Event) -> str:
    """Return the lines of a console event as text; what only a terminal understands is left out."""
    start = f"{event.frame()['timestamp']} {event.payload.get('stream', 'log')} "
    return "".join(f"{start}{_ESCAPES.sub('', line)}\n" for line in event.payload["lines"])


def _event_list(session_id: str, page: EventPage, shape: str) -> EventList:
    frames = [event.frame() for event in page.events]
    if shape == "flat":
        return flat(frames, len(frames))  # pyright: ignore[reportReturnType]
    return EventList(
        session_id=session_id,
        events=frames,
        last_seq=page.last_seq,
        epoch=page.epoch,
        has_more=page.has_more,
        next_after=page.next_after,
        next_before=page.next_before,
    )
