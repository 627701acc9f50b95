"""People: who may sign in, with what, and the rules for e-mail addresses, names and passwords."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from perdure.core.access import SCOPE_ACTIONS, Actor, Scope
from perdure.errors import Forbidden, InvalidInput

MIN_PASSWORD = 12
MAX_PASSWORD = 512
MAX_EMAIL = 254
MAX_NAME = 200
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,190}")

NOBODY = Actor(user_id="00000000-0000-0000-0000-000000000000", name="nobody")
"""Somebody who has not signed in; only the audit log names it."""


class UserRole(StrEnum):
    """What a person is to the server."""

    ADMIN = "admin"
    MEMBER = "member"
    SYSTEM = "system"
    """The server itself; it cannot sign in and stands in no list."""


class EndReason(StrEnum):
    """Why a sign-in is over."""

    LOGOUT = "logout"
    EVERYWHERE = "logged-out-everywhere"
    REVOKED = "revoked"
    REUSED = "refresh-token-used-twice"
    PASSWORD = "password-changed"
    DISABLED = "user-disabled"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True)


class User(_Row):
    """A person, without the password."""

    id: str
    email: str | None
    """Normalised; None for the local user and the server itself."""
    name: str
    role: UserRole
    disabled_at: datetime | None = None
    created_at: datetime
    last_seen_at: datetime | None = None
    """When a sign-in or key of theirs was last used, to about ten minutes."""


class UserSecret(User):
    """A person with what a password is checked against."""

    password_hash: str | None = None


class SignIn(_Row):
    """One login on one device, with all refresh tokens that followed from it."""

    id: str
    user_id: str
    method: str
    """`password`, or `oidc:` and the provider's id."""
    source: str | None
    last_used_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    ended_reason: str | None = None
    created_at: datetime

    def alive(self, now: datetime) -> bool:
        """Whether it still counts."""
        return self.ended_at is None and now < self.expires_at


class ApiKey(_Row):
    """A key for programs, without the key."""

    id: str
    user_id: str
    name: str
    prefix: str
    """The part that may be shown, to tell keys apart."""
    made_by: str | None = None
    """The key that made it; None when a person did."""
    scopes: list[Scope]
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    created_at: datetime

    def alive(self, now: datetime) -> bool:
        """Whether it still counts."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def normalize_email(text: str) -> str:
    """Return the one form in which an address is kept and looked up: trimmed, NFKC, lower case.

    Raises:
        InvalidInput: when it cannot be an address.
    """
    email = unicodedata.normalize("NFKC", text.strip()).lower()
    if len(email) > MAX_EMAIL or not email.isprintable() or not _EMAIL.fullmatch(email):
        raise InvalidInput("This is not an e-mail address.", field="email")
    return email


def check_name(text: str) -> str:
    """Return a person's name as it is kept.

    Raises:
        InvalidInput: when it is empty, too long, or cannot be shown on one line.
    """
    name = unicodedata.normalize("NFC", text.strip())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidInput(f"A name is one line of 1 to {MAX_NAME} characters.", field="name")
    return name


def normalize_password(text: str) -> str:
    """Return the form that is hashed, so that different keyboards give the same one."""
    return unicodedata.normalize("NFKC", text)


def check_password(text: str, *, email: str | None = None, name: str | None = None) -> str:
    """Return a new password in the form that is hashed.

    Raises:
        InvalidInput: when it is too short or too long, or is the person's own address or name.
    """
    password = normalize_password(text)
    if len(password) < MIN_PASSWORD:
        raise InvalidInput(f"A password has at least {MIN_PASSWORD} characters.", field="password")
    if len(password) > MAX_PASSWORD:
        raise InvalidInput(f"A password has at most {MAX_PASSWORD} characters.", field="password")
    if len(set(password)) == 1 or password.strip().lower() in {(email or "").lower(), (name or "").lower()}:
        raise InvalidInput(
            "This password is too easy: it is your name or address, or one letter over and over.",
            field="password",
        )
    return password


def actor_for(
    user: User,
    credential_id: str,
    *,
    scopes: list[Scope] | None = None,
    source: str | None = None,
) -> Actor:
    """Return the actor that a person is by one credential.

    A key without the scope `admin` acts as its owner, not as an administrator.
    """
    kept = None if scopes is None else frozenset(scopes)
    is_admin = user.role is UserRole.ADMIN and (kept is None or Scope.ADMIN in kept)
    return Actor(
        user_id=user.id,
        name=user.name,
        is_admin=is_admin,
        scopes=kept,
        credential_id=credential_id,
        source=source,
    )


def check_scopes(actor: Actor, role: UserRole, scopes: list[Scope]) -> list[Scope]:
    """Return the scopes of a new key, each once, in ascending order.

    Raises:
        InvalidInput: when there are none.
        Forbidden: when they allow more than the maker may, or than the key that makes it.
    """
    wanted = [scope for scope in Scope if scope in set(scopes)]
    if not wanted:
        raise InvalidInput("A key needs at least one scope.", field="scopes")
    if Scope.ADMIN in wanted and role is not UserRole.ADMIN:
        raise Forbidden("Only administrators of the server make keys with the scope `admin`.")
    if actor.scopes is not None:
        allowed = {action for scope in actor.scopes for action in SCOPE_ACTIONS[scope]}
        if any(not SCOPE_ACTIONS[scope] <= allowed for scope in wanted):
            raise Forbidden("A key cannot make another one that is good for more than itself.")
    return wanted
