"""The server's secret keys, by id: where they are kept, which one is the newest, and keys derived from them.

They are written `id:base64,id:base64` in `PERDURE_SECRET_KEY`, or one a line in the file `secret.key`; the
newest comes last. A key without an id is key 1. What is new is sealed and signed with the newest key; the
others are there to read what was written before. A process notices by itself when its key file was changed.
"""

from __future__ import annotations

import base64
import logging
import os
import re
import secrets
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from perdure.errors import StartupError, StorageUnavailable
from perdure.store.private import make_private_folder

KEY_BYTES = 32
VARIABLE = "PERDURE_SECRET_KEY"
_MAX_ID = 0xFFFF
_ID = re.compile(r"[1-9][0-9]{0,4}")
_Stamp = tuple[int, int, int]

log = logging.getLogger("perdure.store")


@dataclass(frozen=True, slots=True)
class Key:
    """One key; `secret` is never shown."""

    id: int
    """1 to 65535."""
    secret: bytes

    def __repr__(self) -> str:
        return f"Key({self.id})"

    @property
    def text(self) -> str:
        """The key as it is written in the file and in the setting."""
        return f"{self.id}:{base64.b64encode(self.secret).decode()}"

    def derive(self, purpose: bytes) -> bytes:
        """Return 32 bytes that depend on the key and the purpose, and tell nothing of the key."""
        kdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose)
        return kdf.derive(self.secret)


class Keyring:
    """The keys of one process, in the order in which they were made. Thread-safe."""

    def __init__(self, keys: list[Key], file: Path | None = None) -> None:
        self._keys = {key.id: key for key in keys}
        self._newest = keys[-1]
        self._file = file
        self._stamp = _stamp(file)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, text: str | None, file: Path | None) -> Keyring:
        """Read the keys from the setting's text, or from `file`, which is made (mode 600) when missing.

        Without either, one key is made that ends with the process.

        Raises:
            StartupError: when the text holds anything but keys, or the file cannot be read or made.
        """
        if text is not None:
            return cls(parse_keys(text, VARIABLE))
        if file is None:
            return cls([new_key([])])
        with _readable(file):
            if not file.exists():
                _make(file)
            return cls(_read(file), file)

    @property
    def file(self) -> Path | None:
        """Where the keys are kept; None when they come from the setting, or from nowhere."""
        return self._file

    @property
    def newest(self) -> Key:
        """The key that seals and signs from now on."""
        self._look()
        return self._newest

    @property
    def ids(self) -> list[int]:
        """The ids of all keys, oldest first."""
        return [key.id for key in self.all]

    @property
    def all(self) -> list[Key]:
        """All keys, oldest first."""
        newest = self.newest
        return [*(key for key in self._keys.values() if key is not newest), newest]

    def find(self, key_id: int) -> Key | None:
        """Return a key or None, as the key file has it now."""
        self._look()
        return self._keys.get(key_id)

    def get(self, key_id: int) -> Key:
        """Return a key.

        Raises:
            StorageUnavailable: when there is none of this id; it says where it belongs.
        """
        known = self.find(key_id)
        if known is None:
            place = f"the key file {str(self._file)!r}" if self._file else VARIABLE
            raise StorageUnavailable(
                f"Encrypted data cannot be read: it was written with the secret key {key_id}, which is missing. "
                f"Restore it in {place}"
                + (
                    "." if self._file else ", as id:base64 before the newest key, and start the server again."
                ),
                key_id=key_id,
            )
        return known

    def _look(self) -> None:
        """Read the file again when it was changed."""
        if self._file is None or _stamp(self._file) == self._stamp:
            return
        with self._lock:
            stamp = _stamp(self._file)
            if stamp == self._stamp:
                return
            try:
                keys = _read(self._file)
            except (OSError, StartupError) as error:
                # What runs goes on with the keys it has; the next start will say what is wrong.
                log.error("the changed key file cannot be used: %s", error)
            else:
                self._keys = {key.id: key for key in keys}
                self._newest = keys[-1]
            self._stamp = stamp


def parse_keys(text: str, source: str) -> list[Key]:
    """Read keys, separated by commas or ends of lines, newest last.

    Raises:
        StartupError: naming `source`, when there is none, one is no key, or an id comes twice.
    """
    keys: list[Key] = []
    for part in re.split(r"[,\n]", text):
        if part.strip():
            keys.append(_parse(part.strip(), source))
    if not keys:
        raise StartupError(f"{source} must be base64 of 32 bytes, or several as id:base64; it is empty.")
    ids = [key.id for key in keys]
    twice = next((key_id for key_id in ids if ids.count(key_id) > 1), None)
    if twice is not None:
        raise StartupError(f"{source} has two keys with the id {twice}; each needs its own.")
    return keys


def new_key(known: list[Key]) -> Key:
    """Return a fresh key with the next free id.

    Raises:
        StartupError: when there is no id left.
    """
    key_id = max((key.id for key in known), default=0) + 1
    if key_id > _MAX_ID:
        raise StartupError(f"The secret keys are numbered up to {_MAX_ID}; write them anew from 1.")
    return Key(key_id, secrets.token_bytes(KEY_BYTES))


def write_keys(file: Path, keys: list[Key]) -> None:
    """Replace the key file as a whole, mode 600: whoever reads it meets the old keys or the new ones."""
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    _write_new(fresh, keys)
    try:
        fresh.replace(file)
        _sync_folder(file.parent)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


@contextmanager
def changing(file: Path) -> Generator[list[Key]]:
    """Give the keys of the file to one process at a time; others wait.

    Raises:
        StartupError: when the file cannot be read or made.
    """
    from perdure.store.guard import locked_file

    with _readable(file):
        if not file.exists():
            _make(file)
        lock = file.with_name(file.name + ".lock")
    with locked_file(lock):
        with _readable(file):
            keys = _read(file)
        yield keys


def _parse(part: str, source: str) -> Key:
    number, colon, rest = part.partition(":")
    if colon and (not _ID.fullmatch(number) or int(number) > _MAX_ID):
        raise StartupError(f"{source}: a key's id is a number from 1 to {_MAX_ID}, as in 2:base64.")
    try:
        secret = base64.b64decode((rest if colon else part).strip(), validate=True)
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise StartupError(f"{source} must be base64 of 32 bytes, or several as id:base64, newest last.")
    return Key(int(number) if colon else 1, secret)


def _read(file: Path) -> list[Key]:
    return parse_keys(file.read_text(), f"The key file {str(file)!r}")


def _make(file: Path) -> None:
    """Make the file with one key, unless another process is faster."""
    make_private_folder(file.parent)
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    _write_new(fresh, [new_key([])])
    try:
        with suppress(FileExistsError):
            os.link(fresh, file)
    except OSError:  # a file system without links
        if not file.exists():
            fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def _write_new(file: Path, keys: list[Key]) -> None:
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write("".join(f"{key.text}\n" for key in keys))
        opened.flush()
        os.fsync(opened.fileno())


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _stamp(file: Path | None) -> _Stamp | None:
    if file is None:
        return None
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextmanager
def _readable(file: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StartupError(
            f"The key file {str(file)!r} cannot be read or written ({error.strerror}). "
            "Choose another folder with PERDURE_DATA_DIR or --data."
        ) from error
