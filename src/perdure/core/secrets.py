"""Secrets in configs: given in clear or as a reference, stored and shown as a reference only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_serializer

from perdure.errors import InvalidInput

REFERENCE = "$secret"
SHORTEST, LONGEST = 8, 8192
"""Characters of a secret value; a shorter one could not be kept out of logs without hiding ordinary words."""
MARK = "x-secret"
"""Stands in the JSON Schema of a config key whose values are secrets."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VALUE = r"^[^\x00-\x1f\x7f]+$"


class SecretRef(BaseModel):
    """`{"$secret": "name"}`: a named secret of the session's owner, or the id of one of the session itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True)

    name: str = Field(alias=REFERENCE, min_length=1, max_length=64)

    @model_serializer
    def _plain(self) -> dict[str, str]:
        return reference(self.name)


Secret = Annotated[
    SecretRef | Annotated[str, Field(min_length=SHORTEST, max_length=LONGEST, pattern=_VALUE)],
    WithJsonSchema({"type": "string", "format": "password", "writeOnly": True, MARK: True}),
]
"""The type of a config key whose value is a secret. In a run it is always a `SecretRef`."""


@dataclass(frozen=True, slots=True)
class NamedSecret:
    """What is known of a secret without its value."""

    id: str
    owner_id: str
    session_id: str | None
    name: str
    created_at: datetime
    updated_at: datetime


def reference(name: str) -> dict[str, str]:
    """Return the reference to a secret."""
    return {REFERENCE: name}


def name_of(value: Any) -> str | None:
    """Return the name in a reference; None when the value is none."""
    if not isinstance(value, Mapping) or len(cast("Mapping[str, Any]", value)) != 1:
        return None
    name = cast("Mapping[str, Any]", value).get(REFERENCE)
    return name if isinstance(name, str) else None


def is_of_session(name: str) -> bool:
    """Whether a reference is the id of a session's own secret and not the name of a user's."""
    return _ID.fullmatch(name) is not None


def check_secret_name(name: str) -> str:
    """Return the name of a user's secret.

    Raises:
        InvalidInput: when it is none.
    """
    if not _NAME.fullmatch(name) or is_of_session(name):
        raise InvalidInput(
            "The name of a secret is 1 to 64 lower-case letters, digits, - and _, and begins with a letter.",
            field="name",
        )
    return name


def check_secret_value(value: str) -> str:
    """Return the value. The error says nothing of it.

    Raises:
        InvalidInput: when it is too short, too long, or has control characters.
    """
    if not SHORTEST <= len(value) <= LONGEST or not re.fullmatch(_VALUE, value):
        raise InvalidInput(
            f"A secret has {SHORTEST} to {LONGEST} characters, and no control characters.", field="value"
        )
    return value


def secret_keys(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys of a config whose JSON Schema marks them as secret (`x-secret` or `writeOnly`)."""
    properties = cast("Mapping[str, Any]", schema.get("properties") or {})
    return frozenset(key for key, part in properties.items() if _is_marked(part))


def map_secrets(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return the value of a secret key with each text and each reference in it changed."""
    if isinstance(value, str) or name_of(value) is not None:
        return change(value)
    if isinstance(value, Mapping):
        return {key: map_secrets(each, change) for key, each in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [map_secrets(each, change) for each in cast("list[Any]", value)]
    return value


def references(config: Mapping[str, Any], keys: Iterable[str]) -> set[str]:
    """Return all names that the secret keys of a config refer to."""
    found: set[str] = set()

    def note(value: Any) -> Any:
        if (name := name_of(value)) is not None:
            found.add(name)
        return value

    for key in keys:
        map_secrets(config.get(key), note)
    return found


def _is_marked(part: Any) -> bool:
    if isinstance(part, Mapping):
        given = cast("Mapping[str, Any]", part)
        return (
            given.get(MARK) is True or given.get("writeOnly") is True or any(map(_is_marked, given.values()))
        )
    return isinstance(part, list) and any(map(_is_marked, cast("list[Any]", part)))
