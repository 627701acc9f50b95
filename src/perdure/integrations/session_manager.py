"""`SessionManager`: sessions of a program that does its own work, kept in a database.

Every method exists twice: `create_session` blocks and can be called anywhere, also inside a running event
loop; `acreate_session` is to be awaited. Refusals are `False` or `None` with a line in the log, as callers of
this interface expect; a database that cannot be read raises, because an empty list would be a wrong answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from perdure.config import Settings, load_settings
from perdure.errors import PerdureError
from perdure.integrations.awaited_sessions import AwaitedSessions, Json
from perdure.integrations.embedded import Embedded

logger = logging.getLogger(__name__)


class Done:
    """A finished piece of work, which may be awaited or not."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


class SessionManager(AwaitedSessions):
    """Creates, saves, loads and finds sessions in one database, without a server.

    A session keeps its conversation as a log that only grows: `save_session_state` takes the whole history
    and appends what is new; a history that does not begin with the stored one is refused.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(Embedded(settings or load_settings()))
        self._cleanup: Future[None] | None = None
        self._stopped = asyncio.Event()

    def start(self) -> Done:
        """Open the database and begin the periodic clean-up; `await` it or not. A second call does nothing.

        Raises:
            StartupError: when the database cannot be used, or a server is running on the same SQLite file.
        """
        self._embedded.open()
        if self._cleanup is None:
            self._stopped = asyncio.Event()
            self._cleanup = asyncio.run_coroutine_threadsafe(
                self._clean(self._stopped), self._embedded.loop()
            )
            logger.info(
                "SessionManager started with cleanup interval %gs",
                self._embedded.settings.cleanup_interval_seconds,
            )
        return Done()

    def stop(self) -> Done:
        """End the clean-up and let the database go; `await` it or not. A later call opens it again."""
        if self._cleanup is not None:
            self._embedded.loop().call_soon_threadsafe(self._stopped.set)
            self._cleanup.result()
            self._cleanup = None
        self._embedded.close()
        logger.info("SessionManager stopped")
        return Done()

    def __enter__(self) -> SessionManager:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def __aenter__(self) -> SessionManager:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def create_session(
        self, mode: str, config: Json | None = None, user_id: str | None = None, name: str | None = None
    ) -> str:
        """Create a session and return its id. `user_id` is any text; mode and config are the caller's own."""
        return self._embedded.run(self.acreate_session(mode, config, user_id, name))

    def save_session_state(
        self,
        session_id: str,
        conversation_history: list[Json],
        context_variables: Json,
        current_phase: str,
        current_step: int | None = None,
        plan_data: Json | None = None,
    ) -> bool:
        """Save the state of an active session: the tail of the history is appended, the rest replaced.

        Returns False, with the reason in the log, when the session is not active, when the history does not
        extend the stored one, or when the database could not take it.
        """
        return self._embedded.run(
            self.asave_session_state(
                session_id, conversation_history, context_variables, current_phase, current_step, plan_data
            )
        )

    def load_session_state(self, session_id: str) -> Json | None:
        """Return the whole state of an active or suspended session, or None.

        Keys: session_id, mode, conversation_history, context_variables, current_phase, current_step,
        plan_data, status, config, created_at and updated_at (aware datetimes), version.
        """
        return self._embedded.run(self.aload_session_state(session_id))

    def suspend_session(self, session_id: str) -> bool:
        """Suspend an active session; False when it is not active."""
        return self._embedded.run(self.asuspend_session(session_id))

    def resume_session(self, session_id: str) -> bool:
        """Make a suspended (or failed, or expired) session active again; False when it is none of these."""
        return self._embedded.run(self.aresume_session(session_id))

    def complete_session(self, session_id: str) -> bool:
        """Mark a session as completed; completing it again is fine."""
        return self._embedded.run(self.acomplete_session(session_id))

    def delete_session(self, session_id: str) -> bool:
        """Delete a session; a server can still restore it until it is purged. False when there is none."""
        return self._embedded.run(self.adelete_session(session_id))

    def list_sessions(
        self,
        user_id: str | None = None,
        status: str | None = None,
        mode: str | None = None,
        limit: int = 100,
    ) -> list[Json]:
        """List sessions, the last changed first, with times as ISO 8601 text.

        Raises:
            InvalidInput: on a status that does not exist.
            StorageUnavailable: when the database cannot be read.
        """
        return self._embedded.run(self.alist_sessions(user_id, status, mode, limit))

    def get_session_info(self, session_id: str) -> Json | None:
        """Return a session's summary with its config and user, whatever its status, or None."""
        return self._embedded.run(self.aget_session_info(session_id))

    def cleanup_expired(self) -> dict[str, int]:
        """Expire what is idle or overdue and forget stale connections; returns how many of each."""
        return self._embedded.run(self.acleanup_expired())

    async def _clean(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), self._embedded.settings.cleanup_interval_seconds)
                return
            try:
                await self.acleanup_expired()
            except PerdureError as error:
                logger.error("Cleanup failed: %s", error)


def create_session_manager(database_url: str | None = None, **settings: Any) -> SessionManager:
    """Return a manager on a SQLite file, in memory (`sqlite://`), on PostgreSQL, or on what is configured.

    Other settings have the names of `perdure.config.Settings`, e.g. `session_ttl="12h"`.
    """
    return SessionManager(load_settings(database_url=database_url, **settings))


_shared: SessionManager | None = None


def get_session_manager() -> SessionManager:
    """Return the one manager that this process shares, made on first use."""
    global _shared  # the interface this stands in for has one instance per process
    if _shared is None:
        _shared = create_session_manager()
    return _shared
