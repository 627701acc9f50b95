"""What is appended to logs, and the text its payloads are stored as."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from perdure.core.events import NewEvent
from perdure.redaction import redactor
from perdure.store.columns import dumps

MESSAGE = "agent_message"
_OF_PROGRAMS = frozenset(
    {"console", "tool_call", "tool_result", "code_execution", "step_failed", "workflow_failed", "error"}
    | {"approval_request", "step_completed", "workflow_complete"}
)
"""What tools and providers said may hold keys of others; what people wrote is left as it is."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events for one session, in order."""

    session_id: str
    events: Sequence[NewEvent]

    @property
    def keys(self) -> list[str]:
        """The dedupe keys in it."""
        return [event.dedupe for event in self.events if event.dedupe is not None]


def without_known(events: Sequence[NewEvent], known: Collection[str]) -> list[NewEvent]:
    """Return the events that are not in the log yet, each dedupe key once."""
    seen = set(known)
    fresh: list[NewEvent] = []
    for event in events:
        if event.dedupe is not None:
            if event.dedupe in seen:
                continue
            seen.add(event.dedupe)
        fresh.append(event)
    return fresh


def payload_of(event: NewEvent) -> str:
    """Return the payload of any event but a message as it is stored."""
    text = dumps(event.payload)
    return redactor.text(text) if event.type in _OF_PROGRAMS else redactor.known(text)


def after_position(event: NewEvent) -> str:
    """Return the payload of a message as it is stored behind `{"position":N`, a number given when it is written."""
    payload = dict(event.payload)
    payload.pop("position", None)
    if payload.get("parts") == [{"type": "text", "text": payload.get("content")}]:
        payload["parts"] = []  # plain text stands once
    return f",{redactor.known(dumps(payload))[1:]}" if payload else "}"
