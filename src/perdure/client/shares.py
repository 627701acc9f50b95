"""Sessions shared with people, and by links."""

from __future__ import annotations

from datetime import datetime

from perdure.client import people
from perdure.client.models import Json
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, given, reads, segment


def _path(session_id: str, rest: str) -> str:
    return f"/api/sessions/{segment(session_id)}{rest}"


def list_(session_id: str) -> Call[people.SharePage]:
    """Read with whom a session is shared."""
    return Call("GET", _path(session_id, "/shares"), reads(people.SharePage))


def create(
    session_id: str,
    role: str,
    *,
    email: str | None = None,
    user_id: str | None = None,
    expires_at: datetime | None = None,
) -> Call[people.Share]:
    """Share a session with somebody as `view`, `edit` or `admin`; nobody can give more than they have."""
    body = given(email=email, user_id=user_id, role=role, expires_at=_text(expires_at))
    return Call("POST", _path(session_id, "/shares"), reads(people.Share), body=body)


def update(session_id: str, share_id: str, patch: Json) -> Call[people.Share]:
    """Change `role` or `expires_at`; None as `expires_at` means for ever."""
    path = _path(session_id, f"/shares/{segment(share_id)}")
    return Call("PATCH", path, reads(people.Share), body=patch)


def delete(session_id: str, share_id: str) -> Call[people.Done]:
    """End a share; one's own share ends by leaving the session."""
    path = _path(session_id, f"/shares/{segment(share_id)}")
    return Call("DELETE", path, reads(people.Done), repeatable=False)


def viewers(session_id: str) -> Call[people.ViewerPage]:
    """Read who has a session open at the moment."""
    return Call("GET", _path(session_id, "/viewers"), reads(people.ViewerPage))


def list_links(session_id: str) -> Call[people.ShareLinkPage]:
    """Read the links of a session, without their tokens."""
    return Call("GET", _path(session_id, "/share-links"), reads(people.ShareLinkPage))


def create_link(
    session_id: str,
    role: str = "view",
    *,
    expires_at: datetime | None = None,
    expires_in_hours: int | None = None,
) -> Call[people.ShareLink]:
    """Make a link that shares a session with whoever has it; good for a week unless told otherwise."""
    body = given(role=role, expires_at=_text(expires_at), expires_in_hours=expires_in_hours)
    return Call("POST", _path(session_id, "/share-links"), reads(people.ShareLink), body=body)


def delete_link(session_id: str, share_link_id: str) -> Call[people.Done]:
    """Revoke a link; shares that were made by it stay."""
    path = _path(session_id, f"/share-links/{segment(share_link_id)}")
    return Call("DELETE", path, reads(people.Done), repeatable=False)


def accept(token: str) -> Call[people.Joined]:
    """Use a link: the session is shared with the caller from now on."""
    return Call("POST", "/api/share-links/accept", reads(people.Joined), body={"token": token})


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


class Shares(Group):
    """`client.shares`."""

    list = Sync(list_)
    create = Sync(create)
    update = Sync(update)
    delete = Sync(delete)
    viewers = Sync(viewers)


class AsyncShares(AsyncGroup):
    """`client.shares`, awaited."""

    list = Async(list_)
    create = Async(create)
    update = Async(update)
    delete = Async(delete)
    viewers = Async(viewers)


class ShareLinks(Group):
    """`client.share_links`."""

    list = Sync(list_links)
    create = Sync(create_link)
    delete = Sync(delete_link)
    accept = Sync(accept)


class AsyncShareLinks(AsyncGroup):
    """`client.share_links`, awaited."""

    list = Async(list_links)
    create = Async(create_link)
    delete = Async(delete_link)
    accept = Async(accept)
