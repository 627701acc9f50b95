"""API keys of a person: made once, shown once, listed and revoked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from perdure.core.access import Action, Actor, Scope, require_scope
from perdure.core.people import ApiKey, check_name, check_scopes
from perdure.core.shares import lasts_longer
from perdure.errors import Conflict, Forbidden, InvalidInput, SignInExpired
from perdure.ids import parse_uuid
from perdure.services.credentials import KEY_PREFIX, Rights
from perdure.services.tokens import hash_of, new_secret
from perdure.store import api_keys, users
from perdure.store.store import Store
from perdure.store.transaction import Tx

MOST_KEYS = 100
LONGEST = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that has just been made."""

    key: ApiKey
    text: str = field(repr=False)
    """The key itself; it is stored nowhere."""


class ApiKeyService:
    """Makes, lists and revokes keys."""

    def __init__(self, store: Store, rights: Rights) -> None:
        self._store = store
        self._rights = rights

    async def create(
        self, actor: Actor, *, name: str, scopes: list[Scope], expires_at: datetime | None = None
    ) -> NewKey:
        """Make a key of the actor's own; without `expires_at` it counts until it is revoked.

        One that a key makes ends with that key: with its time at the latest, and when it is revoked.

        Raises:
            InvalidInput: when name, scopes or expiry cannot be used.
            Forbidden: when it would be good for more than the actor may.
            Conflict: when the actor has too many keys.
        """
        require_scope(actor, Action.SHARE)
        shown = check_name(name)
        prefix = secrets.token_hex(4)
        text = new_secret(f"{KEY_PREFIX}{prefix}_")

        def body(tx: Tx) -> ApiKey:
            if expires_at is not None and not tx.now < expires_at <= tx.now + LONGEST:
                raise InvalidInput("A key's expiry lies ahead, at most ten years.", field="expires_at")
            user = users.get_with_password(tx, actor.user_id, lock=True)
            wanted = check_scopes(actor, user.role, scopes)
            until = _until(tx, actor, expires_at)
            if api_keys.list_alive(tx, user.id, limit=1, offset=0)[1] >= MOST_KEYS:
                raise Conflict(f"One person has at most {MOST_KEYS} keys; revoke some.", limit=MOST_KEYS)
            key = api_keys.insert_key(
                tx,
                hash_of(text),
                user_id=user.id,
                name=shown,
                prefix=prefix,
                made_by=actor.credential_id if actor.scopes is not None else None,
                scopes=[str(scope) for scope in wanted],
                expires_at=until,
            )
            tx.audit(actor, "key.create", "key", key.id, scopes=[str(scope) for scope in wanted])
            return key

        return NewKey(await self._store.write(body), text)

    async def list(self, actor: Actor, *, limit: int = 50, offset: int = 0) -> tuple[list[ApiKey], int]:
        """Return the actor's keys that still count, newest first, and how many there are."""
        require_scope(actor, Action.READ)
        return await self._store.read(
            lambda tx: api_keys.list_alive(tx, actor.user_id, limit=limit, offset=offset)
        )

    async def revoke(self, actor: Actor, key_id: str) -> None:
        """End one of the actor's keys, and those that it made: whoever had it may have made them to stay.

        What they opened ends with them. Revoked, it does nothing.

        Raises:
            NotFound: when the actor has no such key.
        """
        require_scope(actor, Action.SHARE)
        wanted = parse_uuid(key_id, "key id")

        def body(tx: Tx) -> None:
            users.get_with_password(tx, actor.user_id, lock=True)  # no key is made meanwhile
            key = api_keys.get_key(tx, actor.user_id, wanted)
            for ended in api_keys.revoke(tx, key.id):
                told = {} if ended == key.id else {"made_by": key.id}
                tx.audit(actor, "key.revoke", "key", ended, **told)

        await self._store.write(body)
        self._rights.changed()


def _until(tx: Tx, actor: Actor, wanted: datetime | None) -> datetime | None:
    """Return when a new key ends.

    Raises:
        Forbidden: when it would outlive the key that makes it.
        SignInExpired: when that one has ended a moment ago.
    """
    if actor.scopes is None or actor.credential_id is None:
        return wanted
    key = api_keys.get_key(tx, actor.user_id, actor.credential_id)
    if not key.alive(tx.now):
        raise SignInExpired("This API key is over.")
    own = key.expires_at
    if wanted is not None and lasts_longer(wanted, own):
        raise Forbidden("A key cannot make another one that lasts longer than itself.", latest_expires_at=own)
    return own if wanted is None else wanted
