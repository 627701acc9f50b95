"""The queue of inputs on the wire."""

from __future__ import annotations

from typing import Any

from pydantic import AliasChoices, Field

from perdure.api.wire.base import Body, Json, Uuid, Wire


class QueueOut(Wire):
    """Inputs that wait for the live run to end, next first."""

    session_id: str
    items: list[Json]
    total: int


class QueueAdd(Body):
    """An input to run later."""

    content: str = Field(validation_alias=AliasChoices("content", "task", "text"))
    config: dict[str, Any] = Field(default_factory=dict)


class QueueChange(Body):
    """New text or config of a waiting input; what is not named stays as it is."""

    content: str | None = Field(None, validation_alias=AliasChoices("content", "task", "text"))
    config: dict[str, Any] | None = None


class QueueOrder(Body):
    """All waiting inputs in their new order."""

    item_ids: list[Uuid] = Field(validation_alias=AliasChoices("item_ids", "itemIds", "ids", "order"))
