"""Access tokens: short-lived, signed, of one algorithm, with a key that never leaves the server; and opaque secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import jwt

from perdure.errors import SignInExpired, Unauthenticated
from perdure.ids import new_id
from perdure.store.store import Store

ACCESS_TTL = timedelta(minutes=10)
LEEWAY = timedelta(seconds=30)
_ALGORITHM = "HS256"
_ISSUER = "perdure"
_AUDIENCE = "perdure-api"
_TYPE = "access"
_PURPOSE = b"access tokens"
_LONGEST = 2048
_KEY_ID = re.compile(r"[0-9]{1,9}", re.ASCII)
_NEEDED = ["iss", "aud", "exp", "iat", "nbf", "jti", "sub", "sid", "typ"]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a good access token says."""

    user_id: str
    sign_in_id: str
    expires_at: datetime


class Keys(Protocol):
    """The keys that tokens are signed with, by their number."""

    @property
    def newest(self) -> tuple[int, bytes]:
        """The one to sign with."""
        ...

    def find(self, key_id: int) -> bytes | None:
        """Return one to check with, or None when there is none of this number."""
        ...


class ServerKeys:
    """Keys for access tokens, one from each of the server's secret keys."""

    def __init__(self, store: Store) -> None:
        self._ring = store.keyring
        self._derived: dict[tuple[int, bytes], bytes] = {}

    @property
    def newest(self) -> tuple[int, bytes]:
        """The one to sign with."""
        key = self._ring.newest
        return key.id, self._of(key.id, key.secret)

    def find(self, key_id: int) -> bytes | None:
        """Return one to check with, or None when there is none of this number."""
        key = self._ring.find(key_id)
        return None if key is None else self._of(key.id, key.secret)

    def _of(self, key_id: int, secret: bytes) -> bytes:
        known = self._derived.get((key_id, secret))
        if known is None:
            known = self._derived[(key_id, secret)] = self._ring.get(key_id).derive(_PURPOSE)
        return known


class AccessTokens:
    """Makes and reads access tokens (JWT, HS256)."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def issue(self, user_id: str, sign_in_id: str, now: datetime) -> str:
        """Return a token that counts for ten minutes, as long as its sign-in does."""
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": user_id,
            "sid": sign_in_id,
            "typ": _TYPE,
            "jti": new_id(),
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + ACCESS_TTL).timestamp()),
        }
        key_id, key = self._keys.newest
        return jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"kid": str(key_id)})

    def read(self, token: str, now: datetime) -> Claims:
        """Return what the token says.

        Raises:
            SignInExpired: when it was good once.
            Unauthenticated: when it was not made by this server for this purpose.
        """
        claims = self._verified(token)
        times: dict[str, datetime] = {}
        for name in ("exp", "iat", "nbf"):
            value = claims[name]
            if type(value) is not int or not 0 < value < 2**33:
                raise _refused()
            times[name] = datetime.fromtimestamp(value, UTC)
        if times["iat"] > now + LEEWAY or times["nbf"] > now + LEEWAY:
            raise _refused()
        if times["exp"] - times["iat"] > ACCESS_TTL:
            raise _refused()
        if now >= times["exp"]:
            raise SignInExpired("The access token is over; refresh it, or sign in again.")
        subject, sign_in = claims["sub"], claims["sid"]
        if claims["typ"] != _TYPE or not isinstance(subject, str) or not isinstance(sign_in, str):
            raise _refused()
        return Claims(subject, sign_in, times["exp"])

    def _verified(self, token: str) -> dict[str, Any]:
        if len(token) > _LONGEST or not token.isascii():
            raise _refused()
        try:
            header = jwt.get_unverified_header(token)
            key = self._key_of(header.get("kid"))
            if key is None or header.get("alg") != _ALGORITHM or "crit" in header:
                raise _refused()
            return jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                issuer=_ISSUER,
                options={
                    "require": _NEEDED,
                    "strict_aud": True,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise _refused() from None

    def _key_of(self, kid: object) -> bytes | None:
        """Return one of this server's own keys: the id is a number of ours, never a place to look at."""
        if not isinstance(kid, str) or not _KEY_ID.fullmatch(kid):
            return None
        return self._keys.find(int(kid))


def new_secret(prefix: str) -> str:
    """Return a fresh opaque token: the prefix that tells what it is, and 256 random bits."""
    return prefix + secrets.token_urlsafe(32)


def new_salt() -> str:
    """Return what makes the successor of a token nobody's guess."""
    return secrets.token_hex(32)


def successor_of(token: str, salt: str, prefix: str) -> str:
    """Return the opaque token that follows on another: only who has that one, and the salt, can tell."""
    mixed = hmac.digest(token.encode(), b"successor:" + salt.encode(), hashlib.sha256)
    return prefix + base64.urlsafe_b64encode(mixed).rstrip(b"=").decode()


def hash_of(secret: str) -> str:
    """Return what is stored of an opaque token; it is long and random, so that a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _refused() -> Unauthenticated:
    return Unauthenticated("This access token is not one of this server's; sign in again.")
