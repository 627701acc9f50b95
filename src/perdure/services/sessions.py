"""Sessions: create, find, change, and the commands of their lifecycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from perdure.core.access import Action, Actor
from perdure.core.messages import author_of
from perdure.core.runs import LIVE_RUN_STATUSES, Run
from perdure.core.sessions import Session, SessionCommand, SessionStatus, default_name
from perdure.errors import Forbidden, InvalidInput, NotFound, PerdureError
from perdure.ids import new_id, parse_uuid
from perdure.services import lifecycle
from perdure.services.access import readable, require_create, require_unused, session_for, whose_list
from perdure.services.approvals import release_in
from perdure.services.budgets import parse_limits
from perdure.services.history import message_page
from perdure.services.ports import Limits, ModeCatalog, RunEngine
from perdure.services.resuming import resume_in
from perdure.services.secrets import keep_in
from perdure.services.session_checks import changed_value, check_version
from perdure.services.state import save_state_in
from perdure.services.views import SessionPage, SessionRow, SessionView, session_rows
from perdure.store import operations, runs, sessions, shares
from perdure.store.sessions import SessionQuery
from perdure.store.store import Store
from perdure.store.transaction import Tx

_EDITABLE = ("name", "tags", "metadata", "config", "resource_limits")
_BULK = ("suspend", "resume", "complete", "archive", "restore", "delete")


class SessionService:
    """Everything a person does to a session other than talking to it."""

    def __init__(self, store: Store, modes: ModeCatalog, engine: RunEngine, limits: Limits) -> None:
        self._store = store
        self._modes = modes
        self._engine = engine
        self._limits = limits

    async def create(
        self,
        actor: Actor,
        *,
        mode: str,
        config: dict[str, Any] | None = None,
        name: str | None = None,
        metadata: dict[str, Any] | None = None,
        resource_limits: dict[str, Any] | None = None,
        tags: Sequence[str] = (),
        session_id: str | None = None,
        task: str | None = None,
    ) -> Session:
        """Create an active session.

        Raises:
            UnknownMode, UnknownConfigKey: naming what is known.
            InvalidInput: when a limit is none.
            Conflict: when `session_id` is given and was taken before, also by what is purged since.
            Forbidden: when the API key is not for it.
        """
        require_create(actor, "session")
        checked = self._modes.validate(mode, config or {})
        limits = parse_limits(resource_limits)
        chosen = parse_uuid(session_id, "session id") if session_id else new_id()
        if session_id:
            await require_unused(self._store, chosen)

        def body(tx: Tx) -> Session:
            return self.create_in(
                tx,
                actor,
                mode=mode,
                config=checked,
                name=name or default_name(task, mode, tx.now),
                metadata=metadata or {},
                resource_limits=limits,
                tags=list(tags),
                session_id=chosen,
            )

        return await self._store.write(body)

    def create_in(self, tx: Tx, actor: Actor, **values: Any) -> Session:
        """Create a session inside an open transaction; the config is checked already."""
        session_id = values.pop("session_id", None) or new_id()
        keys = self._modes.secret_keys(values["mode"])
        kept = keep_in(tx, actor, values["config"], keys, session_id=session_id, owner_id=actor.user_id)
        values["config"] = kept.config
        session = Session(
            id=session_id,
            owner_id=actor.user_id,
            status=SessionStatus.ACTIVE,
            current_phase="init",
            created_at=tx.now,
            updated_at=tx.now,
            last_active_at=tx.now,
            expires_at=lifecycle.expiry_of(self._limits, SessionStatus.ACTIVE, tx.now),
            **values,
        )
        sessions.insert_session(tx, session)
        kept.write_in(tx, session.id, session.owner_id)
        tx.audit(actor, "session.create", "session", session.id, mode=session.mode)
        tx.emit(session.id, lifecycle.session_update(session, "created"))
        tx.hint(actor.user_id, "session:created", session.id)
        return session.model_copy(update={"last_seq": 1})

    async def get(self, actor: Actor, session_id: str) -> SessionRow[Session]:
        """Return a session with its newest run, open questions and costs.

        Raises:
            NotFound: when it does not exist for the actor.
        """

        def body(tx: Tx) -> SessionRow[Session]:
            return session_rows(tx, actor, [session_for(tx, actor, session_id, Action.READ)])[0]

        return await self._store.read(body)

    async def view(self, actor: Actor, session_id: str) -> SessionView:
        """Return what `get` does, and the newest page of the conversation, read together.

        Raises:
            NotFound: when it does not exist for the actor.
        """

        def body(tx: Tx) -> SessionView:
            session = session_for(tx, actor, session_id, Action.READ)
            return SessionView(session_rows(tx, actor, [session])[0], message_page(tx, session))

        return await self._store.read(body)

    async def list(self, actor: Actor, query: SessionQuery, *, count_groups: bool = False) -> SessionPage:
        """Return one page of what the actor owns and what is shared with them; see `SessionQuery.shared`.

        With `count_groups` the page says how many there are in each group as well. An administrator may name a
        `user_id`, or `all`, and gets what that person owns.

        Raises:
            InvalidInput: on an unknown status, sort key or cursor.
            Forbidden: when somebody else names another `user_id`.
        """
        known = {str(s) for s in SessionStatus}
        for status in query.status:
            if status not in known:
                raise InvalidInput(
                    f"{status!r} is not a status; use {', '.join(sorted(known))}.", field="status"
                )
        person, only = whose_list(actor, query.user_id)
        asked = query if only is None else replace(query, shared=only)

        def body(tx: Tx) -> SessionPage:
            found, total, cursor = sessions.list_sessions(tx, person, asked)
            current = operations.current_session_id(tx, actor.user_id)
            return SessionPage(
                sessions=session_rows(tx, actor, found),
                total=total,
                limit=query.limit,
                offset=query.offset,
                next_cursor=cursor,
                counts=sessions.count_by_status(tx, person, asked.shared),
                current_session_id=current if current and readable(tx, actor, [current]) else None,
                groups=sessions.count_by_group(tx, person, asked) if count_groups else None,
            )

        return await self._store.read(body)

    async def active(self, actor: Actor) -> SessionRow[Session]:
        """Return the most recently active session that is active and in which the actor may work.

        Raises:
            NotFound: when there is none; none is ever created.
        """

        def body(tx: Tx) -> SessionRow[Session]:
            session = sessions.find_latest_active(tx, actor.user_id)
            if session is None:
                raise NotFound("You have no active session.")
            return session_rows(tx, actor, [session])[0]

        return await self._store.read(body)

    async def update(
        self,
        actor: Actor,
        session_id: str,
        *,
        patch: dict[str, Any],
        replace: bool = False,
        if_version: int | None = None,
    ) -> Session:
        """Change name, tags, metadata, config or limits. Without `replace`, objects merge; None empties or removes.

        Raises:
            StaleVersion: when `if_version` is not the current one.
            InvalidInput: on a field that cannot be changed, or a limit that is none.
        """
        unknown = sorted(set(patch) - set(_EDITABLE))
        if unknown:
            raise InvalidInput(
                f"Cannot change {', '.join(unknown)}; these can be: {', '.join(_EDITABLE)}.", fields=unknown
            )

        def body(tx: Tx) -> tuple[Session, list[str]]:
            session = session_for(tx, actor, session_id, Action.EDIT, lock=True)
            check_version(session, if_version)
            changes = {k: changed_value(session, k, v, replace=replace) for k, v in patch.items()}
            if "config" in changes:
                checked = self._modes.validate(session.mode, changes["config"])
                kept = keep_in(
                    tx,
                    actor,
                    checked,
                    self._modes.secret_keys(session.mode),
                    session_id=session.id,
                    owner_id=session.owner_id,
                    stored=session.config,
                    replace=True,
                )
                kept.write_in(tx, session.id, session.owner_id)
                changes["config"] = kept.config
            if "resource_limits" in changes:
                changes["resource_limits"] = parse_limits(changes["resource_limits"])
            if not changes:
                return session, []
            changed = sessions.change_session(tx, session, **changes)
            tx.emit(session.id, lifecycle.session_update(changed, "edited"))
            released = release_in(tx, changed, actor) if "resource_limits" in changes else []
            tx.audit(actor, "session.update", "session", session.id, fields=sorted(patch), released=released)
            return changed, released

        changed, woken = await self._store.write(body)
        for run_id in woken:
            await self._engine.enqueue(run_id)
        return changed

    async def save_state(
        self, actor: Actor, session_id: str, *, messages: Sequence[dict[str, Any]] = (), **state: Any
    ) -> Session:
        """Save state from outside; see `state.save_state_in` for the fields and errors."""

        def body(tx: Tx) -> Session:
            session = session_for(tx, actor, session_id, Action.EDIT, lock=True)
            saved = save_state_in(
                tx,
                session,
                self._limits,
                author=author_of(actor),
                messages_to_append=list(messages),
                **state,
            )
            fields = sorted(key for key, value in state.items() if value is not None)
            tx.audit(
                actor, "session.save_state", "session", session.id, fields=fields, messages=len(messages)
            )
            return saved

        return await self._store.write(body)

    async def suspend(
        self, actor: Actor, session_id: str, when: str = "boundary", reason: str | None = None
    ) -> Session:
        """Suspend the session at once; its run stops at the next boundary, or with `when="now"` abruptly.

        Raises:
            NotAllowedNow: when the session is not active.
        """
        if when not in ("boundary", "now"):
            raise InvalidInput("`when` is `boundary` or `now`.", field="when")
        live: list[str] = []

        def body(tx: Tx) -> Session:
            session = session_for(tx, actor, session_id, Action.CONTROL, lock=True)
            changed = lifecycle.move_session(
                tx,
                session,
                SessionCommand.SUSPEND,
                reason=reason or f"paused by {actor.name}",
                expires_at=lifecycle.expiry_of(self._limits, SessionStatus.SUSPENDED, tx.now),
            )
            run = runs.find_open_run(tx, session.id, lock=True)
            if run is not None:
                lifecycle.pause_run(tx, run, reason or "requested")
                live.append(run.id)
            paused = run.id if run is not None else None
            tx.audit(actor, "session.suspend", "session", session.id, when=when, run_id=paused)
            return changed

        session = await self._store.write(body)
        if when == "now":
            for run_id in live:
                await self._engine.abort(run_id)
        return session

    async def resume(
        self,
        actor: Actor,
        session_id: str,
        additional_context: str | None = None,
        from_step: str | None = None,
    ) -> tuple[Session, Run | None]:
        """Resume a suspended, failed or expired session; its interrupted run goes on and is never repeated.

        Raises:
            NotAllowedNow: when the lifecycle or the mode does not allow it.
        """

        def body(tx: Tx) -> tuple[Session, Run | None]:
            session = session_for(tx, actor, session_id, Action.CONTROL, lock=True)
            resumed, run = resume_in(
                tx,
                session,
                self._limits,
                supports_resume=self._modes.supports_resume(session.mode),
                additional_context=additional_context,
                from_step=from_step,
                author=author_of(actor),
            )
            told: dict[str, Any] = {"from_step": from_step, "context_chars": len(additional_context or "")}
            tx.audit(actor, "session.resume", "session", session.id, run_id=run.id if run else None, **told)
            return resumed, run

        session, run = await self._store.write(body)
        if run is not None:
            await self._engine.enqueue(run.id)
        return session, run

    async def complete(self, actor: Actor, session_id: str) -> Session:
        """Complete the session; a live run is cancelled first.

        Raises:
            NotAllowedNow: when it is neither active nor suspended.
        """
        return await self._end(actor, session_id, SessionCommand.COMPLETE, Action.CONTROL, expires_at=None)

    async def archive(self, actor: Actor, session_id: str) -> Session:
        """Put a session away.

        Raises:
            NotAllowedNow: when it is active or archived already.
        """

        def body(tx: Tx) -> Session:
            session = session_for(tx, actor, session_id, Action.CONTROL, lock=True)
            tx.audit(actor, "session.archive", "session", session.id)
            return lifecycle.move_session(
                tx,
                session,
                SessionCommand.ARCHIVE,
                archived_at=tx.now,
                status_before=session.status,
                expires_at=None,
            )

        return await self._store.write(body)

    async def restore(self, actor: Actor, session_id: str) -> Session:
        """Bring back a deleted session as it was, or an archived one as suspended.

        Raises:
            NotAllowedNow: when it is neither.
        """

        def body(tx: Tx) -> Session:
            session = session_for(tx, actor, session_id, Action.DELETE, lock=True, deleted=True)
            target = session.status_before if session.status is SessionStatus.DELETED else None
            restored = lifecycle.move_session(
                tx,
                session,
                SessionCommand.RESTORE,
                deleted_at=None,
                archived_at=None if target is not SessionStatus.ARCHIVED else session.archived_at,
                status_before=None,
                last_active_at=tx.now,
                expires_at=lifecycle.expiry_of(self._limits, target or SessionStatus.SUSPENDED, tx.now),
            )
            tx.audit(actor, "session.restore", "session", session.id)
            tx.hint(session.owner_id, "session:updated", session.id)
            return restored

        return await self._store.write(body)

    async def delete(self, actor: Actor, session_id: str) -> Session:
        """Hide the session and everything under it, cancelling a live run. A second call changes nothing."""

        def deleted(tx: Tx) -> Session | None:
            session = session_for(tx, actor, session_id, Action.DELETE, deleted=True)
            return session if session.status is SessionStatus.DELETED else None

        already = await self._store.read(deleted)
        if already is not None:
            return already
        return await self._end(actor, session_id, SessionCommand.DELETE, Action.DELETE)

    async def purge(self, actor: Actor, session_id: str) -> Session:
        """Remove a session for good, deleted before or not; returns what it was.

        Raises:
            Forbidden: when the actor may delete it and no more; nothing is deleted then.
        """

        def body(tx: Tx) -> None:
            session = session_for(tx, actor, session_id, Action.PURGE, lock=True, deleted=True)
            people = {session.owner_id, *shares.people_of(tx, [session.id]).get(session.id, ())}
            sessions.purge_session(tx, session.id)
            tx.audit(actor, "session.purge", "session", session.id)
            for user_id in sorted(people):
                tx.hint(user_id, "session:deleted", session.id, personal=True)

        def allowed(tx: Tx) -> None:
            session_for(tx, actor, session_id, Action.PURGE, deleted=True)

        await self._store.read(allowed)  # before anything is deleted
        deleted = await self.delete(actor, session_id)
        await self._store.write(body)
        return deleted

    async def load(self, actor: Actor, session_id: str) -> SessionRow[Session]:
        """Make the session the actor's current one and return it.

        Raises:
            NotFound: when it does not exist for the actor; none is created.
        """

        def body(tx: Tx) -> SessionRow[Session]:
            session = session_for(tx, actor, session_id, Action.READ)
            operations.set_current_session(tx, actor.user_id, session.id)
            tx.audit(actor, "session.load", "session", session.id)
            tx.hint(actor.user_id, "session:loaded", session.id, personal=True)
            return session_rows(tx, actor, [session])[0]

        return await self._store.write(body)

    async def touch(self, actor: Actor, session_ids: Sequence[str]) -> None:
        """Note that the actor is at work in these sessions; unknown ones and those only watched are passed over."""

        def body(tx: Tx) -> None:
            for session_id in session_ids:
                try:
                    session = session_for(tx, actor, session_id, Action.SEND)
                except (NotFound, Forbidden):
                    continue
                sessions.touch_session(
                    tx, session.id, lifecycle.expiry_of(self._limits, session.status, tx.now)
                )

        await self._store.write(body)

    async def bulk(self, actor: Actor, command: str, session_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Do the same to many sessions; each succeeds or fails alone.

        Raises:
            InvalidInput: on an unknown command.
        """
        if command not in _BULK:
            raise InvalidInput(f"{command!r} is not one of {', '.join(_BULK)}.", field="command")
        results: list[dict[str, Any]] = []
        for session_id in session_ids:
            try:
                outcome: Any = await getattr(self, command)(actor, session_id)
                session = cast("Session", outcome[0] if isinstance(outcome, tuple) else outcome)
                results.append({"session_id": session_id, "success": True, "status": str(session.status)})
            except PerdureError as error:
                results.append({"session_id": session_id, "success": False, "error": error.to_dict()})
        return results

    async def _end(
        self, actor: Actor, session_id: str, command: SessionCommand, action: Action, **changes: Any
    ) -> Session:
        aborted: list[str] = []

        def body(tx: Tx) -> Session:
            session = session_for(tx, actor, session_id, action, lock=True)
            run = runs.find_open_run(tx, session.id, lock=True)
            if run is not None and (command is SessionCommand.COMPLETE or run.status in LIVE_RUN_STATUSES):
                if run.status != "cancelling":
                    lifecycle.cancel_run(tx, run, actor.name)
                aborted.append(run.id)
            values = dict(changes)
            if command is SessionCommand.DELETE:
                values |= {"deleted_at": tx.now, "status_before": session.status}
            ended = lifecycle.move_session(tx, session, command, reason=f"by {actor.name}", **values)
            tx.audit(actor, f"session.{command}", "session", session.id, runs_cancelled=sorted(set(aborted)))
            if command is SessionCommand.DELETE:
                tx.hint(session.owner_id, "session:deleted", session.id)
                if operations.current_session_id(tx, actor.user_id) == session.id:
                    operations.set_current_session(tx, actor.user_id, None)
            return ended

        session = await self._store.write(body)
        for run_id in aborted:
            await self._engine.abort(run_id)
        return session
