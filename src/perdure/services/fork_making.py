"""The rows of a fork: its session, the run that goes on in it, and what its log says first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.events import ApprovalResolved, Console, NewEvent, WorkflowResumed
from perdure.core.messages import author_of
from perdure.core.renaming import Renaming
from perdure.core.runs import Run, RunStatus
from perdure.core.sessions import Session, SessionStatus
from perdure.ids import new_id
from perdure.services import lifecycle
from perdure.services.access import session_for
from perdure.services.conversation import message_event
from perdure.services.fork_files import CopiedFiles
from perdure.services.fork_reading import Original
from perdure.services.fork_rows import ForkRows
from perdure.services.plan_log import note_plan_in
from perdure.services.ports import Limits, ModeCatalog
from perdure.services.secrets import KeptConfig, copy_in, keep_in
from perdure.store import copies, missions, runs, sessions
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


@dataclass
class Fork:
    """A fork whose files are copied and whose past is renamed; `insert` stores it."""

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


def runs_row(original: Original, run_id: str) -> Run:
    """Return a run of the original as it is now."""
    row = original.rows["runs"][run_id]
    return Run.model_validate({k: v for k, v in row.items() if k in Run.model_fields})
