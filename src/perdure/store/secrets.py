"""Queries of secrets: of a user for all their sessions, or of one session. Values are sealed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from perdure.core.secrets import NamedSecret
from perdure.store.crypto import SECRET_VALUE
from perdure.store.rows import locked
from perdure.store.tables import secrets, users
from perdure.store.transaction import Tx

_SHOWN = (
    secrets.c.id,
    secrets.c.owner_id,
    secrets.c.session_id,
    secrets.c.name,
    secrets.c.created_at,
    secrets.c.updated_at,
)


def insert_secret(
    tx: Tx, secret_id: str, owner_id: str, session_id: str | None, name: str, value: str
) -> None:
    """Add a secret."""
    sealed = tx.cipher.seal(value, SECRET_VALUE, secret_id)
    row = {"id": secret_id, "owner_id": owner_id, "session_id": session_id, "name": name, "sealed": sealed}
    tx.db.execute(insert(secrets).values(**row, created_at=tx.now, updated_at=tx.now))


def change_value(tx: Tx, secret_id: str, value: str) -> bool:
    """Replace a value; returns whether there is such a secret."""
    sealed = tx.cipher.seal(value, SECRET_VALUE, secret_id)
    statement = update(secrets).where(secrets.c.id == secret_id).values(sealed=sealed, updated_at=tx.now)
    return tx.db.execute(statement).rowcount == 1


def hold_owner(tx: Tx, owner_id: str) -> None:
    """Let one transaction at a time change the named secrets of a user."""
    tx.db.execute(locked(tx, select(users.c.id).where(users.c.id == owner_id)))


def find_named(tx: Tx, owner_id: str, name: str) -> NamedSecret | None:
    """Return a user's secret of that name, or None."""
    return _one(tx, secrets.c.owner_id == owner_id, secrets.c.session_id.is_(None), secrets.c.name == name)


def find_of_session(tx: Tx, session_id: str, secret_id: str) -> NamedSecret | None:
    """Return a session's own secret, or None."""
    return _one(tx, secrets.c.session_id == session_id, secrets.c.id == secret_id)


def read_value(tx: Tx, secret_id: str) -> str:
    """Return the value in clear; for whoever is about to use it."""
    sealed = tx.db.execute(select(secrets.c.sealed).where(secrets.c.id == secret_id)).scalar_one()
    return str(tx.cipher.open(bytes(sealed), SECRET_VALUE, secret_id))


def list_named(tx: Tx, owner_id: str, limit: int, offset: int) -> tuple[list[NamedSecret], int]:
    """Return a page of a user's named secrets, by name, and how many there are."""
    mine = (secrets.c.owner_id == owner_id) & secrets.c.session_id.is_(None)
    total = tx.db.execute(select(func.count()).select_from(secrets).where(mine)).scalar_one()
    query = select(*_SHOWN).where(mine).order_by(secrets.c.name).limit(limit).offset(offset)
    return [NamedSecret(*row) for row in tx.db.execute(query)], int(total)


def ids_of_session(tx: Tx, session_id: str) -> list[str]:
    """Return the ids of all secrets of a session."""
    query = select(secrets.c.id).where(secrets.c.session_id == session_id).order_by(secrets.c.id)
    return [row[0] for row in tx.db.execute(query)]


def delete_secrets(tx: Tx, ids: Sequence[str]) -> int:
    """Remove secrets; returns how many there were."""
    return tx.db.execute(delete(secrets).where(secrets.c.id.in_(ids))).rowcount


def _one(tx: Tx, *conditions: Any) -> NamedSecret | None:
    row = tx.db.execute(select(*_SHOWN).where(*conditions)).first()
    return None if row is None else NamedSecret(*row)
