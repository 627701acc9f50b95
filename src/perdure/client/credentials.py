"""What a client shows to be let in: an API key, a token of somebody else's making, or a sign-in of its own.

A sign-in has a short access token and a refresh token that is good for one use: using one twice ends the
whole sign-in. So at most one refresh is under way at a time, over all threads, tasks and, with a store of
tokens that is shared, all processes.
"""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from perdure.client.people import SignedIn
from perdure.errors import Unauthenticated

_EARLY_S = 30.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one sign-in."""

    access_token: str
    refresh_token: str
    expires_at: float
    """When the access token ends, in seconds since 1970 by this machine's clock."""

    @classmethod
    def of(cls, answer: SignedIn) -> Tokens:
        """Return the tokens that a sign-in or a refresh gave.

        Raises:
            Unauthenticated: when the server gave none.
        """
        if not answer.access_token or not answer.refresh_token:
            raise Unauthenticated("The server gave no tokens.")
        return cls(answer.access_token, answer.refresh_token, time.time() + answer.expires_in)

    @property
    def is_old(self) -> bool:
        """Whether the access token ends about now, so that a new one should be fetched first."""
        return time.time() >= self.expires_at - _EARLY_S


class TokenStore(Protocol):
    """Keeps the tokens of one sign-in, perhaps for several processes."""

    def load(self) -> Tokens | None:
        """Return the newest tokens, or None when there is no sign-in."""
        ...

    def save(self, tokens: Tokens | None) -> None:
        """Keep new tokens; None forgets the sign-in."""
        ...

    def lock(self) -> AbstractContextManager[object]:
        """Let one holder at a time load, refresh and save."""
        ...


class MemoryTokens:
    """A store for one client."""

    def __init__(self) -> None:
        self._tokens: Tokens | None = None
        self._lock = threading.Lock()

    def load(self) -> Tokens | None:
        """Return the tokens."""
        return self._tokens

    def save(self, tokens: Tokens | None) -> None:
        """Keep the tokens."""
        self._tokens = tokens

    def lock(self) -> AbstractContextManager[object]:
        """Return the lock."""
        return self._lock


class Credentials:
    """What goes into the `Authorization` header at present."""

    def __init__(self, fixed: str | None, store: TokenStore | None = None) -> None:
        self._fixed = fixed
        self.store: TokenStore = store or MemoryTokens()

    @property
    def tokens(self) -> Tokens | None:
        """The sign-in's tokens; None with a key or a given token, and without a sign-in."""
        return None if self._fixed else self.store.load()

    @property
    def current(self) -> str | None:
        """What to send, or None for nothing."""
        if self._fixed:
            return self._fixed
        tokens = self.store.load()
        return tokens.access_token if tokens else None

    def stale(self, refused: str | None = None) -> Tokens | None:
        """Return the tokens to refresh: those that end about now, or whose access token was just refused.

        None when there is nothing to refresh, also because somebody else has done it meanwhile.
        """
        tokens = self.tokens
        if tokens is None:
            return None
        return tokens if tokens.is_old or tokens.access_token == refused else None

    def keep(self, tokens: Tokens | None) -> None:
        """Use another sign-in from now on, or none."""
        self._fixed = None
        self.store.save(tokens)


def headers(credential: str | None) -> dict[str, str]:
    """Return the headers that carry a credential."""
    return {"Authorization": f"Bearer {credential}"} if credential else {}
