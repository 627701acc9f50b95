"""What lists and pages give back."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from perdure.core.messages import Message
from perdure.core.runs import Run
from perdure.core.sessions import Session


class SessionRow(BaseModel):
    """A session with what a list shows beside it."""

    model_config = ConfigDict(frozen=True)

    session: Session
    run: Run | None = None
    """Its newest run."""
    pending_approvals: int = 0
    cost_usd_micros: int = 0
    unpriced_calls: int = 0
    queue_length: int = 0


class SessionPage(BaseModel):
    """One page of sessions; `total` is the true number, `counts` has every status."""

    model_config = ConfigDict(frozen=True)

    sessions: list[SessionRow]
    total: int
    limit: int
    offset: int
    next_cursor: str | None
    counts: dict[str, int]
    current_session_id: str | None


@dataclass(frozen=True)
class MessagePage:
    """Messages in ascending position; `next_cursor` leads to older ones."""

    messages: list[Message]
    total: int
    has_more: bool
    next_cursor: str | None


class StartResult(BaseModel):
    """What became of an input: a run, or a place in the queue, or a word to the live run."""

    model_config = ConfigDict(frozen=True)

    run: Run | None = None
    queue_item: dict[str, object] | None = None
    message_id: str | None = None
    steered: bool = False
