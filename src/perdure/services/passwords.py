"""Passwords: argon2id, in threads, at most two at once, and as slow for an address that nobody has."""

from __future__ import annotations

import asyncio
from functools import lru_cache

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from perdure.errors import TooMany

_AT_ONCE = 2
_MOST_WAITING = 64


@lru_cache(maxsize=1)
def hasher() -> PasswordHash:
    """The one way in which passwords are hashed; each hash names its own costs."""
    return PasswordHash.recommended()


class Passwords:
    """Hashes and checks; each takes tens of milliseconds and 64 MiB, which is its purpose."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._nobodys: str | None = None

    async def prepare(self) -> None:
        """Make the hash that is checked for an address that nobody has, so that the first one is no slower."""
        if self._nobodys is None:
            self._nobodys = await self.hash("the password of nobody")

    async def hash(self, password: str) -> str:
        """Return a new hash.

        Raises:
            TooMany: when too many wait already.
        """
        async with _Turn(self):
            return await asyncio.to_thread(hasher().hash, password)

    async def check(self, password: str, known: str | None) -> tuple[bool, str | None]:
        """Return whether the password is the one, and a better hash to keep when the costs have been raised.

        Without a hash the answer is no, after the same work.

        Raises:
            TooMany: when too many wait already.
        """
        await self.prepare()
        async with _Turn(self):
            right, better = await asyncio.to_thread(_check, password, known or self._nobodys or "")
        return (right, better) if known is not None else (False, None)

    @property
    def turns(self) -> asyncio.Semaphore:
        """Who may compute; for tests that count."""
        return self._turns

    def line_up(self) -> None:
        """Count one who waits.

        Raises:
            TooMany: when too many wait already.
        """
        if self._waiting >= _MOST_WAITING:
            raise TooMany("Too many people sign in at this moment; try again in a few seconds.")
        self._waiting += 1

    def leave_line(self) -> None:
        """Count one out."""
        self._waiting -= 1


class _Turn:
    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords

    async def __aenter__(self) -> None:
        self._passwords.line_up()
        try:
            await self._passwords.turns.acquire()
        finally:
            self._passwords.leave_line()

    async def __aexit__(self, *_error: object) -> None:
        self._passwords.turns.release()


def _check(password: str, known: str) -> tuple[bool, str | None]:
    try:
        return hasher().verify_and_update(password, known)
    except UnknownHashError:
        return False, None
