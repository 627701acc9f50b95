"""The parts that all wire models share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from perdure.core.clock import wire_time
from perdure.core.messages import Author
from perdure.ids import parse_uuid

WireTime = Annotated[
    datetime,
    PlainSerializer(wire_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""UTC, ISO 8601 with microseconds and `Z`."""
Json = dict[str, Any]


def _uuid(value: Any) -> str:
    return parse_uuid(value, "id") if isinstance(value, str) else value


def _checked_uuid(value: Any) -> Any:
    from perdure.errors import InvalidInput

    try:
        return _uuid(value)
    except InvalidInput as error:
        raise ValueError(error.message) from None


Uuid = Annotated[str, BeforeValidator(_checked_uuid), WithJsonSchema({"type": "string", "format": "uuid"})]
"""An id on its way in: any spelling of a UUID, kept in the canonical one."""


class Wire(BaseModel):
    """Base of everything that leaves the server."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class AuthorOut(Wire):
    """The person who said or answered something, with the name they had then."""

    user_id: str
    name: str

    @classmethod
    def of(cls, author: Author) -> AuthorOut:
        """Return the wire form."""
        return cls(user_id=author.user_id, name=author.name)


class Body(BaseModel):
    """Base of everything that comes in; fields nobody knows are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ListPage(Wire):
    """The envelope of every list; the items stand under the plural of their noun."""

    total: int
    limit: int
    offset: int
    next_cursor: str | None = None
