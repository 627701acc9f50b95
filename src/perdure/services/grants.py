"""What a person allowed tools for a whole session: categories, among its context variables."""

from __future__ import annotations

from typing import Any, cast

from perdure.core.access import Action, Actor
from perdure.core.sessions import Session
from perdure.core.tools import ToolCategory
from perdure.services import lifecycle
from perdure.services.access import session_for
from perdure.store import sessions
from perdure.store.store import Store
from perdure.store.transaction import Tx

KEY = "_tool_grants"


class GrantService:
    """What was allowed for a session, to be seen and taken back."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, actor: Actor, session_id: str) -> list[ToolCategory]:
        """Return the categories that need no question in this session."""
        return await self._store.read(lambda tx: granted(session_for(tx, actor, session_id, Action.READ)))

    async def revoke(
        self, actor: Actor, session_id: str, category: ToolCategory | None = None
    ) -> list[ToolCategory]:
        """Take back what was allowed, or all of it; returns what is left. Taken back before, nothing changes.

        It holds from the next call on, in a live run too; a call that has begun is not broken off.
        """

        def body(tx: Tx) -> list[ToolCategory]:
            session = session_for(tx, actor, session_id, Action.CONTROL, lock=True)
            known = granted(session)
            left = [] if category is None else [each for each in known if each is not category]
            if left != known:
                changed = _store_in(tx, session, left)
                gone = [str(each) for each in known if each not in left]
                tx.audit(actor, "grant.revoke", "session", session.id, categories=gone)
                tx.emit(
                    session.id, lifecycle.session_update(changed, f"{', '.join(gone)} not allowed any more")
                )
            return left

        return await self._store.write(body)


def granted(session: Session) -> list[ToolCategory]:
    """Return the categories that need no question in this session; what cannot be read grants nothing."""
    stored: Any = session.context_variables.get(KEY)
    names = cast("list[Any]", stored) if isinstance(stored, list) else []
    return [ToolCategory(name) for name in names if name in set(ToolCategory)]


def granted_in(tx: Tx, session_id: str) -> list[ToolCategory]:
    """Return the categories that need no question in a session now."""
    return granted(sessions.get_session(tx, session_id))


def add_in(tx: Tx, session_id: str, category: ToolCategory, run_id: str | None = None) -> None:
    """Allow a category for the rest of the session, and log it; allowed before, nothing changes."""
    session = sessions.get_session(tx, session_id, lock=True)
    known = granted(session)
    if category not in known:
        changed = _store_in(tx, session, [*known, category])
        tx.emit(
            session_id,
            lifecycle.session_update(changed, f"{category} allowed for the rest of the session"),
            run_id=run_id,
        )


def _store_in(tx: Tx, session: Session, categories: list[ToolCategory]) -> Session:
    others = {name: value for name, value in session.context_variables.items() if name != KEY}
    names = sorted(str(each) for each in categories)
    variables = {**others, KEY: names} if names else others
    return sessions.change_session(tx, session, context_variables=variables)
