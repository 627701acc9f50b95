"""Queries of accounts at identity providers."""

from __future__ import annotations

from sqlalchemy import select

from perdure.ids import new_id
from perdure.store.rows import insert_row
from perdure.store.tables import identities
from perdure.store.transaction import Tx


def find_user(tx: Tx, issuer: str, subject: str) -> str | None:
    """Return the id of the person to whom an account at a provider belongs."""
    query = select(identities.c.user_id).where(identities.c.issuer == issuer, identities.c.subject == subject)
    return tx.db.execute(query).scalar()


def insert_identity(tx: Tx, user_id: str, issuer: str, subject: str) -> str:
    """Let an account at a provider belong to a person; returns the new row's id.

    Raises:
        Conflict: when it belongs to somebody already.
    """
    identity_id = new_id()
    insert_row(
        tx,
        identities,
        {"id": identity_id, "user_id": user_id, "issuer": issuer, "subject": subject, "created_at": tx.now},
    )
    return identity_id
