"""What can be said about a local model at one moment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from perdure.errors import Unavailable


class LocalModelUnavailable(Unavailable):
    """The local model cannot answer now; `fields` carry its state."""

    code = "local-model-unavailable"


class Status(StrEnum):
    """How far a local model is. `idle` is installed but not asked for yet."""

    ABSENT = "absent"
    IDLE = "idle"
    PREPARING = "preparing"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ServerState:
    """One moment of a local model: for `/ready`, the console and people."""

    status: Status
    model: str
    label: str
    progress: float | None = None
    """Share of the preparation that is done; None when the status has no measure."""
    reason: str | None = None
    restarts: int = 0
    waiting: int = 0
    """Requests that queue behind the one being answered."""
    busy: bool = False

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a live child answers, and the key that only this process knows."""

    url: str
    api_key: str
