"""Queries of socket tickets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from perdure.ids import new_id
from perdure.store.tables import socket_tickets
from perdure.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket stands for."""

    id: str
    user_id: str
    sign_in_id: str | None
    api_key_id: str | None
    session_id: str | None
    origin: str | None


def insert_ticket(
    tx: Tx,
    *,
    user_id: str,
    sign_in_id: str | None,
    api_key_id: str | None,
    session_id: str | None,
    origin: str | None,
    ticket_hash: str,
    expires_at: datetime,
) -> None:
    """Add a ticket, and forget those that are over."""
    tx.db.execute(delete(socket_tickets).where(socket_tickets.c.expires_at <= tx.now))
    tx.db.execute(
        insert(socket_tickets).values(
            id=new_id(),
            user_id=user_id,
            sign_in_id=sign_in_id,
            api_key_id=api_key_id,
            session_id=session_id,
            origin=origin,
            hash=ticket_hash,
            expires_at=expires_at,
        )
    )


def redeem(tx: Tx, ticket_hash: str) -> Ticket | None:
    """Use a ticket up and return it, or None when it is unknown, over or used before."""
    this = socket_tickets.c.hash == ticket_hash
    statement = update(socket_tickets).where(
        this, socket_tickets.c.used_at.is_(None), socket_tickets.c.expires_at > tx.now
    )
    if tx.db.execute(statement.values(used_at=tx.now)).rowcount != 1:
        return None
    names = ("id", "user_id", "sign_in_id", "api_key_id", "session_id", "origin")
    row = tx.db.execute(select(*(socket_tickets.c[name] for name in names)).where(this)).one()
    return Ticket(*row)
