"""What a request wants written together with its work: in the very transaction that does it, or not at all.

It travels with tasks as context variables do, so that no service has to hand it on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from perdure.store.transaction import Tx

T = TypeVar("T")
Note = Callable[[Tx, Any], None]
"""Called at the end of each transaction with what its body returned; again when that is tried again."""

_note: ContextVar[Callable[[], Note | None]] = ContextVar("perdure_note", default=lambda: None)


@contextmanager
def noting(note: Callable[[], Note | None]) -> Generator[None]:
    """Let every `Store.write` within the block carry what `note` gives at the time it is called."""
    before = _note.set(note)
    try:
        yield
    finally:
        _note.reset(before)


def with_note(body: Callable[[Tx], T]) -> Callable[[Tx], T]:
    """Return the body with what is to be noted now; itself when there is nothing."""
    note = _note.get()()
    if note is None:
        return body

    def noted(tx: Tx) -> T:
        result = body(tx)
        note(tx, result)
        return result

    return noted
