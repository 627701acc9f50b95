"""Idempotency keys: the repeat of a request gets the first answer, and nothing is done a second time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from perdure.core.access import Actor
from perdure.errors import Conflict, InvalidInput, NotFound
from perdure.services.access import role_in
from perdure.store import operations, sessions
from perdure.store.noting import Note, noting
from perdure.store.store import Store
from perdure.store.transaction import Tx

_MAX_KEY = 255
_ABANDONED_AFTER = timedelta(minutes=1)
_MADE = "$made"


@dataclass(frozen=True)
class KeptAnswer:
    """What the first request with a key got."""

    status: int
    body: Any


class Claim:
    """A key whose request is being carried out."""

    def __init__(self, user_id: str, key: str, claimed_at: datetime) -> None:
        self.user_id = user_id
        self.key = key
        self.claimed_at = claimed_at
        self.answer: tuple[int, Callable[[Any], Any]] | None = None
        """The status, and how the body follows from what the transaction returns that does the work."""
        self._holders = 0

    @contextmanager
    def held(self) -> Generator[None]:
        """Let what is stored within the block count as the request's."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1

    def note(self) -> Note | None:
        """Return what the next transaction has to keep; None once nobody carries the request out any more."""
        return self._keep if self._holders else None

    def _keep(self, tx: Tx, result: Any) -> None:
        """Keep, with a transaction that did something, the answer, or else what was done.

        Raises:
            Conflict: when this took so long that a repeat has claimed the key: one of both may do the work.
        """
        if not tx.acts:
            return
        if self.answer is not None:
            status, body = self.answer
            kept: tuple[int | None, Any] = (status, body(result))
        else:
            known = operations.find_idempotency_key(tx, self.user_id, self.key) or {}
            before = cast("dict[str, list[Any]]", known.get("response") or {}).get(_MADE, [])
            made = [{"action": a.action, "object": a.object_type, "id": a.object_id} for a in tx.acts]
            kept = (None, {_MADE: [*before, *made]})
        if not operations.finish_idempotency_key(tx, self.user_id, self.key, self.claimed_at, *kept):
            raise Conflict(
                "This request took so long that a repeat of it, with its Idempotency-Key, took over."
            )


_claim: ContextVar[Claim | None] = ContextVar("perdure_claim", default=None)


@contextmanager
def answering(status: int, body: Callable[[Any], Any]) -> Generator[None]:
    """Within the block, keep the answer with the transaction that does the work; `body` makes JSON of its result."""
    claim = _claim.get()
    if claim is not None:
        claim.answer = (status, body)
    yield


@contextmanager
def outliving() -> Generator[None]:
    """Let what is stored within the block count as the request's, also when whoever sent it has gone away."""
    claim = _claim.get()
    with claim.held() if claim is not None else nullcontext():
        yield


class IdempotencyService:
    """Claims a key before a request is carried out, and keeps its answer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, actor: Actor, key: str, fingerprint: str) -> Claim | KeptAnswer:
        """Claim the key, or return what the first request with it got.

        Raises:
            InvalidInput: when the key was used for another request, or is too long.
            Conflict: when the first request is still being carried out, or its answer is lost: `made` says what it did.
            NotFound: when the answer is about a session that the actor may not see any more.
        """
        if not 0 < len(key) <= _MAX_KEY:
            raise InvalidInput(f"An Idempotency-Key has 1 to {_MAX_KEY} characters.", field="Idempotency-Key")

        def body(tx: Tx) -> Claim | KeptAnswer:
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
                return KeptAnswer(known["status_code"], known["response"])
            if known is not None and known["status_code"] is not None:
                return KeptAnswer(known["status_code"], None)
            if known is not None and tx.now - known["created_at"] < _ABANDONED_AFTER:
                raise Conflict("The first request with this Idempotency-Key is still being carried out.")
            if known is not None:
                operations.release_idempotency_key(tx, actor.user_id, key, known["created_at"])
            operations.insert_idempotency_key(tx, actor.user_id, key, fingerprint)
            return Claim(actor.user_id, key, tx.now)

        return await self._store.write(body)

    @contextmanager
    def carrying_out(self, claim: Claim) -> Generator[None]:
        """Carry the claimed request out within the block: what it stores keeps the key with it.

        A server that dies after the work and before the answer leaves a key that is not claimed again.
        """
        before = _claim.set(claim)
        try:
            with claim.held(), noting(claim.note):
                yield  # tasks that were begun meanwhile go on after it, and are not the request any more
        finally:
            _claim.reset(before)

    async def finish(self, claim: Claim, status: int, body: Any) -> None:
        """Keep the answer. A server error (5xx) frees the key, so that the repeat tries again, unless work was done."""
        named = (claim.user_id, claim.key, claim.claimed_at)

        def keep(tx: Tx) -> None:
            if status >= 500:
                operations.release_idempotency_key(tx, *named)
            else:
                operations.finish_idempotency_key(tx, *named, status, body)

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
