"""Sign-ins that are kept on this machine: one file per server, readable for its owner alone.

Several commands may use one sign-in at the same time. A refresh token is good for one use, so whoever
refreshes holds a lock, and the others take the tokens that it brought.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from perdure.client import Tokens
from perdure.errors import InvalidInput

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Login(BaseModel):
    """One stored sign-in."""

    model_config = ConfigDict(frozen=True)

    url: str
    email: str | None = None
    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    expires_at: float


class StoredTokens:
    """The tokens for one server, in a file."""

    def __init__(self, url: str) -> None:
        self.url = normal(url)
        name = hashlib.sha256(self.url.encode()).hexdigest()[:20]
        self._file = _folder() / f"{name}.json"
        self.email: str | None = None

    @property
    def login(self) -> Login | None:
        """What is stored; None when there is nothing that can be read."""
        try:
            return Login.model_validate_json(self._file.read_bytes())
        except (OSError, ValidationError):
            return None

    def load(self) -> Tokens | None:
        """Return the newest tokens."""
        login = self.login
        return Tokens(login.access_token, login.refresh_token, login.expires_at) if login else None

    def save(self, tokens: Tokens | None) -> None:
        """Keep new tokens, whole or not at all; None removes the file."""
        if tokens is None:
            self._file.unlink(missing_ok=True)
            return
        before = self.login
        login = Login(
            url=self.url,
            email=self.email or (before.email if before else None),
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            expires_at=tokens.expires_at,
        )
        _write(self._file, login.model_dump_json())

    @contextmanager
    def lock(self) -> Generator[None]:
        """Let one process at a time refresh; waits for the others."""
        _folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
            yield
        finally:
            os.close(descriptor)


def normal(url: str) -> str:
    """Return the one form of a server's address.

    Raises:
        InvalidInput: when it is not one, or holds a password.
    """
    text = url.strip() if "://" in url else f"http://{url.strip()}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise InvalidInput(f"{url!r} is not the address of a server.") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.query or parts.fragment:
        raise InvalidInput(f"{url!r} is not the address of a server, such as https://perdure.example.com.")
    if parts.username or parts.password:
        raise InvalidInput("The address of a server holds no user name or password.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown}{parts.path.rstrip('/')}"


def default_server() -> str | None:
    """Return the server that was signed in to last, as long as that sign-in is kept."""
    try:
        url = (_folder() / "default").read_text().strip()
    except OSError:
        return None
    return url if url and StoredTokens(url).login else None


def make_default(url: str) -> None:
    """Let commands that name no server use this one."""
    _write(_folder() / "default", normal(url))


def _folder() -> Path:
    return Path(platformdirs.user_config_dir("perdure")) / "logins"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")  # made with mode 600
    try:
        with os.fdopen(descriptor, "w") as new:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
