"""Sessions of a program that does its own work: the methods to be awaited."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from perdure.core.clock import wire_time
from perdure.core.sessions import Session, SessionHead, SessionStatus
from perdure.errors import InvalidInput, Kind, NotFound, PerdureError
from perdure.integrations.embedded import Embedded
from perdure.store.sessions import SessionQuery

logger = logging.getLogger("perdure.integrations.session_manager")

Json = dict[str, Any]

_RESUMABLE = frozenset({SessionStatus.ACTIVE, SessionStatus.SUSPENDED})
_USER_TAG = "user:"


class AwaitedSessions:
    """Half of `SessionManager`: each method does the work that its blocking twin waits for."""

    def __init__(self, embedded: Embedded) -> None:
        self._embedded = embedded

    async def acreate_session(
        self, mode: str, config: Json | None = None, user_id: str | None = None, name: str | None = None
    ) -> str:
        """`create_session`, awaited."""
        await self._embedded.ready()
        session = await self._embedded.sessions.create(
            self._embedded.actor,
            mode=mode,
            config=config or {},
            name=name or f"{mode}_{datetime.now().astimezone():%Y%m%d_%H%M%S}",
            metadata={"user_id": user_id} if user_id is not None else {},
            tags=[_USER_TAG + user_id] if user_id is not None else [],
        )
        logger.info("Created session %s for mode %s", session.id, mode)
        return session.id

    async def asave_session_state(
        self,
        session_id: str,
        conversation_history: list[Json],
        context_variables: Json,
        current_phase: str,
        current_step: int | None = None,
        plan_data: Json | None = None,
    ) -> bool:
        """`save_session_state`, awaited."""
        sessions, actor = self._embedded.sessions, self._embedded.actor

        async def save() -> None:
            row = await sessions.get(actor, session_id)
            if row.session.status is not SessionStatus.ACTIVE:
                raise InvalidInput(f"the session is {row.session.status}, not active")
            await sessions.save_state(
                actor,
                session_id,
                conversation_history=conversation_history,
                context_variables=context_variables,
                current_phase=current_phase,
                current_step=current_step,
                plan_data=plan_data,
            )

        return await self._succeeds("save state of", session_id, save())

    async def aload_session_state(self, session_id: str) -> Json | None:
        """`load_session_state`, awaited."""
        session = await self._find(session_id)
        if session is None or session.status not in _RESUMABLE:
            logger.warning("No resumable session found for %s", session_id)
            return None
        state = {
            "session_id": session.id,
            "mode": session.mode,
            "conversation_history": await self._embedded.conversation(session.id),
            "context_variables": session.context_variables,
            "current_phase": session.current_phase,
            "current_step": session.current_step,
            "plan_data": session.plan_data,
            "status": str(session.status),
            "config": session.config,
            "created_at": session.created_at,
            "updated_at": session.updated_at,
            "version": session.version,
        }
        logger.info("Loaded session state for %s (version %d)", session_id, session.version)
        return state

    async def asuspend_session(self, session_id: str) -> bool:
        """`suspend_session`, awaited."""
        work = self._embedded.sessions.suspend(self._embedded.actor, session_id)
        return await self._succeeds("suspend", session_id, work)

    async def aresume_session(self, session_id: str) -> bool:
        """`resume_session`, awaited."""
        work = self._embedded.sessions.resume(self._embedded.actor, session_id)
        return await self._succeeds("resume", session_id, work)

    async def acomplete_session(self, session_id: str) -> bool:
        """`complete_session`, awaited."""
        session = await self._find(session_id)
        if session is not None and session.status is SessionStatus.COMPLETED:
            return True
        work = self._embedded.sessions.complete(self._embedded.actor, session_id)
        return await self._succeeds("complete", session_id, work)

    async def adelete_session(self, session_id: str) -> bool:
        """`delete_session`, awaited."""
        if await self._find(session_id) is None:
            return False
        work = self._embedded.sessions.delete(self._embedded.actor, session_id)
        return await self._succeeds("delete", session_id, work)

    async def alist_sessions(
        self,
        user_id: str | None = None,
        status: str | None = None,
        mode: str | None = None,
        limit: int = 100,
    ) -> list[Json]:
        """`list_sessions`, awaited."""
        await self._embedded.ready()
        query = SessionQuery(
            status=(status,) if status else (),
            mode=mode,
            tag=_USER_TAG + user_id if user_id else None,
            sort="-updated_at",
            limit=limit,
        )
        page = await self._embedded.sessions.list(self._embedded.actor, query)
        return [_summary(row.session) for row in page.sessions]

    async def aget_session_info(self, session_id: str) -> Json | None:
        """`get_session_info`, awaited."""
        session = await self._find(session_id)
        if session is None:
            return None
        return {
            **_summary(session),
            "user_id": session.metadata.get("user_id"),
            "current_step": session.current_step,
            "config": session.config,
        }

    async def acleanup_expired(self) -> dict[str, int]:
        """`cleanup_expired`, awaited."""
        await self._embedded.ready()
        counts = await self._embedded.sweeps.run_once()
        if any(counts.values()):
            logger.info(
                "Cleanup: %s", ", ".join(f"{number} {what}" for what, number in counts.items() if number)
            )
        return counts

    async def _succeeds(self, verb: str, session_id: str, work: Coroutine[Any, Any, Any]) -> bool:
        try:
            await self._embedded.ready()
        except BaseException:
            work.close()
            raise
        try:
            await work
        except PerdureError as error:
            level = logging.ERROR if error.kind in {Kind.UNAVAILABLE, Kind.INTERNAL} else logging.WARNING
            logger.log(level, "Failed to %s session %s: %s", verb, session_id, error)
            return False
        logger.info("Did %s session %s", verb, session_id)
        return True

    async def _find(self, session_id: str) -> Session | None:
        await self._embedded.ready()
        try:
            return (await self._embedded.sessions.get(self._embedded.actor, session_id)).session
        except (NotFound, InvalidInput):
            return None


def _summary(session: SessionHead) -> Json:
    return {
        "session_id": session.id,
        "name": session.name,
        "created_at": wire_time(session.created_at),
        "last_active_at": wire_time(session.last_active_at),
        "mode": session.mode,
        "status": str(session.status),
        "current_phase": session.current_phase,
        "updated_at": wire_time(session.updated_at),
    }
