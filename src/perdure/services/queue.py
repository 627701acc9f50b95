"""The queue of a session: inputs that wait for the open run to end, visible and editable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.sessions import Session
from perdure.core.shares import without_secrets
from perdure.errors import InvalidInput, NotFound
from perdure.ids import new_id
from perdure.services.access import may_only_watch, session_for
from perdure.services.bounds import queue_in
from perdure.services.conversation import check_text
from perdure.services.ports import Limits, ModeCatalog
from perdure.services.runs import RunService
from perdure.services.secrets import keep_in
from perdure.services.views import waiting_input, waiting_inputs
from perdure.store import operations
from perdure.store.store import Store
from perdure.store.transaction import Tx


class QueueService:
    """Waiting inputs; each item is `{queue_item_id, session_id, position, content, config, author, created_at}`."""

    def __init__(self, store: Store, modes: ModeCatalog, limits: Limits, runs: RunService) -> None:
        self._store = store
        self._modes = modes
        self._limits = limits
        self._runs = runs

    async def list(self, actor: Actor, session_id: str) -> list[dict[str, Any]]:
        """Return the waiting inputs in order."""

        def body(tx: Tx) -> list[dict[str, Any]]:
            session = session_for(tx, actor, session_id, Action.READ)
            items = waiting_inputs(tx, session.id)
            if not may_only_watch(tx, actor, session):
                return items
            return [{**item, "config": without_secrets(item["config"])} for item in items]

        return await self._store.read(body)

    async def add(
        self, actor: Actor, session_id: str, content: str, config: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Put an input at the end; in an active session without an open run it is started at once.

        Raises:
            InvalidInput: when the text cannot be stored, or the config does not fit the session's mode.
            Conflict: when as many inputs wait as may.
        """
        check_text(content, self._limits.max_text_bytes, "content")

        def body(tx: Tx) -> dict[str, Any]:
            session = session_for(tx, actor, session_id, Action.SEND, lock=True)
            row = queue_in(
                tx,
                session.id,
                id=new_id(),
                content=content,
                config=self._checked(tx, actor, session, config or {}),
                task_id=None,
                created_by=actor.user_id,
            )
            _audit(tx, actor, "queue.add", session, row["id"], chars=len(content))
            tx.hint(session.owner_id, "session:updated", session.id)
            return waiting_input(tx, row)

        item = await self._store.write(body)
        await self._runs.start_waiting(item["session_id"])
        return item

    async def update(
        self,
        actor: Actor,
        session_id: str,
        item_id: str,
        content: str | None = None,
        config: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Change text or config of an input that still waits; None leaves it as it is.

        Raises:
            NotFound: when it does not wait any more.
            InvalidInput: as for `add`.
        """
        if content is not None:
            check_text(content, self._limits.max_text_bytes, "content")

        def body(tx: Tx) -> dict[str, Any]:
            session = session_for(tx, actor, session_id, Action.SEND, lock=True)
            changes: dict[str, Any] = (
                {} if content is None else {"content": content, "edited_by": actor.user_id}
            )
            if config is not None:
                changes["config"] = self._checked(tx, actor, session, config)
            if changes and not operations.update_queue_item(tx, session.id, item_id, **changes):
                raise _gone(item_id)
            item = next((r for r in operations.list_queue(tx, session.id) if r["id"] == item_id), None)
            if item is None:
                raise _gone(item_id)
            if changes:
                _audit(tx, actor, "queue.update", session, item_id, fields=sorted(changes))
            tx.hint(session.owner_id, "session:updated", session.id)
            return waiting_input(tx, item)

        return await self._store.write(body)

    async def remove(self, actor: Actor, session_id: str, item_id: str) -> None:
        """Take an input out.

        Raises:
            NotFound: when it does not wait any more.
        """

        def body(tx: Tx) -> None:
            session = session_for(tx, actor, session_id, Action.SEND, lock=True)
            if not operations.delete_queue_item(tx, session.id, item_id):
                raise _gone(item_id)
            _audit(tx, actor, "queue.remove", session, item_id)
            tx.hint(session.owner_id, "session:updated", session.id)

        await self._store.write(body)

    async def reorder(self, actor: Actor, session_id: str, item_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Put the waiting inputs into the given order; all of them must be named.

        Raises:
            InvalidInput: when the names are not exactly the waiting ones.
        """

        def body(tx: Tx) -> list[dict[str, Any]]:
            session = session_for(tx, actor, session_id, Action.SEND, lock=True)
            waiting = operations.list_queue(tx, session.id)
            if sorted(r["id"] for r in waiting) != sorted(item_ids):
                raise InvalidInput("Name every waiting input exactly once.", field="item_ids")
            for position, item_id in enumerate(item_ids, 1):
                operations.update_queue_item(tx, session.id, item_id, position=position)
            tx.audit(actor, "queue.reorder", "session", session.id, items=len(item_ids))
            tx.hint(session.owner_id, "session:updated", session.id)
            return waiting_inputs(tx, session.id)

        return await self._store.write(body)

    def _checked(self, tx: Tx, actor: Actor, session: Session, config: dict[str, Any]) -> dict[str, Any]:
        """Return the config's own keys as they are stored; what the session sets is added when it starts."""
        checked = self._modes.validate(session.mode, {**session.config, **config})
        own = self._modes.validate(session.mode, config)
        kept = keep_in(
            tx,
            actor,
            checked,
            self._modes.secret_keys(session.mode),
            session_id=session.id,
            owner_id=session.owner_id,
            stored=session.config,
        )
        kept.write_in(tx, session.id, session.owner_id)
        return {key: kept.config[key] for key in own}


def _audit(tx: Tx, actor: Actor, action: str, session: Session, item_id: str, **details: Any) -> None:
    tx.audit(actor, action, "queue_item", item_id, session_id=session.id, **details)


def _gone(item_id: str) -> NotFound:
    return NotFound("This input does not wait any more.", queue_item_id=item_id)
