"""Runs: starting them, finding them, and a person's control over them."""

from __future__ import annotations

from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.messages import author_of
from perdure.core.runs import RUN_LIFECYCLE, Run, RunCommand, RunStatus, Step
from perdure.core.sessions import Session, SessionCommand, SessionStatus, default_name
from perdure.errors import Conflict, NotAllowedNow, NotFound
from perdure.ids import parse_task_id, parse_uuid
from perdure.services import lifecycle
from perdure.services.access import may_only_watch, readable, require_create, session_for
from perdure.services.conversation import check_text
from perdure.services.inputs import audit_input, audit_run, busy, steer_in, take_while_busy
from perdure.services.ports import Limits, ModeCatalog, RunEngine
from perdure.services.resuming import continue_in, retry_in
from perdure.services.secrets import keep_in
from perdure.services.sessions import SessionService
from perdure.services.starting import start_in, start_next_in
from perdure.services.views import StartResult, without_secrets_of
from perdure.store import runs, sessions
from perdure.store.store import Store
from perdure.store.transaction import Tx

_SESSION_KEYS = ("session_id", "sessionId", "copilotSessionId")
_DEFAULT_MODE = "one-shot"


class RunService:
    """A person's side of runs; the worker's side is `progress`."""

    def __init__(
        self,
        store: Store,
        modes: ModeCatalog,
        engine: RunEngine,
        limits: Limits,
        session_service: SessionService,
    ) -> None:
        self._store = store
        self._modes = modes
        self._engine = engine
        self._limits = limits
        self._sessions = session_service

    async def start(
        self,
        actor: Actor,
        session_id: str,
        task: str,
        *,
        task_id: str | None = None,
        config: dict[str, Any] | None = None,
        on_busy: str | None = None,
    ) -> StartResult:
        """Give a session an input: message, run and events in one commit, then the engine is told.

        While a run is live the session's `on_busy` decides.

        Raises:
            RunInProgress: when it says `reject`.
            NotAllowedNow: when the session is suspended, failed or put away.
            InvalidInput: when the text cannot be stored or a config key is unknown.
        """
        check_text(task, self._limits.max_text_bytes, "content")
        named_task = parse_task_id(task_id) if task_id else None

        def body(tx: Tx) -> StartResult:
            session = session_for(tx, actor, session_id, Action.SEND, lock=True)
            if named_task is not None and runs.find_run_by_task(tx, actor.user_id, named_task) is not None:
                raise _taken(named_task)
            live = runs.find_open_run(tx, session.id, lock=True)
            checked = self._checked(tx, actor, session, config or {})
            if live is not None:
                outcome = take_while_busy(
                    tx, actor, session, live, task, checked, named_task, on_busy, self._limits
                )
                audit_input(tx, actor, session, task, outcome)
                return outcome
            run, message_id = start_in(
                tx,
                session,
                task,
                checked,
                self._limits,
                author=author_of(actor),
                owner_id=actor.user_id,
                task_id=named_task,
            )
            result = StartResult(run=run, message_id=message_id)
            audit_input(tx, actor, session, task, result)
            return result

        result = await self._store.write(body)
        if result.interrupted is not None:
            await self._engine.abort(result.interrupted)
        if result.run is not None and not result.steered:
            await self._engine.enqueue(result.run.id)
        return result

    async def submit(
        self,
        actor: Actor,
        task: str,
        config: dict[str, Any],
        *,
        task_id: str | None = None,
        session_id: str | None = None,
    ) -> tuple[Session, Run]:
        """Start a task in the session that `config` names, or in a new one made for it.

        A task id that is known gives its session and run back and starts nothing.

        Raises:
            UnknownMode, UnknownConfigKey, InvalidInput: nothing is created then.
            RunInProgress: when the named session is busy.
        """
        check_text(task, self._limits.max_text_bytes, "task")
        named_task = parse_task_id(task_id) if task_id else None
        settings = dict(config)
        named = session_id or next((settings[k] for k in _SESSION_KEYS if settings.get(k)), None)
        for key in _SESSION_KEYS:
            settings.pop(key, None)
        mode = settings.pop("mode", None)
        name = settings.pop("name", None) or settings.pop("sessionName", None)
        if named is not None:
            parse_uuid(str(named), "session id")
        checked = self._modes.validate(mode or _DEFAULT_MODE, settings) if named is None else settings

        def body(tx: Tx) -> tuple[Session, Run, bool]:
            if named_task is not None:
                known = runs.find_run_by_task(tx, actor.user_id, named_task)
                if known is not None:
                    try:
                        return session_for(tx, actor, known.session_id, Action.READ), known, False
                    except NotFound:  # deleted, or no longer shared with whoever started it
                        raise _taken(named_task) from None
            if named is None:
                require_create(actor, "session")
                session = self._sessions.create_in(
                    tx,
                    actor,
                    mode=mode or _DEFAULT_MODE,
                    config=checked,
                    name=name or default_name(task, mode or _DEFAULT_MODE, tx.now),
                )
                merged = session.config
            else:
                session = session_for(tx, actor, str(named), Action.SEND, lock=True)
                if runs.find_open_run(tx, session.id, lock=True) is not None:
                    raise busy(session)
                merged = self._checked(tx, actor, session, checked)
            run, message_id = start_in(
                tx,
                session,
                task,
                merged,
                self._limits,
                author=author_of(actor),
                owner_id=actor.user_id,
                task_id=named_task,
            )
            audit_input(tx, actor, session, task, StartResult(run=run, message_id=message_id))
            return session, run, True

        session, run, fresh = await self._store.write(body)
        if fresh:
            await self._engine.enqueue(run.id)
        return session, run

    async def get(self, actor: Actor, run_id: str) -> Run:
        """Return a run.

        Raises:
            NotFound: when it does not exist for the actor.
        """
        return await self._store.read(
            lambda tx: seen_run(tx, actor, _run_for(tx, actor, run_id, Action.READ))
        )

    async def find_by_task(self, actor: Actor, task_id: str, *, shared: bool = False) -> Run | None:
        """Return the run that the actor started under a task id, or None.

        A run's id is a task id too, whoever started it, where the actor may read the session. With `shared`, so is
        a name that somebody else gave in such a session.

        Raises:
            InvalidInput: when it cannot be a task id.
        """
        parsed = parse_task_id(task_id)

        def body(tx: Tx) -> Run | None:
            run = runs.find_run_by_task(tx, actor.user_id, parsed)
            if shared and (run is None or not readable(tx, actor, [run.session_id])):
                run = runs.find_shared_run_by_task(tx, actor.user_id, parsed)
            run = run or runs.find_run(tx, parsed)
            if run is None or not readable(tx, actor, [run.session_id]):
                return None
            return seen_run(tx, actor, run)

        return await self._store.read(body)

    async def list(self, actor: Actor, session_id: str, limit: int, offset: int) -> tuple[list[Run], int]:
        """Return a session's runs, newest first, and how many there are."""

        def body(tx: Tx) -> tuple[list[Run], int]:
            session = session_for(tx, actor, session_id, Action.READ)
            found, total = runs.list_runs(tx, session.id, limit, offset)
            watches = may_only_watch(tx, actor, session)
            return [without_secrets_of(run) if watches else run for run in found], total

        return await self._store.read(body)

    async def steps(self, actor: Actor, session_id: str, run_id: str | None = None) -> list[Step]:
        """Return the steps of a session or of one of its runs, in order."""

        def body(tx: Tx) -> list[Step]:
            session = session_for(tx, actor, session_id, Action.READ)
            named = parse_uuid(run_id, "run id") if run_id else None
            return runs.list_steps(tx, session_id=session.id, run_id=named)

        return await self._store.read(body)

    async def pause(self, actor: Actor, run_id: str, when: str = "boundary") -> Run:
        """Pause a run: the same as suspending its session.

        Raises:
            NotAllowedNow: when the run is not open.
        """
        run = await self._store.read(lambda tx: _run_for(tx, actor, run_id, Action.CONTROL))
        RUN_LIFECYCLE.decide(run.status, RunCommand.PAUSE)
        await self._sessions.suspend(actor, run.session_id, when)
        return await self.get(actor, run_id)

    async def resume(self, actor: Actor, run_id: str, additional_context: str | None = None) -> Run:
        """Go on with a paused run: the same as resuming its session.

        Raises:
            NotAllowedNow: when the run is not paused.
        """
        run = await self._store.read(lambda tx: _run_for(tx, actor, run_id, Action.CONTROL))
        RUN_LIFECYCLE.decide(run.status, RunCommand.RESUME)
        session = await self._sessions.get(actor, run.session_id)
        if session.session.status is SessionStatus.ACTIVE:

            def body(tx: Tx) -> None:
                paused = _run_for(tx, actor, run_id, Action.CONTROL, lock=True)
                continue_in(tx, paused, additional_context, author_of(actor))
                told = len(additional_context or "")
                audit_run(tx, actor, "run.resume", paused, context_chars=told)

            await self._store.write(body)
            await self._engine.enqueue(run.id)
        else:
            await self._sessions.resume(actor, run.session_id, additional_context)
        return await self.get(actor, run_id)

    async def cancel(self, actor: Actor, run_id: str) -> Run:
        """Cancel a run; the call in flight is aborted. A second call changes nothing.

        Raises:
            NotAllowedNow: when the run has completed or failed.
        """

        def body(tx: Tx) -> Run:
            run = _run_for(tx, actor, run_id, Action.CONTROL, lock=True)
            if run.status in (RunStatus.CANCELLING, RunStatus.CANCELLED):
                return run
            cancelled = lifecycle.cancel_run(tx, run, actor.name)
            audit_run(tx, actor, "run.cancel", run)
            session = sessions.get_session(tx, run.session_id, lock=True)
            if cancelled.status is RunStatus.CANCELLED and session.status is SessionStatus.SUSPENDED:
                session = lifecycle.move_session(tx, session, SessionCommand.RESUME, reason="run cancelled")
            lifecycle.note_activity(tx, session, self._limits)
            return cancelled

        run = await self._store.write(body)
        if run.status is RunStatus.CANCELLING:
            await self._engine.abort(run.id)
        elif run.status is RunStatus.CANCELLED:
            await self.start_waiting(run.session_id)
        return run

    async def retry(self, actor: Actor, run_id: str, from_step: str | None = None) -> Run:
        """Start a new attempt of a failed run, keeping finished steps before `from_step`.

        Raises:
            NotAllowedNow: when the run has not failed, or its session is suspended or put away.
            RunInProgress: when another run of the session is open.
        """

        def body(tx: Tx) -> Run:
            run = _run_for(tx, actor, run_id, Action.CONTROL, lock=True)
            session = sessions.get_session(tx, run.session_id, lock=True)
            if runs.find_open_run(tx, session.id, lock=True) is not None:
                raise busy(session)
            retried = retry_in(tx, run, from_step)
            failed = session.status is SessionStatus.FAILED
            command = SessionCommand.RESUME if failed else SessionCommand.START_RUN
            lifecycle.move_session(tx, session, command, reason="retry")
            audit_run(tx, actor, "run.retry", retried, from_step=from_step, attempt=retried.attempt)
            return retried

        run = await self._store.write(body)
        await self._engine.enqueue(run.id)
        return run

    async def steer(self, actor: Actor, session_id: str, content: str) -> str:
        """Hand a word to the live run, delivered at its next step boundary; returns the message id.

        Raises:
            NotFound: when no run is live.
            NotAllowedNow: when it is being cancelled.
        """
        check_text(content, self._limits.max_text_bytes, "content")

        def body(tx: Tx) -> str:
            session = session_for(tx, actor, session_id, Action.SEND, lock=True)
            run = runs.find_open_run(tx, session.id, lock=True)
            if run is None:
                raise NotFound("No run is live in this session; send a message instead.")
            if run.status is RunStatus.CANCELLING:
                raise NotAllowedNow(
                    "The run is being cancelled; send a message instead.",
                    current_status=str(run.status),
                    allowed=[],
                )
            message_id = steer_in(tx, run, content, author_of(actor))
            audit_run(tx, actor, "run.steer", run, message_id=message_id, chars=len(content))
            return message_id

        return await self._store.write(body)

    async def start_waiting(self, session_id: str) -> Run | None:
        """Make the first queued input of an idle session its next run; None when there is nothing to do."""

        def body(tx: Tx) -> Run | None:
            return start_next_in(tx, session_id, self._limits)

        run = await self._store.write(body)
        if run is not None:
            await self._engine.enqueue(run.id)
        return run

    def _checked(self, tx: Tx, actor: Actor, session: Session, config: dict[str, Any]) -> dict[str, Any]:
        """Return the session's config with what this input changes; secrets given in it are the session's."""
        merged = self._modes.validate(session.mode, {**session.config, **config})
        keys = self._modes.secret_keys(session.mode)
        kept = keep_in(
            tx,
            actor,
            merged,
            keys,
            session_id=session.id,
            owner_id=session.owner_id,
            stored=session.config,
        )
        kept.write_in(tx, session.id, session.owner_id)
        return kept.config


def seen_run(tx: Tx, actor: Actor, run: Run) -> Run:
    """Return a run that the actor may read as they see it: who only watches does not see secrets in its config."""
    watches = may_only_watch(tx, actor, sessions.get_session(tx, run.session_id))
    return without_secrets_of(run) if watches else run


def _run_for(tx: Tx, actor: Actor, run_id: str, action: Action, *, lock: bool = False) -> Run:
    run = runs.get_run(tx, parse_uuid(run_id, "run id"))
    try:
        session_for(tx, actor, run.session_id, action, lock=lock)
    except NotFound:
        raise NotFound("There is no such run.") from None
    return runs.get_run(tx, run.id, lock=True) if lock else run


def _taken(task_id: str) -> Conflict:
    return Conflict(f"The task id {task_id!r} has a run already; choose another.", task_id=task_id)
