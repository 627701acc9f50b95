"""Encryption of columns that hold secrets: AES-256-GCM, bound to the row, key id in the value."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from perdure.errors import StartupError, StorageUnavailable
from perdure.store.columns import dumps, loads

_NONCE_BYTES = 12
_KEY_BYTES = 32


class Cipher:
    """Seals JSON values. A sealed value is `key id (1 byte) | nonce | ciphertext`, bound to `row`."""

    def __init__(self, key: bytes, key_id: int = 1) -> None:
        self._aead = AESGCM(key)
        self._key_id = key_id

    def seal(self, value: Any, row: str) -> bytes:
        """Encrypt a JSON value for one row; the same value never gives the same bytes twice."""
        nonce = os.urandom(_NONCE_BYTES)
        return bytes([self._key_id]) + nonce + self._aead.encrypt(nonce, dumps(value).encode(), row.encode())

    def open(self, sealed: bytes, row: str) -> Any:
        """Decrypt what `seal` made for the same row.

        Raises:
            StorageUnavailable: when the key is another one or the bytes were moved or changed.
        """
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return loads(self._aead.decrypt(nonce, body, row.encode()))
        except InvalidTag:
            raise StorageUnavailable(
                "Encrypted data cannot be read: the secret key is not the one it was written with. "
                "Restore the key file or set PERDURE_SECRET_KEY."
            ) from None


def load_key(text: str | None, key_file: Path | None) -> bytes:
    """Return the key from its base64 text, or from `key_file`, which is made (mode 600) when missing.

    Raises:
        StartupError: when the text is not base64 of 32 bytes, or the file cannot be read or made.
    """
    if text is not None:
        return _decoded(text, "PERDURE_SECRET_KEY")
    if key_file is None:
        return os.urandom(_KEY_BYTES)
    try:
        if key_file.exists():
            return _decoded(key_file.read_text(), f"The key in {str(key_file)!r}")
        return _make(key_file)
    except OSError as error:
        raise StartupError(
            f"The key file {str(key_file)!r} cannot be read or written ({error.strerror}). "
            "Choose another folder with PERDURE_DATA_DIR or --data."
        ) from error


def _decoded(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise StartupError(f"{source} must be base64 of 32 bytes.")
    return key


def _make(key_file: Path) -> bytes:
    key = os.urandom(_KEY_BYTES)
    key_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.b64encode(key).decode())
    return key
