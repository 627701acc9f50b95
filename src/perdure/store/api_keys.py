"""Queries of API keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update

from perdure.core.people import ApiKey, User
from perdure.ids import new_id
from perdure.store.rows import count, fetch_all, fetch_one, insert_row, row_mapping, update_row
from perdure.store.tables import api_keys, users
from perdure.store.transaction import Tx
from perdure.store.watching import in_parts

_SHOWN = tuple(column for column in api_keys.c if column.name != "hash")
_OWNER = (users.c.email, users.c.name.label("user_name"), users.c.role, users.c.disabled_at)


def insert_key(tx: Tx, key_hash: str, **values: Any) -> ApiKey:
    """Add a key and return it."""
    row: dict[str, Any] = {"id": new_id(), "created_at": tx.now, **values}
    insert_row(tx, api_keys, {**row, "hash": key_hash})
    return ApiKey(**row)


def get_key(tx: Tx, user_id: str, key_id: str) -> ApiKey:
    """Return a person's key.

    Raises:
        NotFound: when they have no such key.
    """
    query = select(*_SHOWN).where(api_keys.c.id == key_id, api_keys.c.user_id == user_id)
    return fetch_one(tx, ApiKey, query, "key")


def list_alive(tx: Tx, user_id: str, *, limit: int, offset: int) -> tuple[list[ApiKey], int]:
    """Return a person's keys that still count, newest first, and how many there are."""
    query = select(*_SHOWN).where(api_keys.c.user_id == user_id, *_alive(tx))
    page = query.order_by(api_keys.c.created_at.desc(), api_keys.c.id).limit(limit).offset(offset)
    return fetch_all(tx, ApiKey, page), count(tx, query)


def revoke(tx: Tx, key_id: str) -> list[str]:
    """End a key with all that it made, and that those made; returns the ids of those that had not ended yet."""
    ended: list[str] = []
    seen, level = set[str](), {key_id}
    while level:
        seen |= level
        of_level = api_keys.c.id.in_(level), api_keys.c.revoked_at.is_(None)
        fresh = tx.db.execute(select(api_keys.c.id).where(*of_level).order_by(api_keys.c.id)).scalars().all()
        tx.db.execute(update(api_keys).where(*of_level).values(revoked_at=tx.now))
        ended += fresh
        made = select(api_keys.c.id).where(api_keys.c.made_by.in_(level))
        level = set(tx.db.execute(made).scalars()) - seen
    return ended


def touch(tx: Tx, key_id: str) -> None:
    """Note that a key was used."""
    update_row(tx, api_keys, key_id, last_used_at=tx.now)


def find_alive(tx: Tx, key_hash: str) -> tuple[ApiKey, User] | None:
    """Return the key of this hash and whose it is, when both count."""
    return next(iter(_owned(tx, api_keys.c.hash == key_hash)), None)


def alive(tx: Tx, ids: Collection[str]) -> dict[str, tuple[ApiKey, User]]:
    """Return the keys that count, with whose each is. One query."""
    return {
        key.id: (key, user) for some in in_parts(ids) for key, user in _owned(tx, api_keys.c.id.in_(some))
    }


def _owned(tx: Tx, which: ColumnElement[bool]) -> list[tuple[ApiKey, User]]:
    query = (
        select(*_SHOWN, *_OWNER, users.c.created_at.label("user_created_at"))
        .join(users, users.c.id == api_keys.c.user_id)
        .where(which, users.c.disabled_at.is_(None), *_alive(tx))
    )
    found: list[tuple[ApiKey, User]] = []
    for row in tx.db.execute(query):
        held = dict(row_mapping(row))
        user = User(
            id=held["user_id"],
            email=held["email"],
            name=held["user_name"],
            role=held["role"],
            created_at=held["user_created_at"],
        )
        found.append((ApiKey.model_validate(held), user))
    return found


def _alive(tx: Tx) -> tuple[ColumnElement[bool], ...]:
    return (
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > tx.now),
    )
