"""Messages: the entries of a conversation, made of parts."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from perdure.core.access import Actor


class MessageRole(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class Author(BaseModel):
    """The person who said something, with the name they had when they said it."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    name: str


def author_of(actor: Actor) -> Author | None:
    """Return as whom somebody speaks; None for the server itself."""
    return None if actor.is_system else Author(user_id=actor.user_id, name=actor.name)


class Message(NamedTuple):
    """One entry; `position` counts 1, 2, 3 … without gaps inside its session.

    A tuple, since histories are read in thousands and these are made from rows we wrote ourselves; what not
    everybody looks at is made when somebody does.
    """

    id: str
    session_id: str
    position: int
    role: MessageRole
    agent: str | None
    said: str | list[dict[str, Any]]
    """Plain text, or the parts of what is more."""
    run_id: str | None
    at_us: int
    """When it was stored, in microseconds since 1970 (UTC)."""
    author: dict[str, str] | None = None
    """`{user_id, name}` of the person who said it, as the log has it; None for agents and older entries."""

    @property
    def created_at(self) -> datetime:
        """When it was stored."""
        return datetime.fromtimestamp(self.at_us / 1e6, UTC)  # exact to the microsecond until the year 2242

    @property
    def parts(self) -> list[dict[str, Any]]:
        """`{"type": "text", "text"}`, or `type` `tool_call`, `tool_result` or `file` with their fields."""
        return text_parts(self.said) if isinstance(self.said, str) else self.said

    @property
    def text(self) -> str:
        """All text parts joined."""
        if isinstance(self.said, str):
            return self.said
        return "".join(p.get("text", "") for p in self.said if p.get("type") == "text")


def text_parts(text: str) -> list[dict[str, Any]]:
    """Return the parts of a plain text message."""
    return [{"type": "text", "text": text}]
