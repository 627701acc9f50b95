"""Named secrets on the wire: a value comes in and never goes out."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, WithJsonSchema

from perdure.api.wire.base import Body, ListPage, Wire, WireTime
from perdure.core.secrets import LONGEST, SHORTEST, NamedSecret

_SHAPE = {
    "type": "string",
    "format": "password",
    "writeOnly": True,
    "minLength": SHORTEST,
    "maxLength": LONGEST,
}


class SecretIn(Body):
    """The value of a secret."""

    value: Annotated[str, Field(repr=False), WithJsonSchema(_SHAPE)]


class SecretOut(Wire):
    """A secret without its value."""

    secret_id: str
    id: str
    name: str
    created_at: WireTime
    updated_at: WireTime

    @classmethod
    def of(cls, secret: NamedSecret) -> Self:
        """Return how it is shown."""
        return cls(
            secret_id=secret.id,
            id=secret.id,
            name=secret.name,
            created_at=secret.created_at,
            updated_at=secret.updated_at,
        )


class SecretPage(ListPage):
    """The caller's secrets, by name."""

    secrets: list[SecretOut]


class SecretGone(Wire):
    """The secret is deleted."""

    success: bool = True
