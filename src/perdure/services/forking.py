"""Forks: a new session with the past of another up to a point, that goes its own way from there.

The original is only read. What it spent is not copied: a fork's ledger starts empty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.renaming import Renaming
from perdure.core.runs import Run
from perdure.core.sessions import Session
from perdure.core.shares import without_secrets as for_viewers
from perdure.errors import InvalidInput, NotFound
from perdure.ids import new_id, parse_uuid
from perdure.services.access import may_only_watch, require_create, session_for
from perdure.services.conversation import check_text
from perdure.services.files import FileService
from perdure.services.fork_files import CopiedFiles, copy_files, remove_copies
from perdure.services.fork_making import Fork, Wish
from perdure.services.fork_plans import add_plans
from perdure.services.fork_reading import Original, read_at_seq, read_before_run, read_before_step
from perdure.services.fork_rows import ForkRows, build, rename_all
from perdure.services.idempotency import outliving
from perdure.services.ports import Limits, ModeCatalog, RunEngine
from perdure.services.secrets import drop_secrets
from perdure.store import runs, secrets
from perdure.store.store import Store
from perdure.store.transaction import Tx


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
        request = ExitStack()
        request.enter_context(outliving())
        making.add_done_callback(lambda _: request.close())
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
            fork = Fork(self._modes, self._limits, actor, original, renaming, wish, config, copied, made, own)
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
