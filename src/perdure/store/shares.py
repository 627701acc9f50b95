"""Queries of shares."""

from __future__ import annotations

from sqlalchemy import or_, select

from perdure.core.access import Role
from perdure.store.tables import shares
from perdure.store.transaction import Tx


def find_role(tx: Tx, session_id: str, user_id: str) -> Role | None:
    """Return the role a session is shared with a user in, if the share has not expired."""
    role = tx.db.execute(
        select(shares.c.role).where(
            shares.c.session_id == session_id,
            shares.c.user_id == user_id,
            or_(shares.c.expires_at.is_(None), shares.c.expires_at > tx.now),
        )
    ).scalar()
    return None if role is None else Role(role)
