"""Queries of people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Select, case, exists, func, or_, select

from perdure.core.access import LOCAL_USER_ID
from perdure.core.people import User, UserRole, UserSecret
from perdure.store.rows import count, fetch_all, fetch_one, find_one, insert_row, locked, update_row
from perdure.store.tables import api_keys, identities, sign_ins, users
from perdure.store.transaction import Tx

_SHOWN: tuple[Column[Any], ...] = (
    users.c.id,
    users.c.email,
    users.c.name,
    users.c.role,
    users.c.disabled_at,
    users.c.created_at,
)
_KEY_USED = (
    select(func.max(api_keys.c.last_used_at)).where(api_keys.c.user_id == users.c.id).scalar_subquery()
)
_SIGNED_IN = (
    select(func.max(sign_ins.c.last_used_at)).where(sign_ins.c.user_id == users.c.id).scalar_subquery()
)
_LAST_SEEN = case((_SIGNED_IN.is_(None), _KEY_USED), (_KEY_USED > _SIGNED_IN, _KEY_USED), else_=_SIGNED_IN)


def _seen() -> Select[Any]:
    return select(*_SHOWN, _LAST_SEEN.label("last_seen_at"))


def get_user(tx: Tx, user_id: str) -> User:
    """Return a person.

    Raises:
        NotFound: when there is none.
    """
    return fetch_one(tx, User, _seen().where(users.c.id == user_id, users.c.role != UserRole.SYSTEM), "user")


def get_with_password(tx: Tx, user_id: str, *, lock: bool = False) -> UserSecret:
    """Return a person with the password's hash, with `lock` to be changed in this transaction.

    Raises:
        NotFound: when there is none.
    """
    query = select(*_SHOWN, users.c.password_hash).where(
        users.c.id == user_id, users.c.role != UserRole.SYSTEM
    )
    return fetch_one(tx, UserSecret, locked(tx, query) if lock else query, "user")


def find_by_email(tx: Tx, email: str) -> UserSecret | None:
    """Return the person with this (normalised) address, with the password's hash."""
    return find_one(tx, UserSecret, select(*_SHOWN, users.c.password_hash).where(users.c.email == email))


def list_users(tx: Tx, *, q: str | None = None, limit: int = 50, offset: int = 0) -> tuple[list[User], int]:
    """Return people whose name or address holds `q`, by name, and how many there are over all pages."""
    query = _seen().where(users.c.role != UserRole.SYSTEM)
    if q:
        part = f"%{q.lower().replace('!', '!!').replace('%', '!%').replace('_', '!_')}%"
        query = query.where(
            or_(func.lower(users.c.name).like(part, escape="!"), users.c.email.like(part, escape="!"))
        )
    page = query.order_by(func.lower(users.c.name), users.c.id).limit(limit).offset(offset)
    return fetch_all(tx, User, page), count(tx, query)


def insert_user(tx: Tx, **values: Any) -> None:
    """Add a person.

    Raises:
        Conflict: when somebody takes the same address at the same moment.
    """
    insert_row(tx, users, {**values, "created_at": tx.now})


def update_user(tx: Tx, user_id: str, **values: Any) -> None:
    """Change columns of a person."""
    update_row(tx, users, user_id, **values)


def list_admins(tx: Tx, *, lock: bool = False) -> list[str]:
    """Return the administrators who can sign in; with `lock` two of them cannot vanish at the same time."""
    known = exists().where(identities.c.user_id == users.c.id)
    query = (
        select(users.c.id)
        .where(
            users.c.role == UserRole.ADMIN,
            users.c.disabled_at.is_(None),
            users.c.email.is_not(None),
            users.c.id != LOCAL_USER_ID,
            or_(users.c.password_hash.is_not(None), known),
        )
        .order_by(users.c.id)
    )
    return [row[0] for row in tx.db.execute(locked(tx, query) if lock else query)]
