"""What lists and pages give back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from perdure.core.messages import Message
from perdure.core.runs import Run
from perdure.core.sessions import Session, SessionHead
from perdure.store.summaries import summaries_of
from perdure.store.transaction import Tx

S = TypeVar("S", bound=SessionHead, covariant=True)
H = TypeVar("H", bound=SessionHead)


@dataclass(frozen=True)
class SessionRow(Generic[S]):
    """A session with what a list shows beside it."""

    session: S
    run: Run | None = None
    """Its newest run."""
    pending_approvals: int = 0
    cost_usd_micros: int = 0
    unpriced_calls: int = 0
    queue_length: int = 0


@dataclass(frozen=True)
class SessionPage:
    """One page of sessions; `total` is the true number, `counts` has every status."""

    sessions: list[SessionRow[SessionHead]]
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


@dataclass(frozen=True)
class SessionView:
    """A session with what stands beside it and the newest page of its conversation, of one moment."""

    row: SessionRow[Session]
    history: MessagePage


def session_rows(tx: Tx, found: Sequence[H]) -> list[SessionRow[H]]:
    """Return each session with what a list shows beside it, in the same order."""
    beside = summaries_of(tx, [session.id for session in found])
    return [
        SessionRow(
            session,
            summary.run,
            summary.pending_approvals,
            summary.cost_usd_micros,
            summary.unpriced_calls,
            summary.queue_length,
        )
        for session in found
        for summary in (beside[session.id],)
    ]
