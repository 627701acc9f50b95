"""Queries of share links; a token is looked up by its hash."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update

from perdure.core.shares import ShareLink
from perdure.store.rows import fetch_all, find_one, insert_row
from perdure.store.tables import share_links as table
from perdure.store.transaction import Tx


def insert_link(tx: Tx, link: ShareLink, token_hash: str) -> None:
    """Store a link."""
    insert_row(tx, table, {**link.model_dump(), "token_hash": token_hash})


def list_links(tx: Tx, session_id: str) -> list[ShareLink]:
    """Return the links of a session that can be accepted still, oldest first."""
    query = select(table).where(table.c.session_id == session_id, _open(tx))
    return fetch_all(tx, ShareLink, query.order_by(table.c.created_at, table.c.id))


def find_by_token(tx: Tx, token_hash: str) -> ShareLink | None:
    """Return the open link with this token, or None."""
    return find_one(tx, ShareLink, select(table).where(table.c.token_hash == token_hash, _open(tx)))


def revoke_links(
    tx: Tx, session_id: str, *, link_id: str | None = None, created_by: str | None = None
) -> int:
    """Let nobody accept one link, or those that one person made, any more; returns how many it were."""
    conditions: list[Any] = [table.c.session_id == session_id, _open(tx)]
    if link_id is not None:
        conditions.append(table.c.id == link_id)
    if created_by is not None:
        conditions.append(table.c.created_by == created_by)
    return tx.db.execute(update(table).where(*conditions).values(revoked_at=tx.now)).rowcount


def _open(tx: Tx) -> ColumnElement[bool]:
    return and_(table.c.revoked_at.is_(None), or_(table.c.expires_at.is_(None), table.c.expires_at > tx.now))
