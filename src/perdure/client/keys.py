"""API keys of the caller."""

from __future__ import annotations

from datetime import datetime

from perdure.client import people
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, given, reads, segment


def list_() -> Call[people.KeyPage]:
    """Read the caller's keys, without the keys themselves."""
    return Call("GET", "/api/auth/keys", reads(people.KeyPage))


def create(
    name: str,
    scopes: list[str],
    *,
    expires_at: datetime | None = None,
    expires_in_days: int | None = None,
) -> Call[people.Key]:
    """Make a key for some of `read`, `work`, `manage`, `admin`; this answer alone has it in `key`."""
    body = given(
        name=name,
        scopes=scopes,
        expires_at=expires_at.isoformat() if expires_at else None,
        expires_in_days=expires_in_days,
    )
    return Call("POST", "/api/auth/keys", reads(people.Key), body=body)


def revoke(key_id: str) -> Call[people.Done]:
    """End a key; what was opened with it ends too."""
    return Call("DELETE", f"/api/auth/keys/{segment(key_id)}", reads(people.Done), repeatable=False)


class Keys(Group):
    """`client.keys`."""

    list = Sync(list_)
    create = Sync(create)
    revoke = Sync(revoke)


class AsyncKeys(AsyncGroup):
    """`client.keys`, awaited."""

    list = Async(list_)
    create = Async(create)
    revoke = Async(revoke)
