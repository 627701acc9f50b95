"""What lists and pages give back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict

from perdure.core.access import Actor
from perdure.core.clock import wire_time
from perdure.core.events import Event
from perdure.core.messages import Author, Message
from perdure.core.runs import Run
from perdure.core.sessions import Session, SessionHead
from perdure.core.shares import without_secrets
from perdure.store import operations
from perdure.store.summaries import owners_and_shares, summaries_of
from perdure.store.transaction import Tx

S = TypeVar("S", bound=SessionHead, covariant=True)
H = TypeVar("H", bound=SessionHead)
SessionRole = Literal["owner", "view", "edit", "admin", "server-admin"]


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
    question: str | None = None
    """What is asked, of several questions the oldest, and until when it can be answered."""
    answer_by: datetime | None = None
    plan_steps: int | None = None
    plan_steps_done: int | None = None
    role: SessionRole = "owner"
    """What it is to the person who asks."""
    owner_name: str | None = None
    shared: bool = False
    """Whether it is shared with anybody."""


@dataclass(frozen=True)
class SessionPage:
    """One page of sessions; `total` is the true number, `counts` has every status.

    `groups` has every group, counted over all pages with every filter but those of status and group; None when
    nobody asked.
    """

    sessions: list[SessionRow[SessionHead]]
    total: int
    limit: int
    offset: int
    next_cursor: str | None
    counts: dict[str, int]
    current_session_id: str | None
    groups: dict[str, int] | None = None


@dataclass(frozen=True)
class MessagePage:
    """Messages in ascending position; `next_cursor` leads to older ones."""

    messages: list[Message]
    total: int
    has_more: bool
    next_cursor: str | None


@dataclass(frozen=True)
class EventPage:
    """Events in ascending `seq`; `next_after` or, reading backwards, `next_before` goes on where this page ends."""

    events: list[Event]
    last_seq: int
    epoch: int
    has_more: bool
    next_after: int
    next_before: int | None


class StartResult(BaseModel):
    """What became of an input: a run, or a place in the queue, or a word to the live run."""

    model_config = ConfigDict(frozen=True)

    run: Run | None = None
    queue_item: dict[str, object] | None = None
    message_id: str | None = None
    steered: bool = False
    interrupted: str | None = None
    """The run that gave way to it and may still have a call in flight."""


@dataclass(frozen=True)
class SessionView:
    """A session with what stands beside it and the newest page of its conversation, of one moment."""

    row: SessionRow[Session]
    history: MessagePage


def session_rows(tx: Tx, actor: Actor, found: Sequence[H]) -> list[SessionRow[H]]:
    """Return each session with what a list shows beside it, in the same order, as the actor may see it."""
    beside = summaries_of(tx, [session.id for session in found])
    names, given = owners_and_shares(tx, actor.user_id, found)
    return [
        SessionRow(
            seen_by(role, session),
            without_secrets_of(summary.run) if role == "view" and summary.run else summary.run,
            summary.pending_approvals,
            summary.cost_usd_micros,
            summary.unpriced_calls,
            summary.queue_length,
            summary.question,
            summary.answer_by,
            summary.plan_steps,
            summary.plan_steps_done,
            role,
            names.get(session.owner_id),
            session.id in given,
        )
        for session in found
        for summary in (beside[session.id],)
        for role in (role_of(actor, session, given.get(session.id)),)
    ]


def role_of(actor: Actor, session: SessionHead, given: str | None) -> SessionRole:
    """Return what the actor is to a session that they may read; `given` is the role of their share."""
    if session.owner_id == actor.user_id:
        return "owner"
    if actor.is_admin or actor.is_system:
        return "server-admin"
    return cast("SessionRole", given or "view")


def without_secrets_of(run: Run) -> Run:
    """Return the run as those see it who only watch."""
    return run.model_copy(update={"config": without_secrets(run.config)})


def seen_by(role: SessionRole, session: H) -> H:
    """Return the session without what its viewers do not see: metadata, and secrets in its config."""
    if role != "view" or not isinstance(session, Session):
        return session
    return session.model_copy(update={"metadata": {}, "config": without_secrets(session.config)})


def waiting_inputs(tx: Tx, session_id: str) -> list[dict[str, Any]]:
    """Return what waits for a session, in order, each as `waiting_input` does."""
    rows = operations.list_queue(tx, session_id)
    authors = operations.authors_in(tx, [operations.writer_of(row) for row in rows])
    return [_shown(row, authors.get(operations.writer_of(row))) for row in rows]


def waiting_input(tx: Tx, row: dict[str, Any]) -> dict[str, Any]:
    """Return one row of the queue with who wrote it last."""
    return _shown(row, operations.author_in(tx, operations.writer_of(row)))


def _shown(row: dict[str, Any], author: Author | None) -> dict[str, Any]:
    return {
        "id": row["id"],
        "queue_item_id": row["id"],
        "session_id": row["session_id"],
        "position": row["position"],
        "content": row["content"],
        "config": row["config"],
        "task_id": row["task_id"],
        "author": author.model_dump() if author else None,
        "created_at": wire_time(row["created_at"]),
    }
