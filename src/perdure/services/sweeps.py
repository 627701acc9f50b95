"""Sweeps: periodic, idempotent repairs. Each may run at any moment, on any server, any number of times."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from perdure.core.access import SYSTEM_ACTOR
from perdure.core.runs import LIVE_RUN_STATUSES, RunStatus
from perdure.core.sessions import Session, SessionCommand, SessionStatus
from perdure.errors import StaleVersion
from perdure.services import lifecycle
from perdure.services.approvals import ApprovalService
from perdure.services.files import FileService
from perdure.services.open_runs import runs_in
from perdure.services.ports import Limits, RunEngine
from perdure.services.runs import RunService
from perdure.store import leases, operations, runs, sessions
from perdure.store.store import Store
from perdure.store.tables import sessions as table
from perdure.store.transaction import Tx

_KEYS_KEPT = timedelta(days=2)
_LEASES_KEPT = timedelta(days=1)
_AT_ONCE = 500
_PURGED_AT_ONCE = 20
"""A session may have a hundred thousand events, and others wait for the transaction that removes them."""

_Conditions = tuple[Any, ...]
_Due = Callable[[datetime], _Conditions]
_Act = Callable[[Tx, Session, datetime], bool]


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
        """Do every repair that is due (as of `now`, for operators who want to look ahead) and count them.

        Raises:
            Exception: the first failure, once all the other repairs have been done.
        """
        repairs: dict[str, Callable[[], Awaitable[int]]] = {
            "approvals_expired": self._approvals.expire_overdue,
            "warned": lambda: self._each(now, self._expires_soon, self._warn),
            "expired": lambda: self._each(now, self._is_idle, self._expire),
            "archived": lambda: self._each(now, self._expired_long_ago, self._archive),
            "purged": lambda: self._each(now, self._deleted_long_ago, self._purge, _PURGED_AT_ONCE),
            "connections_removed": lambda: self._store.write(lambda tx: self._forget(tx, now or tx.now)),
            "workspaces_removed": self._remove_orphans,
            "checkpoints_removed": self._engine.forget,
            "runs_enqueued": self._enqueue_lost,
            "runs_repaired": self._engine.repair,
        }
        done: dict[str, int] = {}
        failures: list[Exception] = []
        for name, repair in repairs.items():
            try:
                done[name] = await repair()
            except Exception as error:  # noqa: BLE001 - the others are no less due
                failures.append(error)
        if failures:
            raise failures[0]
        return done

    async def _each(self, now: datetime | None, due: _Due, act: _Act, at_once: int = _AT_ONCE) -> int:
        """Do something to every session that is due, in short transactions; returns to how many."""
        number, last = 0, ""
        while True:
            part = partial(self._part, last=last, now=now, due=due, act=act, at_once=at_once)
            done, seen = await self._store.write(part)
            number += done
            if len(seen) < at_once:
                return number
            last = seen[-1]

    def _part(
        self, tx: Tx, *, last: str, now: datetime | None, due: _Due, act: _Act, at_once: int
    ) -> tuple[int, list[str]]:
        moment = now or tx.now
        found = sessions.list_where(tx, table.c.id > last, *due(moment), limit=at_once)
        return sum(act(tx, session, moment) for session in found), [session.id for session in found]

    def _expires_soon(self, now: datetime) -> _Conditions:
        return (
            table.c.status.in_((SessionStatus.ACTIVE, SessionStatus.SUSPENDED)),
            table.c.expires_at.is_not(None),
            table.c.expires_at <= now + self._limits.warn_before_expiry,
        )

    def _warn(self, tx: Tx, session: Session, now: datetime) -> bool:
        if session.expires_at is None or self._was_warned(session) or _busy(tx, session):
            return False
        expires_at = session.expires_at
        if self._lives_longer_than_a_warning(session):
            # However late a sweep ran: the warning comes now, and all the time it promises after it.
            expires_at = max(expires_at, now + self._limits.warn_before_expiry)
        sessions.set_fields(tx, session.id, warned_at=now, expires_at=expires_at)
        soon = session.model_copy(update={"expires_at": expires_at})
        tx.emit(session.id, lifecycle.session_update(soon, "expires soon"))
        tx.hint(session.owner_id, "session:updated", session.id)
        return True

    def _lives_longer_than_a_warning(self, session: Session) -> bool:
        limits = self._limits
        ttl = limits.suspended_ttl if session.status is SessionStatus.SUSPENDED else limits.session_ttl
        return ttl is None or ttl > limits.warn_before_expiry

    def _was_warned(self, session: Session) -> bool:
        """Whether the warning that was given is of this expiry, and not of one that was put off since."""
        if session.warned_at is None or session.expires_at is None:
            return False
        return session.warned_at >= session.expires_at - self._limits.warn_before_expiry

    def _is_idle(self, now: datetime) -> _Conditions:
        return (
            table.c.status.in_((SessionStatus.ACTIVE, SessionStatus.SUSPENDED)),
            table.c.expires_at.is_not(None),
            table.c.expires_at <= now,
        )

    def _expire(self, tx: Tx, session: Session, now: datetime) -> bool:
        if not self._was_warned(session) or _busy(tx, session):
            return False
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
            return False
        tx.audit(SYSTEM_ACTOR, "session.expire", "session", session.id)
        return True

    def _expired_long_ago(self, now: datetime) -> _Conditions:
        return (
            table.c.status == SessionStatus.EXPIRED,
            table.c.expires_at <= now - self._limits.archive_after,
        )

    def _archive(self, tx: Tx, session: Session, now: datetime) -> bool:
        lifecycle.move_session(
            tx,
            session,
            SessionCommand.ARCHIVE,
            reason="expired a while ago",
            archived_at=now,
            status_before=session.status,
            expires_at=None,
        )
        tx.audit(SYSTEM_ACTOR, "session.archive", "session", session.id)
        return True

    def _deleted_long_ago(self, now: datetime) -> _Conditions:
        return (
            table.c.status == SessionStatus.DELETED,
            table.c.deleted_at <= now - self._limits.purge_after,
        )

    def _purge(self, tx: Tx, session: Session, now: datetime) -> bool:
        sessions.purge_session(tx, session.id)
        tx.audit(SYSTEM_ACTOR, "session.purge", "session", session.id)
        tx.hint(session.owner_id, "session:deleted", session.id)
        return True

    def _forget(self, tx: Tx, now: datetime) -> int:
        operations.delete_idempotency_keys(tx, before=now - _KEYS_KEPT)
        leases.drop_old_leases(tx, _LEASES_KEPT)
        return operations.delete_connections(tx, stale_before=now - self._limits.connection_stale_after)

    async def _remove_orphans(self) -> int:
        return 0 if self._files is None else await self._files.remove_orphans()

    async def _enqueue_lost(self) -> int:
        """Tell the engine of queued runs, and let inputs begin that wait though nothing holds them up."""
        number = 0
        async for run in runs_in(self._store, [RunStatus.QUEUED]):
            await self._engine.enqueue(run.id)
            number += 1
        last = ""
        while True:
            waiting = await self._store.read(
                lambda tx, after=last: operations.sessions_to_start(tx, after=after, limit=_AT_ONCE)
            )
            for session_id in waiting:
                await self._runs.start_waiting(session_id)
            if len(waiting) < _AT_ONCE:
                return number
            last = waiting[-1]


def _busy(tx: Tx, session: Session) -> bool:
    run = runs.find_open_run(tx, session.id)
    return run is not None and run.status in LIVE_RUN_STATUSES
