"""Idempotency keys: the repeat of a request gets the first answer, and nothing is done a second time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, cast

from perdure.core.access import Actor
from perdure.errors import Conflict, InvalidInput, NotFound
from perdure.services.access import role_in
from perdure.store import operations, sessions
from perdure.store.noting import noting
from perdure.store.store import Store
from perdure.store.transaction import Tx

_MAX_KEY = 255
_ABANDONED_AFTER = timedelta(minutes=1)
_MADE = "$made"


class Claim:
    """A key whose request is being carried out."""

    def __init__(self, user_id: str, key: str) -> None:
        self._user_id = user_id
        self._key = key
        self.answer: tuple[int, Callable[[Any], Any]] | None = None
        """The status, and how the body follows from what the transaction returns that does the work."""
        self.open = True

    def note(self, tx: Tx, result: Any) -> None:
        """Keep, with a transaction that did something, the answer, or else what was done."""
        if not (self.open and tx.acts):
            return
        if self.answer is not None:
            status, body = self.answer
            operations.finish_idempotency_key(tx, self._user_id, self._key, status, body(result))
            return
        known = operations.find_idempotency_key(tx, self._user_id, self._key) or {}
        kept = cast("dict[str, list[Any]]", known.get("response") or {})
        made = [{"action": a.action, "object": a.object_type, "id": a.object_id} for a in tx.acts]
        operations.finish_idempotency_key(
            tx, self._user_id, self._key, None, {_MADE: [*kept.get(_MADE, []), *made]}
        )


_claim: ContextVar[Claim | None] = ContextVar("perdure_claim", default=None)


@contextmanager
def answering(status: int, body: Callable[[Any], Any]) -> Generator[None]:
    """Within the block, keep the answer with the transaction that does the work; `body` makes JSON of its result."""
    claim = _claim.get()
    if claim is not None:
        claim.answer = (status, body)
    yield


class IdempotencyService:
    """Claims a key before a request is carried out, and keeps its answer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, actor: Actor, key: str, fingerprint: str) -> dict[str, Any] | None:
        """Claim the key, or return `{status, body}` of the first request with it.

        Raises:
            InvalidInput: when the key was used for another request, or is too long.
            Conflict: when the first request is still being carried out, or its answer is lost: `made` says what it did.
            NotFound: when the answer is about a session that the actor may not see any more.
        """
        if not 0 < len(key) <= _MAX_KEY:
            raise InvalidInput(f"An Idempotency-Key has 1 to {_MAX_KEY} characters.", field="Idempotency-Key")

        def body(tx: Tx) -> dict[str, Any] | None:
            known = operations.find_idempotency_key(tx, actor.user_id, key)
            if known is not None and known["fingerprint"] != fingerprint:
                raise InvalidInput(
                    "This Idempotency-Key was used for another request; make a new one.",
                    field="Idempotency-Key",
                )
            if known is not None:
                _check_right(tx, actor, known["response"])
            if known is not None and (known["lost"] or known["response"] is not None):
                if known["lost"] or known["status_code"] is None:
                    raise _without_answer(known["response"])
                return {"status": known["status_code"], "body": known["response"]}
            if known is not None and known["status_code"] is not None:
                return {"status": known["status_code"], "body": None}
            if known is not None and tx.now - known["created_at"] < _ABANDONED_AFTER:
                raise Conflict("The first request with this Idempotency-Key is still being carried out.")
            if known is not None:
                operations.delete_idempotency_keys(tx, user_id=actor.user_id, key=key)
            operations.insert_idempotency_key(tx, actor.user_id, key, fingerprint)
            return None

        return await self._store.write(body)

    @contextmanager
    def carrying_out(self, actor: Actor, key: str) -> Generator[None]:
        """Carry the claimed request out within the block: what it stores keeps the key with it.

        A server that dies after the work and before the answer leaves a key that is not claimed again.
        """
        claim = Claim(actor.user_id, key)
        before = _claim.set(claim)
        try:
            with noting(claim.note):
                yield
        finally:
            claim.open = False  # tasks that were begun meanwhile go on, and are not the request any more
            _claim.reset(before)

    async def finish(self, actor: Actor, key: str, fingerprint: str, status: int, body: Any) -> None:
        """Keep the answer. A server error (5xx) frees the key, so that the repeat tries again, unless work was done."""

        def keep(tx: Tx) -> None:
            if status >= 500:
                operations.delete_idempotency_keys(tx, user_id=actor.user_id, key=key)
            else:
                operations.finish_idempotency_key(tx, actor.user_id, key, status, body)

        await self._store.write(keep)


def _check_right(tx: Tx, actor: Actor, response: Any) -> None:
    """Let an answer be given again to whoever could ask for it anew, or raise as of what does not exist."""
    session_id = cast("dict[str, Any]", response).get("session_id") if isinstance(response, dict) else None
    if not isinstance(session_id, str) or actor.is_admin or actor.is_system:
        return
    if role_in(tx, actor, sessions.get_session(tx, session_id)) is None:
        raise NotFound("There is no such session.", session_id=session_id)


def _without_answer(response: dict[str, Any] | None) -> Conflict:
    return Conflict(
        "The first request with this Idempotency-Key was carried out, and its answer is not kept: read what it made.",
        made=(response or {}).get(_MADE, []),
    )
