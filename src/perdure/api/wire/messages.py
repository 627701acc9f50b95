"""Messages on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field

from perdure.api.wire.base import AuthorOut, Body, Json, Wire, WireTime
from perdure.core.messages import Message, MessageRole
from perdure.services.views import StartResult


class MessageOut(Wire):
    """One entry of a conversation; `content` is all its text."""

    message_id: str
    id: str
    position: int
    role: MessageRole
    agent: str | None
    author: AuthorOut | None
    content: str
    parts: list[Json]
    run_id: str | None
    timestamp: WireTime

    @classmethod
    def of(cls, message: Message) -> MessageOut:
        """Return the wire form."""
        return cls(
            message_id=message.id,
            id=message.id,
            position=message.position,
            role=message.role,
            agent=message.agent,
            author=AuthorOut(**message.author) if message.author else None,
            content=message.text,
            parts=message.parts,
            run_id=message.run_id,
            timestamp=message.created_at,
        )


class HistoryOut(Wire):
    """A page of a conversation, oldest first; without a cursor it is the newest page."""

    session_id: str
    total_messages: int
    total: int
    messages: list[MessageOut]
    has_more: bool
    next_cursor: str | None


class MessageIn(Body):
    """An input for a session: it starts a run, or reaches the one that is live as `on_busy` says."""

    content: str = Field(validation_alias=AliasChoices("content", "message", "text"))
    on_busy: str | None = Field(None, validation_alias=AliasChoices("on_busy", "onBusy"))
    config: dict[str, Any] = Field(default_factory=dict)
    task_id: str | None = Field(None, validation_alias=AliasChoices("task_id", "taskId"))


class MessageAccepted(Wire):
    """What became of an input: a run, or a place in the queue, or neither when it steered the live run."""

    success: bool = True
    session_id: str
    message_id: str | None
    run_id: str | None
    status: str
    queue_item: Json | None
    message: str

    @classmethod
    def after(cls, session_id: str, result: StartResult) -> MessageAccepted:
        """Return the wire form."""
        if result.queue_item is not None:
            outcome = ("queued", "It waits for the live run to end")
        elif result.steered:
            outcome = ("delivered", "The live run gets it at its next step")
        else:
            outcome = ("started", "A run has started")
        return cls(
            session_id=session_id,
            message_id=result.message_id,
            run_id=result.run.id if result.run else None,
            status=outcome[0],
            queue_item=result.queue_item,
            message=outcome[1],
        )
