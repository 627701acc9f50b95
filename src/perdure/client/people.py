"""What the server answers about people: who they are, how they sign in, and what they share."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from perdure.client.models import Json, Wire


class User(Wire):
    """Somebody who can sign in."""

    user_id: str
    email: str | None = None
    name: str = ""
    role: str = "member"
    disabled_at: datetime | None = None
    created_at: datetime | None = None
    last_seen_at: datetime | None = None


class UserPage(Wire):
    """Those who can sign in."""

    users: list[User]
    total: int = 0
    next_cursor: str | None = None


class Me(User):
    """The caller, and by what they are known."""

    auth: str = "local"
    credential: str = "local"
    """`local`, `sign-in` or `key`."""
    scopes: list[str] | None = None
    """What an API key is good for; None where nothing narrows it."""


class SignedIn(Wire):
    """What a sign-in or a refresh gave."""

    access_token: str | None = Field(default=None, repr=False)
    refresh_token: str | None = Field(default=None, repr=False)
    token_type: str = "bearer"
    expires_in: float = 0
    """Seconds for which the access token is good."""
    user: User | None = None


class Methods(Wire):
    """The ways to sign in that a server offers."""

    auth: str = "local"
    password: bool = False
    registration: bool = False
    oidc: list[Json] = Field(default_factory=list[Json])


class SignIn(Wire):
    """One sign-in of the caller."""

    sign_in_id: str
    method: str = ""
    source: str | None = None
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    current: bool = False


class SignInPage(Wire):
    """The caller's sign-ins that have not ended."""

    sign_ins: list[SignIn]
    total: int = 0


class Key(Wire):
    """An API key; `key` itself is there only in the answer that made it."""

    key_id: str
    name: str = ""
    prefix: str = ""
    made_by: str | None = None
    scopes: list[str] = Field(default_factory=list)
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    key: str | None = Field(default=None, repr=False)


class KeyPage(Wire):
    """The caller's API keys."""

    keys: list[Key]
    total: int = 0


class Share(Wire):
    """A session shared with somebody."""

    share_id: str
    session_id: str
    user_id: str = ""
    name: str = ""
    email: str | None = None
    role: str = "view"
    expires_at: datetime | None = None
    created_at: datetime | None = None
    created_by: str | None = None


class SharePage(Wire):
    """With whom a session is shared."""

    shares: list[Share]
    total: int = 0


class ShareLink(Wire):
    """A link that shares a session with whoever has it; `token` and `path` only in the answer that made it."""

    share_link_id: str
    session_id: str
    role: str = "view"
    expires_at: datetime | None = None
    created_at: datetime | None = None
    token: str | None = Field(default=None, repr=False)
    path: str | None = Field(default=None, repr=False)


class ShareLinkPage(Wire):
    """The links of a session."""

    share_links: list[ShareLink]
    total: int = 0


class Replaced(Wire):
    """A share that another one took the place of; it does not come back when that one ends."""

    role: str = "view"
    expires_at: datetime | None = None


class Joined(Wire):
    """The session that a link led into."""

    session_id: str
    role: str = "view"
    expires_at: datetime | None = None
    replaced: Replaced | None = None


class Viewer(Wire):
    """Somebody who has a session open at the moment."""

    user_id: str
    name: str = ""
    since: datetime | None = None
    connections: int = 1


class ViewerPage(Wire):
    """Who has a session open at the moment."""

    viewers: list[Viewer]
    total: int = 0


class Done(Wire):
    """That something was done."""

    success: bool = True
    ended: int | None = None
    """How many sign-ins were ended."""
