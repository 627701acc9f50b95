"""The socket's streams as server-sent events, for readers that only listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import Header, Query, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from perdure.api.auth import Caller, Services
from perdure.api.routes.parts import SessionPath, router
from perdure.api.socket.connections import Connections
from perdure.api.socket.presence import presence_text
from perdure.api.socket.protocol import (
    ReauthFrame,
    ResetFrame,
    SessionsFrame,
    SyncFrame,
    encode,
    encode_error,
    seq_of,
)
from perdure.api.wire.problems import problem_answers
from perdure.api.wire.sessions import SessionSummary
from perdure.core.access import Actor
from perdure.errors import NotFound, PerdureError, TooMany
from perdure.live.bus import ListHint
from perdure.live.feed import NOTHING_DRAFTED, Feed
from perdure.services.presence import Viewers
from perdure.services.sessions import SessionQuery

routes = router("streams")
_SIGN_OF_LIFE_S = 15.0
_LONGEST_LINE = 1000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_ANSWER: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}
LastEventId = Annotated[str | None, Header(description="Where to go on: `seq` or `session_id:seq`.")]


class _Stream:
    """A stream as a reader that is counted; `over` is set when it has to end, with what it says last."""

    def __init__(self, actor: Actor, session_id: str | None = None) -> None:
        self.actor: Actor | None = actor
        self.watched = frozenset({session_id} if session_id is not None else ())
        self.over = asyncio.Event()
        self.last = ""

    def ping(self, text: str) -> None:
        """Streams write their own signs of life."""

    async def go_away(self, code: int, reason: str) -> None:
        """End without a word: the reader comes back with its cursor."""
        self.over.set()

    def lose(self, session_id: str) -> None:
        """End, because the person may no longer see the session."""
        error = NotFound("There is no such session.", session_id=session_id)
        self.last = _data(encode_error(error, session_id=session_id))
        self.over.set()

    def sign_out(self, error: PerdureError) -> None:
        """End, because the credential behind the stream has ended."""
        self.last = _data(encode(ReauthFrame(code=error.code, message=error.message)))
        self.over.set()


class _News:
    """The newest word of who watches the session, until the stream takes it."""

    def __init__(self, session_id: str) -> None:
        self.come = asyncio.Event()
        self._session_id = session_id
        self._text = ""

    def tell(self, viewers: Viewers) -> bool:
        """Take who is there now."""
        self._text = presence_text(self._session_id, viewers)
        self.come.set()
        return True

    def take(self) -> str:
        """Give the frame out once; empty when nothing is new."""
        self.come.clear()
        text, self._text = self._text, ""
        return text


class _Events(StreamingResponse):
    """Server-sent events; `end` is called when they end, also when the reader left before they began."""

    def __init__(self, body: AsyncIterator[str], end: Callable[[], None]) -> None:
        super().__init__(body, media_type="text/event-stream", headers=_HEADERS)
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._end()


@routes.get(
    "/api/sessions/stream",
    response_class=StreamingResponse,
    responses={**_ANSWER, **problem_answers(429)},
)
async def stream_sessions(request: Request, perdure: Services, actor: Caller) -> StreamingResponse:
    """Follow the caller's session list: a snapshot, then hints."""
    connections: Connections = request.app.state.connections
    actor = await _fresh(perdure, actor)
    hints: asyncio.Queue[ListHint] = asyncio.Queue(_LONGEST_LINE)
    # Before the list is read, so that no change falls between the two.
    stop = perdure.hub.follow_list(
        actor.user_id, lambda hint: None if hints.full() else hints.put_nowait(hint)
    )
    stream = _Stream(actor)
    try:
        found = await perdure.sessions.list(actor, SessionQuery())
        _admit(connections, stream, actor.user_id)
    except BaseException:
        stop()
        raise
    snapshot = SessionsFrame(
        sessions=[SessionSummary.of(row) for row in found.sessions],
        total=found.total,
        counts=found.counts,
        current_session_id=found.current_session_id,
    )

    async def body() -> AsyncIterator[str]:
        yield "retry: 1000\n\n" + _data(encode(snapshot))
        while not stream.over.is_set():
            hint = await _first(hints.get(), stream.over.wait())
            yield (
                _data(orjson.dumps(hint, default=str).decode()) if isinstance(hint, dict) else ": ping\n\n"
            )
        if stream.last:
            yield stream.last

    def end() -> None:
        stop()
        connections.release(stream)

    return _Events(body(), end)


@routes.get(
    "/api/sessions/{session_id}/stream",
    response_class=StreamingResponse,
    responses={**_ANSWER, **problem_answers(404, 429)},
)
async def stream_session(
    session_id: SessionPath,
    request: Request,
    perdure: Services,
    actor: Caller,
    last_event_id: LastEventId = None,
    after: Annotated[str | None, Query(description="As `Last-Event-ID`, which wins.")] = None,
) -> StreamingResponse:
    """Follow a session's log after a cursor; each event's `id` is the cursor to come back with."""
    connections: Connections = request.app.state.connections
    start = seq_of(last_event_id or after)
    actor = await _fresh(perdure, actor)
    await perdure.sessions.get(actor, session_id)
    stream, news = _Stream(actor, session_id), _News(session_id)
    _admit(connections, stream, actor.user_id)

    stop = perdure.presence.follow(session_id, actor.user_id, news.tell)

    async def body() -> AsyncIterator[str]:
        await connections.note(stream, None, session_id, actor.user_id)
        async with perdure.hub.open(session_id) as feed:
            async for text in _log(feed, start, stream.over, news):
                yield text
        if stream.last:
            yield stream.last

    def end() -> None:
        stop()
        connections.release(stream)

    return _Events(body(), end)


def _admit(connections: Connections, stream: _Stream, user_id: str) -> None:
    connections.admit(stream)
    try:
        connections.claim(stream, user_id)
    except TooMany:
        connections.release(stream)
        raise


async def _fresh(perdure: Services, actor: Actor) -> Actor:
    """Return the actor as the rows have it now: what stays open is not built on what was true seconds ago."""
    return actor if perdure.settings.auth == "local" else await perdure.credentials.fresh(actor)


async def _log(feed: Feed, after: int, over: asyncio.Event, news: _News) -> AsyncIterator[str]:
    if after > feed.head:
        await feed.pull()
    if after > feed.head:
        reset = ResetFrame(session_id=feed.session_id, epoch=feed.epoch, floor=0, reason="unknown cursor")
        yield _data(encode(reset))
        return
    epoch = feed.epoch
    sync = SyncFrame(session_id=feed.session_id, epoch=epoch, from_seq=after + 1, through_seq=feed.head)
    yield "retry: 1000\n\n" + _data(encode(sync))
    drafts = NOTHING_DRAFTED
    while not over.is_set():
        version = feed.version
        if feed.epoch != epoch:
            yield _data(
                encode(ResetFrame(session_id=feed.session_id, epoch=feed.epoch, floor=0, reason="restored"))
            )
            return
        frames = await feed.read(after)
        if frames:
            after = frames[-1][0]
            yield "".join(f"id: {feed.session_id}:{seq}\ndata: {data.decode()}\n\n" for seq, data in frames)
            continue
        deltas, drafts = feed.draft_texts(drafts), feed.drafts
        if deltas:
            yield "".join(_data(text) for text in deltas)
        elif text := news.take():
            yield _data(text)
        else:
            grew = await _first(feed.wait(version, _SIGN_OF_LIFE_S), over.wait(), news.come.wait())
            if not grew and not news.come.is_set():
                yield ": ping\n\n"


async def _first(wanted: Coroutine[Any, Any, Any], *others: Coroutine[Any, Any, Any]) -> Any:
    """Return what `wanted` gives, or None when one of the others is done first or nothing came for a while."""
    tasks = [asyncio.ensure_future(each) for each in (wanted, *others)]
    try:
        await asyncio.wait(tasks, timeout=_SIGN_OF_LIFE_S, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None
    finally:
        for task in tasks:
            task.cancel()


def _data(text: str) -> str:
    return f"data: {text}\n\n"
