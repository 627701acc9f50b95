"""Leases of servers: which of them are alive, by the one clock they all share, the database's.

Two machines whose clocks differ would otherwise take each other for dead, and each other's runs over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, text, update

from perdure.store.columns import from_micros
from perdure.store.tables import server_leases
from perdure.store.transaction import Tx

_NOW = text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)")


def renew_lease(tx: Tx, server_id: str, host: str, pid: int) -> None:
    """Say that this server is alive."""
    now = _database_time(tx)
    mine = update(server_leases).where(server_leases.c.id == server_id)
    if tx.db.execute(mine.values(renewed_at=now)).rowcount == 0:
        values = {"id": server_id, "host": host, "pid": pid, "started_at": now, "renewed_at": now}
        tx.db.execute(insert(server_leases), values)


def live_servers(tx: Tx, lease: timedelta) -> set[str]:
    """Return the servers whose lease, renewed so long ago at most, has not run out."""
    since = _database_time(tx) - lease
    return set(tx.db.execute(select(server_leases.c.id).where(server_leases.c.renewed_at >= since)).scalars())


def drop_lease(tx: Tx, server_id: str) -> None:
    """Give a server's lease back."""
    tx.db.execute(delete(server_leases).where(server_leases.c.id == server_id))


def drop_old_leases(tx: Tx, age: timedelta) -> None:
    """Remove the leases that have not been renewed for so long."""
    since = _database_time(tx) - age
    tx.db.execute(delete(server_leases).where(server_leases.c.renewed_at < since))


def _database_time(tx: Tx) -> datetime:
    """Return the moment by the database's clock; a file is of one machine, and its clock is ours."""
    return from_micros(tx.db.execute(_NOW).scalar_one()) if tx.postgres else tx.now
