"""People, sign-ins and keys on the wire. Passwords and tokens go in and, once, out; no answer repeats them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator

from perdure.api.wire.base import Body, ListPage, Uuid, Wire, WireTime
from perdure.core.access import Scope
from perdure.core.people import MAX_EMAIL, ApiKey, SignIn, User
from perdure.services.sign_in import Tokens

_Word = Field(min_length=1, max_length=1000)
_Secret = Field(min_length=1, max_length=4096)
RoleName = Literal["admin", "member"]
AuthKind = Literal["local", "password"]


class StrictBody(Body):
    """A body in which a field that nobody knows is an error: one that grants something must not be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Provider(Wire):
    """An identity provider that one can sign in with."""

    id: str
    label: str


class AuthMethods(Wire):
    """How one signs in to this server."""

    auth: AuthKind
    password: bool
    registration: bool
    """Whether people may make accounts themselves."""
    oidc: list[Provider]


class LoginIn(StrictBody):
    """E-mail and password; with `cookies` the tokens go into cookies and nowhere else."""

    email: str = Field(max_length=MAX_EMAIL * 4)
    password: SecretStr = _Secret
    cookies: bool = False


class RegisterIn(StrictBody):
    """A new account of one's own."""

    email: str = Field(max_length=MAX_EMAIL * 4)
    name: str = _Word
    password: SecretStr = _Secret
    cookies: bool = False


class RefreshIn(StrictBody):
    """The refresh token, unless it comes as a cookie."""

    refresh_token: SecretStr | None = Field(None, max_length=4096)


class UserOut(Wire):
    """A person."""

    user_id: str
    id: str
    email: str | None
    name: str
    role: RoleName
    disabled_at: WireTime | None
    created_at: WireTime
    last_seen_at: WireTime | None
    """When they last used the server, to about ten minutes."""

    @classmethod
    def of(cls, user: User) -> UserOut:
        """Return the wire form."""
        return cls(
            user_id=user.id,
            id=user.id,
            email=user.email,
            name=user.name,
            role="admin" if user.role == "admin" else "member",
            disabled_at=user.disabled_at,
            created_at=user.created_at,
            last_seen_at=user.last_seen_at,
        )


class SignedIn(Wire):
    """What somebody gets who signs in or refreshes. With cookies both tokens are null."""

    access_token: str | None
    refresh_token: str | None
    """Good once: a refresh gives the next one, and a used one ends the whole sign-in."""
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    """Seconds that the access token counts for."""
    user: UserOut

    @classmethod
    def of(cls, tokens: Tokens, *, cookies: bool) -> SignedIn:
        """Return the wire form."""
        return cls(
            access_token=None if cookies else tokens.access_token,
            refresh_token=None if cookies else tokens.refresh_token,
            expires_in=tokens.expires_in,
            user=UserOut.of(tokens.user),
        )


class Me(Wire):
    """Who is calling, and by what."""

    user_id: str
    id: str
    email: str | None
    name: str
    role: RoleName
    auth: AuthKind
    scopes: list[Scope] | None
    """What the API key allows; null when a person signed in."""
    credential: Literal["local", "sign-in", "key"]


class MeIn(StrictBody):
    """What a person changes of their own account."""

    name: str | None = Field(None, max_length=1000)
    current_password: SecretStr | None = Field(None, max_length=4096)
    new_password: SecretStr | None = Field(None, max_length=4096)


class Ended(Wire):
    """How many sign-ins were ended."""

    success: bool = True
    ended: int


class Done(Wire):
    """It is done."""

    success: bool = True


class SignInOut(Wire):
    """One login, with everything that followed from it."""

    sign_in_id: str
    id: str
    method: str
    """`password`, or `oidc:` and the provider."""
    source: str | None
    """Address and program it came from."""
    created_at: WireTime
    last_used_at: WireTime
    expires_at: WireTime
    current: bool
    """Whether it is the one that asks."""

    @classmethod
    def of(cls, sign_in: SignIn, current_id: str | None) -> SignInOut:
        """Return the wire form."""
        return cls(
            sign_in_id=sign_in.id,
            id=sign_in.id,
            method=sign_in.method,
            source=sign_in.source,
            created_at=sign_in.created_at,
            last_used_at=sign_in.last_used_at,
            expires_at=sign_in.expires_at,
            current=sign_in.id == current_id,
        )


class SignInPage(ListPage):
    """The caller's open sign-ins, newest first."""

    sign_ins: list[SignInOut]


class KeyIn(StrictBody):
    """A new key; without an expiry it counts until it is revoked."""

    name: str = _Word
    scopes: list[Scope] = Field(min_length=1, max_length=10)
    expires_at: datetime | None = None
    expires_in_days: int | None = Field(None, ge=1, le=3650)

    @field_validator("expires_at")
    @classmethod
    def _aware(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a time needs its zone, as in 2027-01-31T12:00:00Z")
        try:
            return None if value is None else value.astimezone(UTC)
        except OverflowError:
            raise ValueError("this time lies beyond what can be stored") from None


class KeyOut(Wire):
    """A key, without the key."""

    key_id: str
    id: str
    name: str
    prefix: str
    """The part between `pdk_` and the secret, to tell keys apart."""
    made_by: str | None
    """The key that made it and takes it along when it is revoked; null when a person made it."""
    scopes: list[Scope]
    created_at: WireTime
    last_used_at: WireTime | None
    expires_at: WireTime | None

    @classmethod
    def of(cls, key: ApiKey) -> KeyOut:
        """Return the wire form."""
        return cls(**_fields(key))


class KeyMade(KeyOut):
    """A key that has just been made."""

    key: str
    """The key itself; no other answer ever holds it."""

    @classmethod
    def made(cls, key: ApiKey, text: str) -> KeyMade:
        """Return the wire form with the key."""
        return cls(**_fields(key), key=text)


class KeyPage(ListPage):
    """The caller's keys, newest first."""

    keys: list[KeyOut]


class TicketIn(StrictBody):
    """What the ticket is for; without a session, for whatever the caller may watch."""

    session_id: Uuid | None = None


class TicketOut(Wire):
    """A ticket for one socket: its first frame is `{"type": "auth", "ticket": …}`."""

    ticket: str
    expires_in: int


class UserIn(StrictBody):
    """A new person; without a password they cannot sign in until they have one, or by a provider."""

    email: str = Field(max_length=MAX_EMAIL * 4)
    name: str = _Word
    role: RoleName = "member"
    password: SecretStr | None = Field(None, max_length=4096)


class UserChange(StrictBody):
    """What to change of a person; what is not named stays."""

    name: str | None = Field(None, max_length=1000)
    role: RoleName | None = None
    disabled: bool | None = None
    password: SecretStr | None = Field(None, max_length=4096)


class UserPage(ListPage):
    """People by name."""

    users: list[UserOut]


def plain(secret: SecretStr | None) -> str | None:
    """Return the text of a secret that may be missing."""
    return None if secret is None else secret.get_secret_value()


def _fields(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.id,
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "made_by": key.made_by,
        "scopes": key.scopes,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
    }
