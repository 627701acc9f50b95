"""Events on the wire: every type with its payload, as one union that readers switch on by `type`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, Field, create_model

from perdure.api.wire.base import Wire, WireTime
from perdure.core.events import EVENT_TYPES, EventData


class EventBase(BaseModel):
    """What every event carries besides its payload."""

    seq: int
    """1, 2, 3 … without gaps inside the session."""
    id: str
    """`session_id:seq`."""
    session_id: str
    run_id: str | None
    step: str | None
    timestamp: WireTime


def _event_model(event_type: str, payload: type[EventData]) -> type[EventBase]:
    name = payload.__name__.removesuffix("Event") + "Event"
    fields: dict[str, Any] = {"type": (Literal[event_type], ...), "data": (payload, ...)}  # pyright: ignore[reportInvalidTypeForm]
    return create_model(name, __base__=EventBase, __doc__=payload.__doc__, **fields)


EVENT_MODELS: dict[str, type[EventBase]] = {
    name: _event_model(name, data) for name, data in EVENT_TYPES.items()
}
AnyEvent = Annotated[Union[tuple(EVENT_MODELS.values())], Field(discriminator="type")]  # pyright: ignore[reportInvalidTypeForm, reportInvalidTypeArguments]  # noqa: UP007
"""Union of all event types, told apart by `type`."""


class EventList(Wire):
    """Events after a cursor, ascending."""

    session_id: str
    events: list[dict[str, Any]]
    last_seq: int
    epoch: int
    has_more: bool
    next_after: int
    next_before: int | None
    """Where older ones begin; null unless `before` was asked for."""
