"""How much may wait for a session or be said to a run: bounded, so that nobody fills a database by steering."""

from __future__ import annotations

from typing import Any

from perdure.core.runs import Run
from perdure.errors import Conflict
from perdure.store import operations
from perdure.store.transaction import Tx

MAX_QUEUED = 100
"""Inputs that wait for the open run of one session to end."""
MAX_ADDED = 200
"""Words to one run, by steering and with resumes."""
MAX_ADDED_CHARS = 1_000_000
"""Of all words to one run together; each of its agents is told all of them."""


def queue_in(tx: Tx, session_id: str, *, first: bool = False, **values: Any) -> dict[str, Any]:
    """Put an input into a session's queue, at the end or before all others, and return it.

    Raises:
        Conflict: when `MAX_QUEUED` inputs wait already.
    """
    if len(operations.list_queue(tx, session_id)) >= MAX_QUEUED:
        raise Conflict(
            f"{MAX_QUEUED} inputs wait in this session already, which is the most there may be. "
            "Take some out of the queue, or wait until they have run.",
            session_id=session_id,
            limit=MAX_QUEUED,
        )
    return operations.insert_queue_item(tx, session_id=session_id, first=first, **values)


def added_to(run: Run, text: str) -> list[str]:
    """Return all that was said to a run, with `text` at the end.

    Raises:
        Conflict: when it would be more than `MAX_ADDED` words, or `MAX_ADDED_CHARS` characters.
    """
    given: list[str] = list(run.config.get("additional_context") or [])
    if len(given) >= MAX_ADDED:
        raise Conflict(
            f"This run was told {MAX_ADDED} things already, which is the most there may be. "
            "Send a message when it has ended.",
            run_id=run.id,
            limit=MAX_ADDED,
        )
    chars = sum(len(each) for each in given) + len(text)
    if chars > MAX_ADDED_CHARS:
        raise Conflict(
            f"With this the run would have been told {chars} characters; {MAX_ADDED_CHARS} is the most. "
            "Put long texts into a file of the workspace.",
            run_id=run.id,
            limit=MAX_ADDED_CHARS,
        )
    return [*given, text]
