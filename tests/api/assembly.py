"""The application on real services and a real SQLite file, with an engine that executes nothing."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from perdure import __version__
from perdure.config import Settings
from perdure.core.access import LOCAL_USER_ID
from perdure.errors import UnknownConfigKey, UnknownMode
from perdure.live.bus import MemoryBus
from perdure.live.deltas import Deltas
from perdure.live.hub import Hub
from perdure.services.approvals import ApprovalService
from perdure.services.connections import ConnectionService
from perdure.services.costs import CostService
from perdure.services.files import FileService
from perdure.services.history import HistoryService
from perdure.services.idempotency import IdempotencyService
from perdure.services.missions import MissionService
from perdure.services.ports import Limits
from perdure.services.queue import QueueService
from perdure.services.runs import RunService
from perdure.services.sessions import SessionService
from perdure.services.stats import StatsService
from perdure.store.store import Store
from perdure.store.transaction import ListHint


class StillEngine:
    """Takes note of what it is asked and executes nothing, so that runs stay where a test puts them."""

    def __init__(self) -> None:
        self.enqueued: list[str] = []
        self.aborted: list[str] = []

    async def enqueue(self, run_id: str) -> None:
        self.enqueued.append(run_id)

    async def abort(self, run_id: str) -> None:
        self.aborted.append(run_id)


class _Config(BaseModel):
    model: str | None = None
    approval_mode: str = "none"


class _Mode:
    def __init__(self, mode_id: str) -> None:
        self.id = mode_id
        self.name = self.label = mode_id.replace("-", " ").title()
        self.description = "A mode of the tests."
        self.icon = "flask"
        self.supports_resume = self.supports_hitl = True
        self.config_schema = _Config.model_json_schema()


class Modes:
    """Two modes with two config keys."""

    def __init__(self) -> None:
        self._modes = {mode_id: _Mode(mode_id) for mode_id in ("one-shot", "planning-control")}

    def list(self) -> list[_Mode]:
        return list(self._modes.values())

    def validate(self, mode: str, config: dict[str, Any]) -> dict[str, Any]:
        if mode not in self._modes:
            raise UnknownMode(f"{mode!r} is not a mode.", nearest=difflib.get_close_matches(mode, self._modes, 1))
        unknown = [key for key in config if key not in _Config.model_fields]
        if unknown:
            raise UnknownConfigKey(f"Unknown config keys: {', '.join(unknown)}.", keys=unknown)
        return config

    def supports_resume(self, mode: str) -> bool:
        return True

    def stays_active(self, mode: str) -> bool:
        return False


class StillPerdure:
    """What the API needs of `Perdure`, without its engine and agents."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.modes = Modes()
        self.engine = StillEngine()
        self.store = Store(settings.url, durability="normal", key_file=settings.data_dir / "key")
        self.bus = MemoryBus()
        self.deltas = Deltas()
        limits = Limits(max_text_bytes=settings.max_text_bytes)
        self.sessions = SessionService(self.store, self.modes, self.engine, limits)
        self.runs = RunService(self.store, self.modes, self.engine, limits, self.sessions)
        self.history = HistoryService(self.store)
        self.approvals = ApprovalService(self.store, self.engine, limits)
        self.missions = MissionService(self.store)
        self.costs = CostService(self.store)
        self.files = FileService(self.store, settings.data_dir / "workspaces")
        self.queue = QueueService(self.store, limits)
        self.connections = ConnectionService(self.store, "test")
        self.stats = StatsService(self.store)
        self.idempotency = IdempotencyService(self.store)
        self.hub = Hub(self.bus, self.deltas, self._fetch, self.history.head, poll_s=1.0)
        self.store.on_commit(self._committed)

    async def start(self) -> None:
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.store.open()

    async def stop(self) -> None:
        self.store.close()

    def readiness(self) -> dict[str, Any]:
        return {"ready": True, "version": __version__, "storage": {"ok": True}, "engine": {"ok": True}, "model": {}}

    async def _fetch(self, session_id: str, after: int, limit: int) -> list[tuple[int, bytes]]:
        return await self.history.frames(None, session_id, after, limit)

    def _committed(self, grown: set[str], hints: list[ListHint]) -> None:
        for session_id in grown:
            self.bus.publish(session_id)
        for hint in hints:
            self.bus.publish_list(hint.owner_id, {"type": hint.type, "session_id": hint.session_id})


def still_perdure(folder: Path, **settings: Any) -> StillPerdure:
    return StillPerdure(Settings(data_dir=folder, **settings))


OWNER = LOCAL_USER_ID
