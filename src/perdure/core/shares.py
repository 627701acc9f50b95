"""Shares: which person may do what in somebody else's session, until when, and the links that make shares."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

from perdure.core.access import Role

GIVEN_ROLES = (Role.VIEW, Role.EDIT, Role.ADMIN)
"""What can be given, ascending; being the owner cannot."""
HIDDEN = "[hidden]"
_SECRET_KEY = re.compile(
    r"(^|[_-])(pass(word|phrase|wd)?|secrets?|credentials?|authorization|cookie|(api|access|private)[_-]?key|"
    r"(auth|access|refresh|bearer|api|id|secret)?[_-]?token)$",
    re.IGNORECASE,
)


class Share(BaseModel):
    """One person's right to one session. It counts until `expires_at`, or always."""

    model_config = ConfigDict(frozen=True)

    id: str
    session_id: str
    user_id: str
    name: str
    email: str | None = None
    role: Role
    expires_at: datetime | None = None
    created_by: str
    created_at: datetime


class ShareLink(BaseModel):
    """A link that makes a share for whoever accepts it; its token is known to nobody but whom it was shown."""

    model_config = ConfigDict(frozen=True)

    id: str
    session_id: str
    role: Role
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    created_by: str
    created_at: datetime


class Person(BaseModel):
    """Somebody with whom a session can be shared."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    email: str | None = None


def reaches(role: Role, other: Role) -> bool:
    """Whether `role` allows at least what `other` does."""
    ascending = [*GIVEN_ROLES, Role.OWNER]
    return ascending.index(role) >= ascending.index(other)


def lasts_longer(one: datetime | None, other: datetime | None) -> bool:
    """Whether something that ends at `one` outlives what ends at `other`; None is never."""
    if other is None:
        return False
    return one is None or one > other


def without_secrets(config: dict[str, Any], *, drop: bool = False) -> dict[str, Any]:
    """Return a config as people see it who may only watch: values of secrets are hidden, their keys are not.

    With `drop` the keys are left out too: what is left is a config.
    """
    return {
        key: HIDDEN if _is_secret(key, value) else _hidden(value, drop)
        for key, value in config.items()
        if not (drop and _is_secret(key, value))
    }


def _hidden(value: Any, drop: bool) -> Any:
    if isinstance(value, list):
        given = cast("list[Any]", value)
        return [
            HIDDEN if _is_secret("", v) else _hidden(v, drop)
            for v in given
            if not (drop and _is_secret("", v))
        ]
    return without_secrets(cast("dict[str, Any]", value), drop=drop) if isinstance(value, dict) else value


def _is_secret(key: str, value: Any) -> bool:
    if isinstance(value, dict) and "$secret" in value:
        return True
    return value is not None and _SECRET_KEY.search(key) is not None
