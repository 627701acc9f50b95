"""Exit codes: what a script can tell from the end of a command."""

from __future__ import annotations

from enum import IntEnum

from perdure.client import ServerUnreachable
from perdure.errors import Kind, PerdureError


class Exit(IntEnum):
    """How a command ended; the documentation has the same table."""

    OK = 0
    """Done; a run that was followed has completed."""
    FAILED = 1
    """The run failed, a check found something, or the program made a mistake."""
    USAGE = 2
    """Arguments or input that cannot be accepted."""
    NOT_FOUND = 3
    """What was named does not exist."""
    CONFLICT = 4
    """It does not fit the present status: already answered, already running, changed meanwhile."""
    UNREACHABLE = 5
    """No server answers."""
    WAITS = 6
    """The run waits for a person, or is paused."""
    CANCELLED = 7
    """The run was cancelled."""
    NOT_ALLOWED = 8
    """Sign-in is needed, or the role does not allow it."""
    TRY_LATER = 9
    """The server is too busy, or its storage or model cannot be used now."""
    INTERRUPTED = 130
    """Ctrl-C: only the watching ended, the run goes on."""


_BY_KIND = {
    Kind.NOT_FOUND: Exit.NOT_FOUND,
    Kind.CONFLICT: Exit.CONFLICT,
    Kind.INVALID: Exit.USAGE,
    Kind.UNAUTHENTICATED: Exit.NOT_ALLOWED,
    Kind.FORBIDDEN: Exit.NOT_ALLOWED,
    Kind.LIMITED: Exit.TRY_LATER,
    Kind.UNAVAILABLE: Exit.TRY_LATER,
    Kind.INTERNAL: Exit.FAILED,
}


def exit_of(error: PerdureError) -> Exit:
    """Return the exit code of an error."""
    return Exit.UNREACHABLE if isinstance(error, ServerUnreachable) else _BY_KIND[error.kind]
