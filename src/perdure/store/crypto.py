"""Encryption of columns that hold secrets: AES-256-GCM, bound to table, column, row and key."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from perdure.errors import StorageUnavailable
from perdure.store.columns import dumps, loads
from perdure.store.keyring import Keyring

_NONCE_BYTES = 12
_FIRST_FORM = 1
"""`1 | nonce | ciphertext`: by key 1, bound to the row's id alone."""
_FORM = 2
"""`2 | key id, two bytes | nonce | ciphertext`: bound to `table:column:row:key id`."""


class SealedColumn(NamedTuple):
    """A column whose values are sealed JSON."""

    table: str
    column: str


SESSION_METADATA = SealedColumn("pd_sessions", "metadata")
SECRET_VALUE = SealedColumn("pd_secrets", "sealed")
SEALED_COLUMNS = (SESSION_METADATA, SECRET_VALUE)
"""All there are: what a new key is carried to."""
KEPT_ANSWER = SealedColumn("pd_idempotency_keys", "response")
"""Answers for repeats are not carried over: they are kept for a day, and one that is lost is told as such."""
_SINCE_FIRST_FORM = (SESSION_METADATA,)


class Cipher:
    """Seals and opens JSON values with the keys of a keyring."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self._aeads: dict[bytes, AESGCM] = {}

    def seal(self, value: Any, column: SealedColumn, row: str) -> bytes:
        """Encrypt a JSON value for one row; the same value never gives the same bytes twice."""
        key = self.keyring.newest
        nonce = os.urandom(_NONCE_BYTES)
        body = self._aead(key.secret).encrypt(nonce, dumps(value).encode(), _bound_to(column, row, key.id))
        return bytes([_FORM]) + key.id.to_bytes(2) + nonce + body

    def open(self, sealed: bytes, column: SealedColumn, row: str) -> Any:
        """Decrypt what `seal` made for the same column and row.

        Raises:
            StorageUnavailable: when the key is missing or another one, or the bytes were moved or changed.
        """
        try:
            return loads(self._decrypt(sealed, column, row))
        except (InvalidTag, ValueError):
            key_id = key_id_of(sealed)
            raise StorageUnavailable(
                "Encrypted data cannot be read: the secret key "
                + (f"{key_id} " if key_id else "")
                + "is not the one it was written with, or the data was changed. "
                "Restore the key file or set PERDURE_SECRET_KEY.",
                **({"key_id": key_id} if key_id else {}),
            ) from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether a value is in today's form and by the newest key."""
        return sealed[:1] == bytes([_FORM]) and key_id_of(sealed) == self.keyring.newest.id

    def _decrypt(self, sealed: bytes, column: SealedColumn, row: str) -> bytes:
        if sealed[:1] == bytes([_FORM]):
            key = self.keyring.get(int.from_bytes(sealed[1:3]))
            nonce, body = sealed[3 : 3 + _NONCE_BYTES], sealed[3 + _NONCE_BYTES :]
            return self._aead(key.secret).decrypt(nonce, body, _bound_to(column, row, key.id))
        if sealed[:1] == bytes([_FIRST_FORM]) and column in _SINCE_FIRST_FORM:
            key = self.keyring.get(1)
            nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
            return self._aead(key.secret).decrypt(nonce, body, row.encode())
        raise InvalidTag

    def _aead(self, secret: bytes) -> AESGCM:
        made = self._aeads.get(secret)
        if made is None:
            made = self._aeads[secret] = AESGCM(secret)
        return made


def key_id_of(sealed: bytes) -> int | None:
    """Return which key a value was sealed with; None when it is no sealed value."""
    if sealed[:1] == bytes([_FIRST_FORM]):
        return 1
    return int.from_bytes(sealed[1:3]) if sealed[:1] == bytes([_FORM]) and len(sealed) > 3 else None


def _bound_to(column: SealedColumn, row: str, key_id: int) -> bytes:
    return f"{column.table}:{column.column}:{row}:{key_id}".encode()
