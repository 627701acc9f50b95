"""The conversation and the event log, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.events import Event, HistoryCleared
from perdure.core.messages import Message, author_of
from perdure.core.sessions import Session
from perdure.errors import InvalidInput
from perdure.services.access import session_for
from perdure.services.conversation import wire_messages
from perdure.services.views import EventPage, MessagePage
from perdure.store import events, messages, sessions
from perdure.store.event_search import search_events
from perdure.store.store import Store
from perdure.store.transaction import Tx

_MAX_PAGE = 1000


class HistoryService:
    """Reads of the log, and messages from outside."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def messages(
        self,
        actor: Actor,
        session_id: str,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> MessagePage:
        """Return a page in ascending position: the newest, the one before `before`, or the one after `after`."""
        limit = min(limit, _MAX_PAGE)

        def body(tx: Tx) -> MessagePage:
            session = session_for(tx, actor, session_id, Action.READ)
            return message_page(tx, session, before=before, after=after, limit=limit)

        return await self._store.read(body)

    async def add(self, actor: Actor, session_id: str, entries: Sequence[dict[str, Any]]) -> list[Message]:
        """Append messages (`role`, `content`, `agent`) and return them as stored.

        Raises:
            InvalidInput: naming the entry that is not a message; nothing is stored then.
        """
        fresh = wire_messages(list(entries), author_of(actor))
        if not fresh:
            raise InvalidInput("Send at least one message.", field="messages")

        def body(tx: Tx) -> list[Message]:
            session = session_for(tx, actor, session_id, Action.SEND)
            tx.append(session.id, *fresh)
            tx.hint(session.owner_id, "message:received", session.id)
            stored = messages.list_messages(tx, session.id, limit=len(fresh))
            chars = sum(len(message.text) for message in stored)
            tx.audit(actor, "message.add", "session", session.id, messages=len(fresh), chars=chars)
            return stored

        return await self._store.write(body)

    async def clear(self, actor: Actor, session_id: str) -> None:
        """Let the conversation start anew from here; nothing is erased."""

        def body(tx: Tx) -> None:
            session = session_for(tx, actor, session_id, Action.EDIT, lock=True)
            sessions.lock_log(tx, session.id)
            session = sessions.get_session(tx, session.id)
            tx.emit(session.id, HistoryCleared(position=session.message_count))
            messages.set_history_floor(tx, session.id, session.message_count)
            tx.audit(actor, "history.clear", "session", session.id, messages=session.message_count)

        await self._store.write(body)

    async def events(
        self, actor: Actor, session_id: str, *, after: int = 0, limit: int = 200, types: Sequence[str] = ()
    ) -> list[Event]:
        """Return events after `after` in ascending `seq`."""

        def body(tx: Tx) -> list[Event]:
            session = session_for(tx, actor, session_id, Action.READ)
            return events.list_events(tx, session.id, after=after, limit=min(limit, _MAX_PAGE), types=types)

        return await self._store.read(body)

    async def event_page(
        self,
        actor: Actor,
        session_id: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int = 200,
        types: Sequence[str] = (),
        search: str = "",
    ) -> EventPage:
        """Return the first events after `after`, or with `before` the newest before it; ascending either way.

        `search` keeps those that say it. One page looks through a bounded stretch of the log, so it may be
        empty although more is found further on: `has_more` says whether to go on.
        """

        def body(tx: Tx) -> EventPage:
            session = session_for(tx, actor, session_id, Action.READ)
            last, epoch = sessions.log_head(tx, session.id)
            end = last + 1 if before is None else min(before, last + 1)
            found = search_events(
                tx,
                session.id,
                search.strip(),
                after=after,
                before=end,
                backwards=before is not None,
                limit=min(limit, _MAX_PAGE),
                types=types,
            )
            if before is None:
                reached = max(found.reached, after)
                return EventPage(found.events, last, epoch, reached < last, reached, None)
            more = found.reached > after + 1
            return EventPage(found.events, last, epoch, more, max(end - 1, after), found.reached)

        return await self._store.read(body)

    async def export_console(self, actor: Actor, session_id: str) -> int:
        """Note that the actor takes all that was printed; returns the `seq` up to which that is."""

        def body(tx: Tx) -> int:
            session = session_for(tx, actor, session_id, Action.READ)
            last, _ = sessions.log_head(tx, session.id)
            tx.audit(actor, "session.export", "session", session.id, what="console", through=last)
            return last

        return await self._store.write(body)

    async def console(self, actor: Actor, session_id: str, after: int = 0, limit: int = 200) -> list[Event]:
        """Return console events after `after` in ascending `seq`."""
        return await self.events(actor, session_id, after=after, limit=limit, types=("console",))

    async def frames(
        self, actor: Actor | None, session_id: str, after: int, limit: int
    ) -> list[tuple[int, bytes]]:
        """Return `(seq, JSON of the frame)` after `after`; actor None means that access was checked before."""

        def body(tx: Tx) -> list[tuple[int, bytes]]:
            if actor is not None:
                session_for(tx, actor, session_id, Action.READ)
            return events.read_frames(tx, session_id, after, limit)

        return await self._store.read(body, snapshot=actor is not None)

    async def head(self, session_id: str) -> tuple[int, int]:
        """Return the log's last sequence number and its epoch."""
        return await self._store.read(lambda tx: sessions.log_head(tx, session_id), snapshot=False)


def message_page(
    tx: Tx, session: Session, *, before: int | None = None, after: int | None = None, limit: int = 50
) -> MessagePage:
    """Return a page of a session that the caller may read; see `HistoryService.messages`."""
    page = messages.list_messages(tx, session.id, before=before, after=after, limit=limit + 1)
    more = len(page) > limit
    page = (page[:limit] if after is not None else page[-limit:]) if more else page
    edge = (page[-1] if after is not None else page[0]).position if page else None
    return MessagePage(
        messages=page,
        total=session.message_count - messages.history_floor(tx, session.id),
        has_more=more,
        next_cursor=str(edge) if more else None,
    )
