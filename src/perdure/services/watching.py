"""Whether those who have sockets and streams open still may: asked for all of them together, every few seconds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from perdure.core.access import Actor
from perdure.services.credentials import standing
from perdure.store.store import Store
from perdure.store.transaction import Tx
from perdure.store.watching import people_by_session


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds at this moment."""

    actors: dict[str, Actor]
    """Who acts by each credential that still counts."""
    people: dict[str, set[str]]
    """Owner and sharers of each watched session that exists."""

    def actor(self, known: Actor) -> Actor | None:
        """Return the actor with today's rights, or None when their credential has ended."""
        now = self.actors.get(known.credential_id or "")
        return None if now is None or now.user_id != known.user_id else replace(now, source=known.source)

    def may_read(self, actor: Actor, session_id: str) -> bool:
        """Whether the actor may still watch a session."""
        people = self.people.get(session_id)
        return people is not None and (actor.is_admin or actor.user_id in people)


class WatchService:
    """Reads what the check of open sockets and streams needs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def standing(self, actors: Collection[Actor], session_ids: Collection[str]) -> Standing:
        """Return what holds: one query for sign-ins, one for keys, one for sessions, however many are open."""
        credentials = {actor.credential_id for actor in actors if actor.credential_id is not None}

        def body(tx: Tx) -> Standing:
            return Standing(standing(tx, credentials), people_by_session(tx, session_ids))

        return await self._store.read(body)
