"""What a person allowed tools for a whole session: categories, among its context variables."""

from __future__ import annotations

from typing import Any, cast

from perdure.core.sessions import Session
from perdure.core.tools import ToolCategory
from perdure.store import sessions
from perdure.store.transaction import Tx

KEY = "_tool_grants"


def granted(session: Session) -> list[ToolCategory]:
    """Return the categories that need no question in this session; what cannot be read grants nothing."""
    stored: Any = session.context_variables.get(KEY)
    names = cast("list[Any]", stored) if isinstance(stored, list) else []
    return [ToolCategory(name) for name in names if name in set(ToolCategory)]


def add_in(tx: Tx, session_id: str, category: ToolCategory) -> None:
    """Allow a category for the rest of the session; allowed before, nothing changes."""
    session = sessions.get_session(tx, session_id, lock=True)
    known = granted(session)
    if category not in known:
        names = sorted(str(each) for each in [*known, category])
        sessions.change_session(tx, session, context_variables={**session.context_variables, KEY: names})
