"""What the browser carries from the start of a sign-in at a provider to its end, sealed, in a cookie.

It binds the answer to the browser that asked, and needs no memory of the server: any server can finish what
another one began.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from perdure.store.store import Store

FLOW_TTL = timedelta(minutes=10)
_PURPOSE = b"sign-in at a provider"
_NONCE_BYTES = 12
_ID_BYTES = 2
_MAX_NEXT = 1000
_NEXT = re.compile(r"/(?![/\\])[!-\[\]-~]*")


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in under way."""

    provider: str
    state: str
    nonce: str
    verifier: str
    next: str
    ends: float
    """Seconds since 1970."""

    @classmethod
    def begin(cls, provider: str, next_path: str, now: datetime) -> Flow:
        """Return a new one with fresh secrets."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(provider, state, nonce, verifier, next_path, (now + FLOW_TTL).timestamp())


def seal(flow: Flow, store: Store) -> str:
    """Return the text of the cookie."""
    key_id = store.keyring.newest.id
    nonce = os.urandom(_NONCE_BYTES)
    body = AESGCM(store.derive_key(_PURPOSE, key_id)).encrypt(nonce, orjson.dumps(asdict(flow)), None)
    return base64.urlsafe_b64encode(key_id.to_bytes(_ID_BYTES) + nonce + body).decode()


def unseal(text: str, store: Store, now: datetime) -> Flow | None:
    """Return what the cookie holds; None when it is not ours, or too old."""
    try:
        raw = base64.urlsafe_b64decode(text.encode())
        key_id = int.from_bytes(raw[:_ID_BYTES])
        if store.keyring.find(key_id) is None:
            return None
        nonce, body = raw[_ID_BYTES : _ID_BYTES + _NONCE_BYTES], raw[_ID_BYTES + _NONCE_BYTES :]
        flow = Flow(**orjson.loads(AESGCM(store.derive_key(_PURPOSE, key_id)).decrypt(nonce, body, None)))
    except (InvalidTag, ValueError, TypeError, binascii.Error):
        return None
    return flow if now.timestamp() < flow.ends else None


def safe_next(text: str | None) -> str:
    """Return where to go after the sign-in: a path on this server, whatever was asked for."""
    if text is None or len(text) > _MAX_NEXT or not _NEXT.fullmatch(text) or text.startswith("/api/auth/"):
        return "/"
    return text
