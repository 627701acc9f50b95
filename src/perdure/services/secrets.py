"""Secrets: named ones of a user, and those that were given to a session in its config.

A value goes in and never comes out again but to the call that needs it. Configs hold references; one is
resolved with the rights of the session's owner, so only the owner says what a session may use and where
it is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from perdure.core.access import Action, Actor, require_scope
from perdure.core.secrets import (
    NamedSecret,
    check_secret_name,
    check_secret_value,
    is_of_session,
    map_secrets,
    name_of,
    reference,
    references,
)
from perdure.core.sessions import Session
from perdure.errors import Conflict, Forbidden, InvalidInput, NotFound
from perdure.ids import new_id
from perdure.store import secrets
from perdure.store.store import Store
from perdure.store.transaction import Tx

_MOST = 500
"""Named secrets that one user may have."""
_WHERE_TO = ("base_url",)
"""Config keys that say where a secret is sent."""
_WHICH_PROVIDER = ("model", "default_model")
_LENT_TO = "mcp_servers"
"""The config key that names tool servers; each may ask for secrets of the session's owner."""


class SecretMissing(InvalidInput):
    """A config refers to a secret that is not there (any more)."""

    code = "secret-missing"


class SecretService:
    """A user's named secrets. Nobody reads a value, administrators included."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, actor: Actor, limit: int = 50, offset: int = 0) -> tuple[list[NamedSecret], int]:
        """Return the actor's secrets by name, without values, and how many there are."""
        require_scope(actor, Action.READ)
        return await self._store.read(lambda tx: secrets.list_named(tx, actor.user_id, limit, offset))

    async def put(self, actor: Actor, name: str, value: str) -> NamedSecret:
        """Set a secret; one of that name gets the new value, which the next use takes.

        Raises:
            InvalidInput: when name or value cannot be accepted.
            Conflict: when the actor has too many.
        """
        require_scope(actor, Action.EDIT)
        check_secret_name(name)
        check_secret_value(value)

        def body(tx: Tx) -> NamedSecret:
            secrets.hold_owner(tx, actor.user_id)
            known = secrets.find_named(tx, actor.user_id, name)
            if known is not None:
                secrets.change_value(tx, known.id, value)
            elif secrets.list_named(tx, actor.user_id, 1, 0)[1] >= _MOST:
                raise Conflict(f"You have {_MOST} secrets; delete one first.", limit=_MOST)
            else:
                secrets.insert_secret(tx, new_id(), actor.user_id, None, name, value)
            stored = secrets.find_named(tx, actor.user_id, name)
            assert stored is not None
            tx.audit(actor, "secret.put", "secret", stored.id, created=known is None)
            return stored

        return await self._store.write(body)

    async def delete(self, actor: Actor, name: str) -> None:
        """Remove a secret; what refers to it fails from now on and says so.

        Raises:
            NotFound: when the actor has none of that name.
        """
        require_scope(actor, Action.EDIT)

        def body(tx: Tx) -> None:
            known = secrets.find_named(tx, actor.user_id, name)
            if known is None:
                raise NotFound(f"You have no secret {name!r}.")
            secrets.delete_secrets(tx, [known.id])
            tx.audit(actor, "secret.delete", "secret", known.id)

        await self._store.write(body)


@dataclass
class KeptConfig:
    """A config that can be stored, and the values that were taken out of it."""

    config: dict[str, Any]
    _fresh: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    def write_in(self, tx: Tx, session_id: str, owner_id: str) -> None:
        """Store the values as secrets of the session, which must exist by now."""
        for secret_id, key, value in self._fresh:
            secrets.insert_secret(tx, secret_id, owner_id, session_id, key, value)
        self._fresh.clear()


def keep_in(
    tx: Tx,
    actor: Actor,
    config: Mapping[str, Any],
    keys: Collection[str],
    *,
    session_id: str,
    owner_id: str,
    stored: Mapping[str, Any] | None = None,
    replace: bool = False,
) -> KeptConfig:
    """Take the secrets out of a checked config and put references in their place.

    `stored` is the session's config so far. With `replace` a new value takes the place of the session's old
    one, under the same reference, and what the new config leaves out is removed.

    Raises:
        Forbidden: when somebody else than the owner changes a secret, or where it is sent.
        SecretMissing: when a reference names nothing that the session may use.
    """
    before = stored or {}
    if actor.user_id != owner_id and not actor.is_system:
        _refuse_others(config, before, keys)
    kept = KeptConfig(dict(config))
    known = references(before, keys)
    for key in keys:
        if key not in config:
            continue
        former = name_of(before.get(key))

        def change(value: Any, key: str = key, former: str | None = former) -> Any:
            name = name_of(value)
            if name is not None:
                if name not in known:
                    _find(tx, session_id, owner_id, name)
                return reference(name)
            if (
                replace
                and former is not None
                and is_of_session(former)
                and secrets.change_value(tx, former, value)
            ):
                return reference(former)
            fresh = new_id()
            kept._fresh.append((fresh, key, value))  # pyright: ignore[reportPrivateUsage]
            return reference(fresh)

        kept.config[key] = map_secrets(config[key], change)
    if replace:
        gone = known - references(kept.config, keys)
        secrets.delete_secrets(tx, [name for name in sorted(gone) if is_of_session(name)])
    return kept


def resolve_in(tx: Tx, session: Session, name: str) -> str:
    """Return the value that a reference in the session's config stands for.

    Raises:
        SecretMissing: when it is not there any more.
    """
    return secrets.read_value(tx, _find(tx, session.id, session.owner_id, name).id)


def copy_in(tx: Tx, original_id: str, fork_id: str, owner_id: str, renamed: Mapping[str, str]) -> None:
    """Give a fork its own copies of the session's secrets, under their new ids."""
    for secret_id, fresh in renamed.items():
        found = secrets.find_of_session(tx, original_id, secret_id)
        if found is not None:
            value = secrets.read_value(tx, secret_id)
            secrets.insert_secret(tx, fresh, owner_id, fork_id, found.name, value)


def drop_secrets(config: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """Return a config without its secret keys, and without what secrets of somebody else would be sent to.

    This is what the fork of somebody else takes over: they choose themselves to whom they give their own.
    """
    return {key: value for key, value in config.items() if key not in {*keys, *_WHERE_TO, _LENT_TO}}


def _find(tx: Tx, session_id: str, owner_id: str, name: str) -> NamedSecret:
    if is_of_session(name):
        found = secrets.find_of_session(tx, session_id, name)
        if found is None:
            raise SecretMissing("A secret of this session is not there any more; give it again.", secret=name)
        return found
    found = secrets.find_named(tx, owner_id, name)
    if found is None:
        raise SecretMissing(
            f"The session's owner has no secret {name!r}; PUT /api/secrets/{name} sets it.", secret=name
        )
    return found


def _refuse_others(config: Mapping[str, Any], before: Mapping[str, Any], keys: Collection[str]) -> None:
    changed = sorted(key for key in (*keys, *_WHERE_TO) if config.get(key) != before.get(key))
    if not changed and any(before.get(key) is not None for key in keys):
        changed = [key for key in _WHICH_PROVIDER if _provider(config.get(key)) != _provider(before.get(key))]
    if not set(config.get(_LENT_TO) or ()) <= set(before.get(_LENT_TO) or ()):
        changed.append(_LENT_TO)
    if changed:
        raise Forbidden(
            f"Only the owner of the session changes {', '.join(changed)}: it says what their secrets are used for.",
            keys=changed,
        )


def _provider(model: Any) -> str:
    return str(model or "").partition(":")[0]
