"""The audit log, page by page: of a session for those who administer it, of everything for administrators."""

from __future__ import annotations

from dataclasses import dataclass

from perdure.core.access import Action, Actor
from perdure.core.audit import AuditEntry
from perdure.errors import Forbidden
from perdure.services.access import refusal_of, session_for
from perdure.store import audit
from perdure.store.store import Store
from perdure.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries are asked for; None is no condition."""

    session_id: str | None = None
    actor_id: str | None = None
    object_type: str | None = None
    object_id: str | None = None
    action: str | None = None
    before: int | None = None
    """Only entries of a lower position."""
    limit: int = 50
    offset: int = 0


class AuditService:
    """Reads of the audit log; what writes to it is every other service."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list_of_session(
        self, actor: Actor, session_id: str, *, before: int | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[list[AuditEntry], int]:
        """Return what was done to a session and in it, newest first, and how many entries there are.

        Raises:
            NotFound: when it does not exist for the actor, or is gone for good.
            Forbidden: when the actor does not administer it.
        """

        def body(tx: Tx) -> tuple[list[AuditEntry], int]:
            session = session_for(tx, actor, session_id, Action.AUDIT, deleted=True)
            return audit.list_entries(tx, session_id=session.id, before=before, limit=limit, offset=offset)

        return await self._store.read(body)

    async def list(self, actor: Actor, query: AuditQuery) -> tuple[list[AuditEntry], int]:
        """Return entries of the whole log, newest first, and how many match.

        Raises:
            Forbidden: when the actor is no administrator of the server.
        """

        def body(tx: Tx) -> tuple[list[AuditEntry], int]:
            if not actor.is_admin:
                error = Forbidden("Only administrators of the server read its whole audit log.")
                raise refusal_of(error, actor, "audit.read", "audit", None)
            return audit.list_entries(
                tx,
                session_id=query.session_id,
                actor_id=query.actor_id,
                object_type=query.object_type,
                object_id=query.object_id,
                action=query.action,
                before=query.before,
                limit=query.limit,
                offset=query.offset,
            )

        return await self._store.read(body)
