"""Idempotency keys: the repeat of a request gets the first answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from perdure.core.access import Actor
from perdure.errors import Conflict, InvalidInput
from perdure.store import operations
from perdure.store.store import Store
from perdure.store.transaction import Tx

_MAX_KEY = 255
_ABANDONED_AFTER = timedelta(minutes=1)


class IdempotencyService:
    """Claims a key before a request is carried out, and keeps its answer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, actor: Actor, key: str, fingerprint: str) -> dict[str, Any] | None:
        """Claim the key, or return `{status, body}` of the first request with it.

        Raises:
            InvalidInput: when the key was used for another request, or is too long.
            Conflict: when the first request is still being carried out.
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
            if known is not None and known["status_code"] is not None:
                if known["lost"]:
                    raise Conflict(
                        "The first request with this Idempotency-Key was carried out, and its answer is not kept any "
                        "more: read what it made."
                    )
                return {"status": known["status_code"], "body": known["response"]}
            if known is not None and tx.now - known["created_at"] < _ABANDONED_AFTER:
                raise Conflict("The first request with this Idempotency-Key is still being carried out.")
            if known is not None:
                operations.delete_idempotency_keys(tx, user_id=actor.user_id, key=key)
            operations.insert_idempotency_key(tx, actor.user_id, key, fingerprint)
            return None

        return await self._store.write(body)

    async def finish(self, actor: Actor, key: str, fingerprint: str, status: int, body: Any) -> None:
        """Keep the answer; a server error (5xx) frees the key instead, so that the repeat tries again."""

        def keep(tx: Tx) -> None:
            if status >= 500:
                operations.delete_idempotency_keys(tx, user_id=actor.user_id, key=key)
            else:
                operations.finish_idempotency_key(tx, actor.user_id, key, status, body)

        await self._store.write(keep)
