"""Who somebody is by the credential they show, checked against the rows at most five seconds ago."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from perdure.core.access import Actor
from perdure.core.people import ApiKey, User, actor_for
from perdure.errors import PerdureError, SignInExpired, Unauthenticated
from perdure.services.tokens import AccessTokens, hash_of
from perdure.store import api_keys, sign_ins
from perdure.store.store import Store
from perdure.store.transaction import Tx

KEY_PREFIX = "pdk_"
_TRUSTED_FOR_S = 5.0
_MOST_CACHED = 10_000
_USE_NOTED_EVERY_S = 60.0
_LONGEST = 4096

_log = logging.getLogger(__name__)


class Rights:
    """Tells this server's sockets and streams that somebody's rights may have changed: they look at once."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each change, on the event loop; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def changed(self) -> None:
        """Say, once it is committed, that a sign-in ended or a key, person, role or share changed."""
        for listener in tuple(self._listeners):
            listener()


@dataclass(slots=True)
class _Known:
    actor: Actor
    until: float


class Credentials:
    """Reads bearer tokens. What was found good is trusted for five seconds; this server's changes count at once."""

    def __init__(self, store: Store, tokens: AccessTokens, rights: Rights) -> None:
        self._store = store
        self._tokens = tokens
        self._known: dict[str, _Known] = {}
        self._noted: dict[str, float] = {}
        self._generation = 0
        rights.listen(self._forget)

    async def actor_of(self, bearer: str, source: str | None = None) -> Actor:
        """Return who shows this access token or API key.

        Raises:
            SignInExpired: when it was good once, or its sign-in has ended.
            Unauthenticated: when it is not one of this server's.
        """
        if len(bearer) > _LONGEST:
            raise Unauthenticated("This credential is too long to be one of this server's.")
        if bearer.startswith(KEY_PREFIX):
            actor = await self._cached(hash_of(bearer), self._by_key)
        else:
            claims = self._tokens.read(bearer, self._store.now())
            actor = await self._cached(claims.sign_in_id, self._by_sign_in)
            if actor.user_id != claims.user_id:
                raise Unauthenticated("This access token is not one of this server's; sign in again.")
        return replace(actor, source=source)

    async def fresh(self, actor: Actor) -> Actor:
        """Return the actor as the rows have it now, for what is opened to stay open.

        Raises:
            SignInExpired: when the credential has ended.
        """
        by_key = actor.scopes is not None
        return await self.by_id(
            sign_in_id=None if by_key else actor.credential_id,
            key_id=actor.credential_id if by_key else None,
            source=actor.source,
        )

    async def by_id(self, *, sign_in_id: str | None, key_id: str | None, source: str | None = None) -> Actor:
        """Return who acts by a sign-in or key that is known by its id.

        Raises:
            SignInExpired: when it has ended.
        """
        found = await self._store.read(lambda tx: standing(tx, {sign_in_id or "", key_id or ""} - {""}))
        actor = found.get(sign_in_id or key_id or "")
        if actor is None:
            raise _ended()
        return replace(actor, source=source)

    def _forget(self) -> None:
        self._generation += 1
        self._known.clear()

    async def _cached(self, name: str, look: Callable[[Tx, str], Actor]) -> Actor:
        known = self._known.get(name)
        now = time.monotonic()
        if known is not None and now < known.until:
            return known.actor
        generation = self._generation
        actor = await self._store.read(lambda tx: look(tx, name))
        await self._note_use(actor)
        if generation == self._generation:
            if len(self._known) >= _MOST_CACHED:
                self._known.clear()
            self._known[name] = _Known(actor, now + _TRUSTED_FOR_S)
        return actor

    def _by_sign_in(self, tx: Tx, sign_in_id: str) -> Actor:
        user = sign_ins.alive(tx, [sign_in_id]).get(sign_in_id)
        if user is None:
            raise _ended()
        return actor_for(user, sign_in_id)

    def _by_key(self, tx: Tx, key_hash: str) -> Actor:
        found = api_keys.find_alive(tx, key_hash)
        if found is None:
            raise Unauthenticated("This API key is not one of this server's, or it is over.")
        return _actor_by_key(*found)

    async def _note_use(self, actor: Actor) -> None:
        """Keep `last_used_at` of a key to about a minute; to do without is no reason to refuse the request."""
        key_id, now = actor.credential_id, time.monotonic()
        if actor.scopes is None or key_id is None or now < self._noted.get(key_id, 0.0):
            return
        if len(self._noted) >= _MOST_CACHED:
            self._noted.clear()
        self._noted[key_id] = now + _USE_NOTED_EVERY_S
        try:
            await self._store.write(lambda tx: api_keys.touch(tx, key_id))
        except PerdureError as error:
            _log.warning("The use of an API key could not be noted: %s", error.message)


def standing(tx: Tx, credential_ids: set[str]) -> dict[str, Actor]:
    """Return who acts by each sign-in and key that still counts; others are missing. Two queries."""
    found = {name: actor_for(user, name) for name, user in sign_ins.alive(tx, credential_ids).items()}
    rest = credential_ids - found.keys()
    keys = api_keys.alive(tx, rest) if rest else {}
    return found | {name: _actor_by_key(key, user) for name, (key, user) in keys.items()}


def _actor_by_key(key: ApiKey, user: User) -> Actor:
    return actor_for(user, key.id, scopes=key.scopes)


def _ended() -> SignInExpired:
    return SignInExpired("This sign-in is over; sign in again.")
