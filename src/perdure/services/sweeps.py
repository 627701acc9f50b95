"""Sweeps: periodic, idempotent repairs. Each may run at any moment, on any server, any number of times."""

from __future__ import annotations

from datetime import datetime, timedelta

from perdure.core.runs import LIVE_RUN_STATUSES, RunStatus
from perdure.core.sessions import Session, SessionCommand, SessionStatus
from perdure.errors import StaleVersion
from perdure.services import lifecycle
from perdure.services.approvals import ApprovalService
from perdure.services.files import FileService
from perdure.services.ports import Limits, RunEngine
from perdure.services.runs import RunService
from perdure.store import operations, runs, sessions
from perdure.store.store import Store
from perdure.store.tables import sessions as table
from perdure.store.transaction import Tx

_KEYS_KEPT = timedelta(days=2)
_LEASES_KEPT = timedelta(days=1)


class SweepService:
    """Expiry with a warning before, deadlines, retention, stale connections, runs that nobody executes."""

    def __init__(
        self,
        store: Store,
        approvals: ApprovalService,
        runs_service: RunService,
        engine: RunEngine,
        limits: Limits,
        files: FileService | None = None,
    ) -> None:
        self._files = files
        self._store = store
        self._approvals = approvals
        self._runs = runs_service
        self._engine = engine
        self._limits = limits

    async def run_once(self, now: datetime | None = None) -> dict[str, int]:
        """Do every repair that is due (as of `now`, for operators who want to look ahead) and count them."""
        return {
            "approvals_expired": await self._approvals.expire_overdue(),
            "warned": await self._store.write(lambda tx: self._warn(tx, now or tx.now)),
            "expired": await self._store.write(lambda tx: self._expire(tx, now or tx.now)),
            "archived": await self._store.write(lambda tx: self._archive(tx, now or tx.now)),
            "purged": await self._store.write(lambda tx: self._purge(tx, now or tx.now)),
            "connections_removed": await self._store.write(lambda tx: self._forget(tx, now or tx.now)),
            "workspaces_removed": 0 if self._files is None else await self._files.remove_orphans(),
            "runs_enqueued": await self._enqueue_lost(),
        }

    def _warn(self, tx: Tx, now: datetime) -> int:
        due = sessions.list_where(
            tx,
            table.c.status == SessionStatus.ACTIVE,
            table.c.warned_at.is_(None),
            table.c.expires_at.is_not(None),
            table.c.expires_at <= now + self._limits.warn_before_expiry,
            table.c.expires_at > now,
        )
        idle = [s for s in due if not _busy(tx, s)]
        for session in idle:
            sessions.set_fields(tx, session.id, warned_at=now)
            tx.emit(session.id, lifecycle.session_update(session, "expires soon"))
        return len(idle)

    def _expire(self, tx: Tx, now: datetime) -> int:
        due = sessions.list_where(
            tx,
            table.c.status.in_((SessionStatus.ACTIVE, SessionStatus.SUSPENDED)),
            table.c.expires_at.is_not(None),
            table.c.expires_at <= now,
        )
        number = 0
        for session in due:
            if _busy(tx, session):
                continue
            try:
                lifecycle.move_session(
                    tx,
                    session,
                    SessionCommand.EXPIRE,
                    reason="idle for too long",
                    status_before=session.status,
                    expires_at=now,
                )
            except StaleVersion:
                continue
            number += 1
        return number

    def _archive(self, tx: Tx, now: datetime) -> int:
        due = sessions.list_where(
            tx,
            table.c.status == SessionStatus.EXPIRED,
            table.c.expires_at <= now - self._limits.archive_after,
        )
        for session in due:
            lifecycle.move_session(
                tx,
                session,
                SessionCommand.ARCHIVE,
                reason="expired a while ago",
                archived_at=now,
                status_before=session.status,
                expires_at=None,
            )
        return len(due)

    def _purge(self, tx: Tx, now: datetime) -> int:
        due = sessions.list_where(
            tx,
            table.c.status == SessionStatus.DELETED,
            table.c.deleted_at <= now - self._limits.purge_after,
        )
        for session in due:
            sessions.purge_session(tx, session.id)
            tx.hint(session.owner_id, "session:deleted", session.id)
        return len(due)

    def _forget(self, tx: Tx, now: datetime) -> int:
        operations.delete_idempotency_keys(tx, before=now - _KEYS_KEPT)
        operations.drop_leases(tx, before=now - _LEASES_KEPT)
        return operations.delete_connections(tx, stale_before=now - self._limits.connection_stale_after)

    async def _enqueue_lost(self) -> int:
        queued = await self._store.read(lambda tx: runs.list_runs_in(tx, [RunStatus.QUEUED]))
        for run in queued:
            await self._engine.enqueue(run.id)
        waiting = await self._store.read(_sessions_with_queue)
        for session_id in waiting:
            await self._runs.start_waiting(session_id)
        return len(queued)


def _busy(tx: Tx, session: Session) -> bool:
    run = runs.find_open_run(tx, session.id)
    return run is not None and run.status in LIVE_RUN_STATUSES


def _sessions_with_queue(tx: Tx) -> list[str]:
    return operations.sessions_with_queue(tx)
