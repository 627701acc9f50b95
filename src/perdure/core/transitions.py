"""Lifecycle tables as data: who may go where. Documentation and tests are generated from them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from perdure.errors import NotAllowedNow

S = TypeVar("S", bound=StrEnum)
C = TypeVar("C", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Transition(Generic[S, C]):
    """One row of a lifecycle: `command` takes any status in `sources` to `target`."""

    command: C
    sources: frozenset[S]
    target: S | None
    note: str
    """Why and how, for people; shown in the generated documentation. `target` None: see the note."""


@dataclass(frozen=True)
class Lifecycle(Generic[S, C]):
    """All transitions of one noun."""

    noun: str
    rows: tuple[Transition[S, C], ...]

    def allowed(self, status: S) -> tuple[C, ...]:
        """List the commands that `status` allows, in table order."""
        return tuple(dict.fromkeys(row.command for row in self.rows if status in row.sources))

    def find(self, status: S, command: C) -> Transition[S, C] | None:
        """Return the row for `command` in `status`, or None when it is not allowed."""
        return next((r for r in self.rows if r.command == command and status in r.sources), None)

    def decide(self, status: S, command: C) -> Transition[S, C]:
        """Return the row for `command` in `status`.

        Raises:
            NotAllowedNow: with the current status and the commands it allows.
        """
        row = self.find(status, command)
        if row is None:
            allowed = [str(c) for c in self.allowed(status)]
            raise NotAllowedNow(
                f"Cannot {command} a {self.noun} that is {status}; "
                + (f"it allows: {', '.join(allowed)}." if allowed else "nothing more can happen to it."),
                current_status=str(status),
                allowed=allowed,
            )
        return row
