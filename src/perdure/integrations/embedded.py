"""Sessions inside another program: the store and the services without a server, an engine or a model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from perdure.config import Settings
from perdure.core.access import LOCAL_ACTOR, Actor
from perdure.services.approvals import ApprovalService
from perdure.services.history import HistoryService
from perdure.services.ports import Limits, NoEngine
from perdure.services.runs import RunService
from perdure.services.sessions import SessionService
from perdure.services.sweeps import SweepService
from perdure.store.store import Store

T = TypeVar("T")

_PAGE = 500


class AnyMode:
    """The mode catalog of a program that does the work itself: every mode is its own, with any config."""

    def validate(self, mode: str, config: dict[str, Any]) -> dict[str, Any]:
        """Return the config as it is."""
        return config

    def secret_keys(self, mode: str) -> frozenset[str]:
        """No key is known to be secret: the program's own config is kept as it is."""
        return frozenset()

    def supports_resume(self, mode: str) -> bool:
        """A failed session may always be taken up again."""
        return True

    def stays_active(self, mode: str) -> bool:
        """Only the program says when a session is complete."""
        return True


class Embedded:
    """Opens the database on first use. Safe to use from several threads and event loops."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.actor: Actor = replace(LOCAL_ACTOR, source="library")
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._opened = False
        self._wire()

    def open(self) -> None:
        """Open and migrate the database. A second call does nothing.

        Raises:
            StartupError: when it cannot be used, or a server is running on the same SQLite file.
        """
        with self._lock:
            if not self._opened:
                self.store.open()
                self._opened = True

    def close(self) -> None:
        """Finish what is being written and let the database go; the next use opens it again."""
        with self._lock:
            if self._loop is not None and self._thread is not None:
                asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result()
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
                self._loop.close()
                self._loop = self._thread = None
            if self._opened:
                self.store.close()
                self._opened = False
                self._wire()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do asynchronous work from blocking code, on a loop of its own: the caller may be inside one."""
        return asyncio.run_coroutine_threadsafe(work, self.loop()).result()

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the private event loop, started when it was not."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="perdure-embedded", daemon=True
                )
                self._thread.start()
            return self._loop

    async def ready(self) -> None:
        """Open the database without blocking the caller's event loop."""
        if not self._opened:
            await asyncio.to_thread(self.open)

    async def conversation(self, session_id: str) -> list[dict[str, Any]]:
        """Return all messages since the last clearing as `role`, `content` and, where known, `agent`."""
        entries: list[dict[str, Any]] = []
        after = 0
        while True:
            page = await self.history.messages(self.actor, session_id, after=after, limit=_PAGE)
            for message in page.messages:
                entry = {"role": str(message.role), "content": message.text}
                entries.append({**entry, "agent": message.agent} if message.agent else entry)
            if not page.has_more:
                return entries
            after = page.messages[-1].position

    def _wire(self) -> None:
        settings = self.settings
        limits = Limits(
            session_ttl=settings.session_ttl,
            suspended_ttl=settings.suspended_ttl,
            archive_after=settings.archive_after,
            purge_after=settings.purge_after,
            approval_deadline=settings.approval_deadline,
            connection_stale_after=settings.connection_stale_after,
            max_text_bytes=settings.max_text_bytes,
        )
        secret = settings.secret_key.get_secret_value() if settings.secret_key else None
        url = "sqlite://" if settings.ephemeral else settings.url
        key_file = None if url in _IN_MEMORY else settings.data_dir / "secret.key"
        self.store = Store(
            url,
            durability=settings.durability,
            secret_key=secret,
            key_file=key_file,
            row_security=settings.row_security == "on",
        )
        modes, engine = AnyMode(), NoEngine()
        self.sessions = SessionService(self.store, modes, engine, limits)
        self.history = HistoryService(self.store)
        approvals = ApprovalService(self.store, engine, limits)
        runs = RunService(self.store, modes, engine, limits, self.sessions)
        self.sweeps = SweepService(self.store, approvals, runs, engine, limits)


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


_IN_MEMORY = frozenset({"sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file::memory:"})
