"""Forks: a new session with the past of another up to a point, that goes its own way from there.

The original is only read. What it spent is not copied: a fork's ledger starts empty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.events import ApprovalResolved, Console, NewEvent, WorkflowResumed
from perdure.core.messages import author_of
from perdure.core.renaming import Renaming
from perdure.core.runs import Run, RunStatus
from perdure.core.sessions import Session, SessionStatus
from perdure.core.shares import without_secrets as for_viewers
from perdure.errors import InvalidInput, NotFound
from perdure.ids import new_id, parse_uuid
from perdure.services import lifecycle
from perdure.services.access import may_only_watch, require_create, session_for
from perdure.services.conversation import check_text, message_event
from perdure.services.files import FileService
from perdure.services.fork_files import CopiedFiles, copy_files, remove_copies
from perdure.services.fork_plans import add_plans
from perdure.services.fork_reading import Original, read_at_seq, read_before_run, read_before_step
from perdure.services.fork_rows import ForkRows, build, rename_all
from perdure.services.plan_log import note_plan_in
from perdure.services.ports import Limits, ModeCatalog, RunEngine
from perdure.services.secrets import KeptConfig, copy_in, drop_secrets, keep_in
from perdure.store import copies, missions, runs, secrets, sessions
from perdure.store.store import Store
from perdure.store.transaction import Tx

_NAME_CHARS = 200
_CONTEXT = "additional_context"
_AS_IT_WAS = (SessionStatus.COMPLETED, SessionStatus.FAILED)


@dataclass(frozen=True)
class Wish:
    """How a fork differs from its original."""

    name: str | None = None
    input: str | None = None
    config: dict[str, Any] | None = None


class ForkService:
    """Makes forks of sessions and runs."""

    def __init__(
        self, store: Store, modes: ModeCatalog, engine: RunEngine, limits: Limits, files: FileService
    ) -> None:
        self._store = store
        self._modes = modes
        self._engine = engine
        self._limits = limits
        self._files = files
        self._making: set[asyncio.Task[tuple[Session, Run | None]]] = set()

    async def fork(
        self,
        actor: Actor,
        session_id: str,
        *,
        from_seq: int | None = None,
        from_step: str | None = None,
        wish: Wish | None = None,
    ) -> tuple[Session, Run | None]:
        """Fork a session after an event, before a step began, or where it is now.

        A run in which the point lies goes on in the fork at once, from the steps it had finished; so does a
        changed input between runs, as a new one. Else the fork has no run of its own, and None comes back.

        Raises:
            NotFound: when there is no such session or step; the steps are named.
            InvalidInput: when the log has no such event, or input or config cannot be accepted.
        """
        if from_seq is not None and from_step is not None:
            raise InvalidInput("Give `from_seq` or `from_step`, not both.", field="from_seq")

        def read(tx: Tx) -> Original:
            session = session_for(tx, actor, session_id, Action.READ)
            if from_step is not None:
                return _as_seen(tx, actor, read_before_step(tx, session, from_step))
            return _as_seen(tx, actor, read_at_seq(tx, session, from_seq))

        return await self._make(actor, read, wish or Wish())

    async def fork_run(
        self, actor: Actor, run_id: str, *, from_step: str | None = None, wish: Wish | None = None
    ) -> tuple[Session, Run]:
        """Fork a run before one of its steps began, or from its very start; the fork executes it from there.

        Raises:
            NotFound: when there is no such run or step; the steps are named.
            InvalidInput: when input or config cannot be accepted.
        """
        named = parse_uuid(run_id, "run id")

        def read(tx: Tx) -> Original:
            run = runs.get_run(tx, named)
            try:
                session = session_for(tx, actor, run.session_id, Action.READ)
            except NotFound:
                raise NotFound("There is no such run.") from None
            if from_step is not None:
                return _as_seen(tx, actor, read_before_step(tx, session, from_step, run))
            return _as_seen(tx, actor, read_before_run(tx, session, run))

        session, run = await self._make(actor, read, wish or Wish())
        assert run is not None
        return session, run

    async def _make(
        self, actor: Actor, read: Callable[[Tx], Original], wish: Wish
    ) -> tuple[Session, Run | None]:
        if wish.input is not None:
            check_text(wish.input, self._limits.max_text_bytes, "input")
        require_create(actor, "session")
        original = await self._store.read(read)
        if actor.user_id != original.session.owner_id:
            original = _without_the_owners(original, self._modes)
        config = self._modes.validate(
            original.session.mode, {**original.session.config, **(wish.config or {})}
        )
        renaming = rename_all(original, new_id())
        own = await self._secrets_of(actor, original, renaming)
        # Whoever asks may go away at any moment: what is stored then keeps its files, and is told to the engine.
        making = asyncio.create_task(self._carry_out(actor, original, renaming, wish, config, own))
        self._making.add(making)
        making.add_done_callback(self._made)
        return await asyncio.shield(making)

    async def _carry_out(
        self,
        actor: Actor,
        original: Original,
        renaming: Renaming,
        wish: Wish,
        config: dict[str, Any],
        own: dict[str, str],
    ) -> tuple[Session, Run | None]:
        """Copy the files and store the rows, or leave nothing."""
        source = self._files.workspace(original.session.id)
        target = self._files.workspace(renaming[original.session.id])

        def prepare() -> tuple[CopiedFiles, ForkRows]:
            copied = copy_files(source, target, original.past.files, original.files_later)
            anew = wish.input is not None
            made = build(original, renaming, actor.user_id, original.read_at, new_input=anew)
            add_plans(original, renaming, made, actor.user_id, copied.found, original.read_at)
            return copied, made

        try:
            copied, made = await asyncio.to_thread(prepare)
            fork = _Fork(
                self._modes, self._limits, actor, original, renaming, wish, config, copied, made, own
            )
            session, run = await self._store.write(fork.insert)
        except BaseException:
            await asyncio.to_thread(remove_copies, target)
            raise
        if run is not None:
            await self._engine.enqueue(run.id)
        return session, run

    def _made(self, making: asyncio.Task[tuple[Session, Run | None]]) -> None:
        self._making.discard(making)
        if not making.cancelled():
            making.exception()  # whoever asked has it, or has gone away

    async def _secrets_of(self, actor: Actor, original: Original, renaming: Renaming) -> dict[str, str]:
        """Give the session's own secrets their ids in the fork, if it is the owner's; others do not get them."""
        session = original.session
        if actor.user_id != session.owner_id:
            return {}
        ids = await self._store.read(lambda tx: secrets.ids_of_session(tx, session.id))
        return {secret_id: renaming.add(secret_id) for secret_id in ids}


@dataclass
class _Fork:
    modes: ModeCatalog
    limits: Limits
    actor: Actor
    original: Original
    renaming: Renaming
    wish: Wish
    config: dict[str, Any]
    copied: CopiedFiles
    made: ForkRows
    secrets: dict[str, str]
    """The original's own secrets that the fork takes over, with their new ids."""
    stored_config: dict[str, Any] = field(default_factory=dict[str, Any])

    def insert(self, tx: Tx) -> tuple[Session, Run | None]:
        """Write everything in the caller's transaction; may run again after a deadlock."""
        original, made, owner = self.original, self.made, self.actor.user_id
        session_for(tx, self.actor, original.session.id, Action.READ)  # again: copying takes its time
        kept = self._kept(tx, self.config, original.session.mode)
        self.stored_config = kept.config
        run = self._run(tx)
        session = self._session(tx, run)
        sessions.insert_session(tx, session)
        copy_in(tx, original.session.id, session.id, owner, self.secrets)
        kept.write_in(tx, session.id, owner)
        run = self._with_kept_config(tx, run)
        copies.write_log(tx, session.id, made.log, original.past.history_from)
        copies.put(tx, "runs", made.rows["runs"])
        if run is not None:
            runs.insert_run(tx, run, owner)
        for noun in ("steps", "approvals", "missions", "hops", "tool_steps", "assets"):
            copies.put(tx, noun, made.rows[noun])
        for mission_id in original.past.plans:
            note_plan_in(tx, missions.get_mission(tx, self.renaming[mission_id]))
        tx.append(session.id, *self._events(session, run))
        told: dict[str, Any] = {"from_seq": original.cut, "from_step": original.from_step}
        run_id = run.id if run is not None else None
        tx.audit(self.actor, "session.fork", "session", original.session.id, fork_id=session.id, **told)
        tx.audit(
            *(self.actor, "session.create", "session", session.id),
            forked_from=original.session.id,
            run_id=run_id,
        )
        tx.hint(owner, "session:created", session.id)
        return sessions.get_session(tx, session.id), run

    def _kept(
        self, tx: Tx, config: dict[str, Any], mode: str, stored: Mapping[str, Any] | None = None
    ) -> KeptConfig:
        """Return a config as the fork stores it: what it refers to is the fork's own by then."""
        known = {**self.original.session.config, **(stored or {})}
        return keep_in(
            tx,
            self.actor,
            self.renaming.value(config),
            self.modes.secret_keys(mode),
            session_id=self.renaming[self.original.session.id],
            owner_id=self.actor.user_id,
            stored=self.renaming.value(known),
        )

    def _with_kept_config(self, tx: Tx, run: Run | None) -> Run | None:
        if run is None or run.config is self.stored_config:
            return run
        source = self.original.repeated
        if run.parent_run_id in self.original.rows["runs"]:
            source = runs_row(self.original, run.parent_run_id)
        kept = self._kept(tx, run.config, run.mode, source.config if source else None)
        kept.write_in(tx, run.session_id, self.actor.user_id)
        return run.model_copy(update={"config": kept.config})

    def _run(self, tx: Tx) -> Run | None:
        original, wish = self.original, self.wish
        if original.target is not None:
            source = runs_row(original, original.target.id)
            said = original.target.said
            begun = original.target.begun
            given: list[str] = source.config.get(_CONTEXT) or []
            context = [text for text in given if text in said]
            if wish.input is not None and self.made.planned:
                context.append(wish.input)
            return self._branch(
                tx,
                source,
                id=self.renaming[source.id],
                config=self._run_config(source, context),
                attempt=original.target.attempt + 1 if begun else 1,
            )
        if original.repeated is not None:
            return self._branch(tx, original.repeated, config=self._run_config(original.repeated, []))
        if wish.input is None:
            return None
        latest = next(reversed(original.past.runs), None)
        if latest is not None:
            return self._branch(tx, runs_row(original, latest), config=self.stored_config)
        return self._branch(tx, None, config=self.stored_config)

    def _branch(self, tx: Tx, source: Run | None, *, config: dict[str, Any], **values: Any) -> Run:
        mode = source.mode if source else self.original.session.mode
        task = self.wish.input or (source.task if source else "")
        given: dict[str, Any] = {
            "id": new_id(),
            "session_id": self.renaming[self.original.session.id],
            "task": task,
            "mode": mode,
            "agent": config.get("agent"),
            "model": config.get("model"),
            "config": config,
            "status": RunStatus.QUEUED,
            "is_branch": source is not None,
            "parent_run_id": source.id if source else None,
            "forked_from_step": self.original.from_step,
            "created_at": tx.now,
        }
        return Run(**{**given, **values})

    def _run_config(self, source: Run, context: list[str]) -> dict[str, Any]:
        own = {k: v for k, v in source.config.items() if k != _CONTEXT}
        checked = self.modes.validate(source.mode, {**own, **(self.wish.config or {})})
        return {**checked, _CONTEXT: context} if context else checked

    def _session(self, tx: Tx, run: Run | None) -> Session:
        source, past = self.original.session, self.original.past
        then = SessionStatus(past.status)
        status = then if run is None and then in _AS_IT_WAS else SessionStatus.ACTIVE
        latest = next(reversed(past.runs), None)
        outside = source.plan_data if "mission_id" not in (source.plan_data or {}) else None
        return Session(
            id=self.renaming[source.id],
            owner_id=self.actor.user_id,
            name=self.wish.name or f"{source.name[: _NAME_CHARS - 7]} (fork)",
            mode=source.mode,
            status=status,
            config=self.stored_config,
            metadata=source.metadata,
            tags=source.tags,
            resource_limits=source.resource_limits,
            current_phase=past.phase or "init",
            current_step=past.step_number,
            context_variables=self.renaming.value(
                # What begins with an underscore is the server's own: permissions given for that session.
                {k: v for k, v in source.context_variables.items() if not k.startswith("_")}
            ),
            plan_data=self.renaming.value(outside),
            created_at=tx.now,
            updated_at=tx.now,
            last_active_at=tx.now,
            expires_at=lifecycle.expiry_of(self.limits, status, tx.now),
            forked_from_session=source.id,
            forked_from_seq=self.original.cut,
            current_run_id=run.id if run else self.renaming.get(latest),
        )

    def _events(self, session: Session, run: Run | None) -> list[NewEvent]:
        source, target = self.original.session, self.original.target
        lines = [
            f"Forked from session {source.id} ({source.name}) after its event {self.original.cut}.",
            "What that session spent is not copied: this one starts at zero.",
            *self.made.lines,
            *self.copied.lines,
        ]
        events = [
            NewEvent.of(lifecycle.session_update(session, "forked")),
            NewEvent.of(Console(lines=lines)),
            *(
                NewEvent.of(ApprovalResolved(approval_id=asked, status="cancelled"), run_id=run_id)
                for asked, run_id in self.made.cancelled
            ),
        ]
        if run is not None and (self.wish.input is not None or target is None):
            events.append(message_event("user", run.task, run_id=run.id, author=author_of(self.actor)))
        if run is not None and target is not None and target.begun:
            resumed = WorkflowResumed(
                reason="forked",
                attempt=run.attempt,
                additional_context=self.wish.input,
                author=author_of(self.actor) if self.wish.input else None,
            )
            events.append(NewEvent.of(resumed, run_id=run.id))
        return events


def _as_seen(tx: Tx, actor: Actor, original: Original) -> Original:
    """Return the original without what the actor does not see of it: a fork gives away nothing more."""
    if not may_only_watch(tx, actor, original.session):
        return original
    session, repeated = original.session, original.repeated
    config = for_viewers(session.config, drop=True)
    rows = {
        run_id: {**row, "config": for_viewers(row["config"], drop=True)}
        for run_id, row in original.rows["runs"].items()
    }
    if repeated is not None:
        own = for_viewers(repeated.config, drop=True)
        repeated = repeated.model_copy(update={"config": own})
    return replace(
        original,
        session=session.model_copy(update={"metadata": {}, "config": config}),
        rows={**original.rows, "runs": rows},
        repeated=repeated,
    )


def _without_the_owners(original: Original, modes: ModeCatalog) -> Original:
    """Return the original without its owner's secrets: whoever else forks it gives their own."""
    session, repeated = original.session, original.repeated
    rows = {
        run_id: {**row, "config": drop_secrets(row["config"], modes.secret_keys(row["mode"]))}
        for run_id, row in original.rows["runs"].items()
    }
    if repeated is not None:
        own = drop_secrets(repeated.config, modes.secret_keys(repeated.mode))
        repeated = repeated.model_copy(update={"config": own})
    config = drop_secrets(session.config, modes.secret_keys(session.mode))
    return replace(
        original,
        session=session.model_copy(update={"config": config}),
        rows={**original.rows, "runs": rows},
        repeated=repeated,
    )


def runs_row(original: Original, run_id: str) -> Run:
    """Return a run of the original as it is now."""
    row = original.rows["runs"][run_id]
    return Run.model_validate({k: v for k, v in row.items() if k in Run.model_fields})
