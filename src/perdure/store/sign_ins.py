"""Queries of sign-ins and their refresh tokens."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, delete, func, insert, select, update

from perdure.core.people import EndReason, SignIn, User
from perdure.ids import new_id
from perdure.store.rows import (
    count,
    fetch_all,
    fetch_one,
    find_one,
    insert_row,
    locked,
    row_mapping,
    update_row,
)
from perdure.store.tables import refresh_tokens, sign_ins, users
from perdure.store.transaction import Tx
from perdure.store.watching import in_parts

_SHOWN: tuple[Column[Any], ...] = (
    users.c.id,
    users.c.email,
    users.c.name,
    users.c.role,
    users.c.disabled_at,
    users.c.created_at,
)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as it is stored."""

    id: str
    sign_in_id: str
    used_at: datetime | None
    expires_at: datetime
    used_from: str | None
    successor_salt: str | None
    """With the token itself it makes the one that followed."""


_REFRESH = tuple(field.name for field in fields(RefreshToken))


def insert_sign_in(tx: Tx, **values: Any) -> SignIn:
    """Add a sign-in and return it."""
    row: dict[str, Any] = {"id": new_id(), "created_at": tx.now, "last_used_at": tx.now, **values}
    insert_row(tx, sign_ins, row)
    return SignIn(**row)


def get_sign_in(tx: Tx, sign_in_id: str, *, lock: bool = False) -> SignIn:
    """Return a sign-in.

    Raises:
        NotFound: when there is none.
    """
    query = select(sign_ins).where(sign_ins.c.id == sign_in_id)
    return fetch_one(tx, SignIn, locked(tx, query) if lock else query, "sign-in")


def list_alive(tx: Tx, user_id: str, *, limit: int, offset: int) -> tuple[list[SignIn], int]:
    """Return a person's sign-ins that still count, newest first, and how many there are."""
    query = select(sign_ins).where(sign_ins.c.user_id == user_id, *_alive(tx))
    page = query.order_by(sign_ins.c.created_at.desc(), sign_ins.c.id).limit(limit).offset(offset)
    return fetch_all(tx, SignIn, page), count(tx, query)


def touch(tx: Tx, sign_in_id: str, expires_at: datetime) -> None:
    """Note that a sign-in was used and until when it now counts."""
    update_row(tx, sign_ins, sign_in_id, last_used_at=tx.now, expires_at=expires_at)


def end(tx: Tx, sign_in_id: str, reason: EndReason) -> bool:
    """End one sign-in; returns whether it was still open."""
    statement = update(sign_ins).where(sign_ins.c.id == sign_in_id, sign_ins.c.ended_at.is_(None))
    return tx.db.execute(statement.values(ended_at=tx.now, ended_reason=reason)).rowcount == 1


def end_all(tx: Tx, user_id: str, reason: EndReason, *, but: str | None = None) -> int:
    """End all sign-ins of a person but one; returns how many were open."""
    statement = update(sign_ins).where(sign_ins.c.user_id == user_id, *_alive(tx))
    if but is not None:
        statement = statement.where(sign_ins.c.id != but)
    return tx.db.execute(statement.values(ended_at=tx.now, ended_reason=reason)).rowcount


def forget_old(tx: Tx, user_id: str, before: datetime) -> None:
    """Remove a person's sign-ins that were over by then, with their tokens."""
    over = func.coalesce(sign_ins.c.ended_at, sign_ins.c.expires_at) < before
    tx.db.execute(delete(sign_ins).where(sign_ins.c.user_id == user_id, over))


def alive(tx: Tx, ids: Collection[str]) -> dict[str, User]:
    """Return whose each sign-in is, of those that count and whose person is not disabled. One query."""
    query = (
        select(sign_ins.c.id.label("sign_in_id"), *_SHOWN)
        .join(users, users.c.id == sign_ins.c.user_id)
        .where(users.c.disabled_at.is_(None), *_alive(tx))
    )
    found: dict[str, User] = {}
    for some in in_parts(ids):
        for row in tx.db.execute(query.where(sign_ins.c.id.in_(some))):
            held = row_mapping(row)
            found[held["sign_in_id"]] = User.model_validate(dict(held))
    return found


def insert_refresh_token(tx: Tx, sign_in_id: str, token_hash: str, expires_at: datetime) -> None:
    """Add a refresh token, and forget those of the same sign-in that nobody could use any more."""
    stale = refresh_tokens.c.sign_in_id == sign_in_id, refresh_tokens.c.expires_at <= tx.now
    tx.db.execute(delete(refresh_tokens).where(*stale))
    tx.db.execute(
        insert(refresh_tokens).values(
            id=new_id(), sign_in_id=sign_in_id, hash=token_hash, expires_at=expires_at, created_at=tx.now
        )
    )


def find_refresh_token(tx: Tx, token_hash: str) -> RefreshToken | None:
    """Return the refresh token of this hash."""
    columns = (refresh_tokens.c[name] for name in _REFRESH)
    row = tx.db.execute(select(*columns).where(refresh_tokens.c.hash == token_hash)).first()
    return None if row is None else RefreshToken(*row)


def use_refresh_token(tx: Tx, token_id: str, *, source: str | None, successor_salt: str | None) -> bool:
    """Mark it used; returns False when it was used before, of two at the same moment to one of them."""
    statement = update(refresh_tokens).where(
        refresh_tokens.c.id == token_id, refresh_tokens.c.used_at.is_(None)
    )
    used = {"used_at": tx.now, "used_from": source, "successor_salt": successor_salt}
    return tx.db.execute(statement.values(**used)).rowcount == 1


def forget_salts(tx: Tx, sign_in_id: str, but: str) -> None:
    """Let nobody be able to tell any more what followed on any token of the sign-in but one."""
    statement = update(refresh_tokens).where(
        refresh_tokens.c.sign_in_id == sign_in_id,
        refresh_tokens.c.id != but,
        refresh_tokens.c.successor_salt.is_not(None),
    )
    tx.db.execute(statement.values(successor_salt=None))


def find_sign_in(tx: Tx, sign_in_id: str) -> SignIn | None:
    """Return a sign-in or None."""
    return find_one(tx, SignIn, select(sign_ins).where(sign_ins.c.id == sign_in_id))


def _alive(tx: Tx) -> tuple[ColumnElement[bool], ...]:
    return sign_ins.c.ended_at.is_(None), sign_ins.c.expires_at > tx.now
