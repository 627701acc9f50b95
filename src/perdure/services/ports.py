"""What services need from the layers above them; `bootstrap` hands it in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol


class RunEngine(Protocol):
    """Executes runs. Every method may be called again for the same run without harm."""

    async def enqueue(self, run_id: str) -> None:
        """Execute a queued run, or go on with a parked one; nothing happens when it is executing.

        It raises nothing: what was committed stands, and a sweep enqueues what could not be.
        """
        ...

    async def abort(self, run_id: str) -> None:
        """Break off the call that is in flight for a run, if it executes here."""
        ...

    async def repair(self) -> int:
        """Let runs go on that are under way and that nobody executes any more; returns how many."""
        ...

    async def forget(self) -> int:
        """Remove what is kept of runs whose sessions were purged, some with each call; returns how many."""
        ...


class ModeCatalog(Protocol):
    """What services ask about modes."""

    def validate(self, mode: str, config: dict[str, Any]) -> dict[str, Any]:
        """Return the config with its keys checked and spelled canonically."""
        ...

    def supports_resume(self, mode: str) -> bool:
        """Whether a failed run of the mode can go on from a step."""
        ...

    def secret_keys(self, mode: str) -> frozenset[str]:
        """Return the config keys whose values are secrets."""
        ...

    def stays_active(self, mode: str) -> bool:
        """Whether a session of the mode waits for the next turn instead of completing."""
        ...


class NoEngine:
    """The engine of a library that only keeps sessions: runs stay queued for a server to take."""

    async def enqueue(self, run_id: str) -> None:
        """Leave the run queued."""

    async def abort(self, run_id: str) -> None:
        """Nothing executes here."""

    async def repair(self) -> int:
        """Nothing executes here."""
        return 0

    async def forget(self) -> int:
        """Nothing is kept here."""
        return 0


@dataclass(frozen=True)
class Limits:
    """Times and sizes that services keep to."""

    session_ttl: timedelta = timedelta(hours=24)
    suspended_ttl: timedelta | None = None
    archive_after: timedelta = timedelta(days=7)
    purge_after: timedelta = timedelta(days=90)
    approval_deadline: timedelta = timedelta(hours=24)
    connection_stale_after: timedelta = timedelta(minutes=5)
    warn_before_expiry: timedelta = timedelta(hours=1)
    max_text_bytes: int = 2**20
