"""For whom the code acts that runs now: the server itself, nobody yet, or one user.

It travels with tasks and threads as context variables do. Where the database checks rows itself, the store says
it in each transaction; everywhere else it decides nothing.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from perdure.core.access import Actor

SERVER = "*"
"""The engine, the sweeps, whoever looks after the server, and administrators: every row."""
NOBODY = ""
"""A caller who has not signed in: no row of anybody."""

_acting: ContextVar[str] = ContextVar("perdure_acting", default=SERVER)


def acting() -> str:
    """Return a user's id, `SERVER` or `NOBODY`."""
    return _acting.get()


def act_as(user_id: str) -> None:
    """Act for somebody until the task or thread ends."""
    _acting.set(user_id)


@contextmanager
def acting_as(user_id: str) -> Generator[None]:
    """Act for somebody within the block."""
    before = _acting.set(user_id)
    try:
        yield
    finally:
        _acting.reset(before)


def name_of(actor: Actor | None) -> str:
    """Return for whom code acts that an actor asked for; administrators may see what everybody has."""
    if actor is None:
        return NOBODY
    return SERVER if actor.is_admin or actor.is_system else actor.user_id
