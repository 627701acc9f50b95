"""Shares, share links and viewers on the wire. A link's token goes out once and comes in to be accepted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, ConfigDict, Field, SecretStr, field_validator, model_validator

from perdure.api.wire.base import Body, Uuid, Wire, WireTime
from perdure.core.shares import Share, ShareLink
from perdure.services.share_links import Accepted
from perdure.store.presence import Viewer

RoleGiven = Literal["view", "edit", "admin"]
_LONGEST_HOURS = 24 * 365


class _Strict(Body):
    """A field that nobody knows is an error here: what grants something must not be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("expires_at", check_fields=False)
    @classmethod
    def _in_utc(cls, moment: datetime | None) -> datetime | None:
        try:
            return None if moment is None else moment.astimezone(UTC)
        except OverflowError:
            raise ValueError("this time lies beyond what can be stored") from None


class ShareIn(_Strict):
    """With whom to share, and what they may do; without a time it lasts for ever."""

    email: str | None = Field(None, min_length=1, max_length=1000)
    user_id: Uuid | None = None
    role: RoleGiven
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_person(self) -> ShareIn:
        if (self.email is None) == (self.user_id is None):
            raise ValueError("name the person by `email` or by `user_id`")
        return self


class ShareChange(_Strict):
    """What is different now; null as the time means for ever."""

    role: RoleGiven | None = None
    expires_at: AwareDatetime | None = None


class ShareOut(Wire):
    """What one person may do in a session that is not theirs."""

    share_id: str
    id: str
    session_id: str
    user_id: str
    name: str
    email: str | None
    role: RoleGiven
    expires_at: WireTime | None
    created_at: WireTime
    created_by: str
    """The id of whoever gave it."""

    @classmethod
    def of(cls, share: Share) -> ShareOut:
        """Return the wire form."""
        return cls(share_id=share.id, **share.model_dump())


class ShareList(Wire):
    """With whom a session is shared, oldest first."""

    session_id: str
    shares: list[ShareOut]
    total: int


class ShareLinkIn(_Strict):
    """What whoever accepts the link may do, and until when; seven days, unless told otherwise."""

    role: RoleGiven
    expires_at: AwareDatetime | None = None
    expires_in_hours: int | None = Field(None, ge=1, le=_LONGEST_HOURS)

    @model_validator(mode="after")
    def _one_time(self) -> ShareLinkIn:
        if self.expires_at is not None and self.expires_in_hours is not None:
            raise ValueError("give `expires_at` or `expires_in_hours`, not both")
        return self


class ShareLinkOut(Wire):
    """A link, without its token."""

    share_link_id: str
    id: str
    session_id: str
    role: RoleGiven
    expires_at: WireTime | None
    created_at: WireTime
    created_by: str

    @classmethod
    def of(cls, link: ShareLink) -> ShareLinkOut:
        """Return the wire form."""
        return cls(share_link_id=link.id, **link.model_dump(exclude={"revoked_at"}))


class ShareLinkMade(ShareLinkOut):
    """A new link; its token is in no other answer."""

    token: str
    path: str
    """The console's page that accepts it; the token stands behind `#` and is in no log."""


class ShareLinkList(Wire):
    """The links that can be accepted still, oldest first."""

    session_id: str
    share_links: list[ShareLinkOut]
    total: int


class ShareLinkAccept(_Strict):
    """The token of a link."""

    token: SecretStr = Field(min_length=1, max_length=1000)


class ShareReplaced(Wire):
    """A share that another one took the place of; it does not come back when that one ends."""

    role: Literal["view", "edit", "admin"]
    expires_at: WireTime | None


class ShareLinkAccepted(Wire):
    """What the caller may do in the session now, and what that took the place of."""

    success: bool = True
    session_id: str
    role: Literal["view", "edit", "admin", "owner"]
    expires_at: WireTime | None
    replaced: ShareReplaced | None

    @classmethod
    def of(cls, accepted: Accepted) -> ShareLinkAccepted:
        """Return the wire form."""
        before = accepted.replaced
        return cls(
            session_id=accepted.session_id,
            role=str(accepted.role),  # pyright: ignore[reportArgumentType]
            expires_at=accepted.expires_at,
            replaced=None
            if before is None
            else ShareReplaced(
                role=str(before.role),  # pyright: ignore[reportArgumentType]
                expires_at=before.expires_at,
            ),
        )


class ShareEnded(Wire):
    """It is no more."""

    success: bool = True


class ViewerOut(Wire):
    """Somebody who watches a session now."""

    user_id: str
    name: str
    since: WireTime
    connections: int

    @classmethod
    def of(cls, viewer: Viewer) -> ViewerOut:
        """Return the wire form."""
        return cls(
            user_id=viewer.user_id, name=viewer.name, since=viewer.since, connections=viewer.connections
        )


class ViewerList(Wire):
    """Who watches a session now, longest first."""

    session_id: str
    viewers: list[ViewerOut]
    total: int
