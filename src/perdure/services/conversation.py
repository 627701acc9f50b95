"""Putting entries into a conversation: what every service that speaks uses inside its transaction."""

from __future__ import annotations

from typing import Any

from perdure.core.events import AgentMessage, NewEvent
from perdure.core.messages import Author, MessageRole, text_parts
from perdure.errors import InvalidInput
from perdure.ids import new_id


def message_event(
    role: str,
    content: str,
    *,
    agent: str | None = None,
    parts: list[dict[str, Any]] | None = None,
    message_id: str | None = None,
    run_id: str | None = None,
    step_id: str | None = None,
    dedupe: str | None = None,
    author: Author | None = None,
) -> NewEvent:
    """Return the event that is the message; the appender gives it its position.

    Raises:
        InvalidInput: on an unknown role.
    """
    try:
        role = MessageRole(role)
    except ValueError:
        raise InvalidInput(
            f"{role!r} is not a role; use one of {', '.join(MessageRole)}.", field="role"
        ) from None
    message_id = message_id or new_id()
    if parts is None and type(content) is str and (agent is None or type(agent) is str):
        # Just what the payload's class would make of it: nothing is left for it to check.
        payload = {
            "message_id": message_id,
            "position": 0,
            "role": role.value,
            "agent": agent,
            "content": content,
            "parts": text_parts(content),
            "author": None if author is None else {"user_id": author.user_id, "name": author.name},
        }
        return NewEvent(AgentMessage.type, payload, run_id, step_id, dedupe)
    data = AgentMessage(
        message_id=message_id,
        position=0,
        role=role,
        agent=agent,
        content=content,
        parts=parts if parts is not None else text_parts(content),
        author=author,
    )
    return NewEvent.of(data, run_id=run_id, step_id=step_id, dedupe=dedupe)


def wire_messages(entries: list[dict[str, Any]], author: Author | None) -> list[NewEvent]:
    """Return the events of messages that came from outside (`role`, `content`, `agent`, `parts`).

    What a user says in them is said by `author`, who brought them, whatever an entry claims.

    Raises:
        InvalidInput: naming the entry that is not a message.
    """
    found: list[NewEvent] = []
    for index, entry in enumerate(entries):
        content = entry.get("content", "")
        if not isinstance(entry.get("role"), str) or not isinstance(content, str):
            raise InvalidInput(
                f"Message {index} needs a `role` and a `content` that are text.", field=f"messages.{index}"
            )
        found.append(
            message_event(
                entry["role"],
                content,
                agent=entry.get("agent") or entry.get("name"),
                parts=entry.get("parts"),
                author=author if entry["role"] == MessageRole.USER else None,
            )
        )
    return found


def check_text(text: str, limit_bytes: int, field: str) -> str:
    """Return the text if it can be stored.

    Raises:
        InvalidInput: when it is empty, too long, or holds NUL bytes or lone surrogates.
    """
    if not text.strip():
        raise InvalidInput(f"`{field}` is empty; write what should be done.", field=field)
    if "\0" in text:
        raise InvalidInput(f"`{field}` holds NUL bytes; remove them.", field=field)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidInput(f"`{field}` is not valid Unicode text.", field=field) from None
    if size > limit_bytes:
        raise InvalidInput(f"`{field}` has {size} bytes; at most {limit_bytes} are accepted.", field=field)
    return text
