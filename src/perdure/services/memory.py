"""What a session remembers between runs: its conversation and its context variables."""

from __future__ import annotations

from typing import Any

from perdure.core.runs import Run
from perdure.errors import InvalidInput
from perdure.store import messages, sessions
from perdure.store.transaction import Tx

_PAGE = 200


def said_before(tx: Tx, run: Run, limit: int) -> list[dict[str, Any]]:
    """Return the conversation before a run, oldest first, at most the `limit` newest entries.

    Each: role, text, agent. What was cleared is left out.
    """
    found: list[dict[str, Any]] = []
    before: int | None = None
    while len(found) < limit:
        page = messages.list_messages(tx, run.session_id, before=before, limit=_PAGE)
        if not page:
            break
        before = page[0].position
        earlier = [m for m in page if m.run_id != run.id]
        found = [{"role": str(m.role), "text": m.text, "agent": m.agent} for m in earlier] + found
    return found[-limit:] if limit > 0 else []


def variables(tx: Tx, session_id: str) -> dict[str, Any]:
    """Return a session's context variables; names with an underscore in front are the server's own."""
    stored = sessions.get_session(tx, session_id).context_variables
    return {name: value for name, value in stored.items() if not name.startswith("_")}


def set_in(tx: Tx, session_id: str, values: dict[str, Any]) -> None:
    """Merge values into a session's context variables; None removes one.

    Raises:
        InvalidInput: when a name is reserved.
    """
    reserved = sorted(name for name in values if name.startswith("_"))
    if reserved:
        raise InvalidInput(f"{', '.join(reserved)}: names with an underscore in front are reserved.")
    session = sessions.get_session(tx, session_id, lock=True)
    merged = {**session.context_variables, **values}
    kept = {name: value for name, value in merged.items() if value is not None}
    if kept != session.context_variables:
        sessions.change_session(tx, session, context_variables=kept)
