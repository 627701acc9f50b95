"""Named secrets of the caller: set and deleted, never read."""

from __future__ import annotations

from datetime import datetime

from perdure.client.models import Wire
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, reads, segment


class Secret(Wire):
    """A secret without its value."""

    secret_id: str
    name: str
    created_at: datetime | None = None
    updated_at: datetime | None = None


class SecretPage(Wire):
    """The caller's secrets, by name."""

    secrets: list[Secret]
    total: int = 0


class SecretGone(Wire):
    """The secret is deleted."""

    success: bool = True


def list_() -> Call[SecretPage]:
    """Read the names of the caller's secrets."""
    return Call("GET", "/api/secrets", reads(SecretPage))


def put(name: str, value: str) -> Call[Secret]:
    """Set a secret; configs refer to it by `{"$secret": name}`."""
    return Call("PUT", f"/api/secrets/{segment(name)}", reads(Secret), body={"value": value})


def delete(name: str) -> Call[SecretGone]:
    """Delete a secret; what refers to it fails from now on and says so."""
    return Call("DELETE", f"/api/secrets/{segment(name)}", reads(SecretGone), repeatable=False)


class Secrets(Group):
    """`client.secrets`."""

    list = Sync(list_)
    put = Sync(put)
    delete = Sync(delete)


class AsyncSecrets(AsyncGroup):
    """`client.secrets`, awaited."""

    list = Async(list_)
    put = Async(put)
    delete = Async(delete)
