"""Effects of tools on the world: noted before and after, so that a cut-off one is known as such."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from perdure.ids import new_id
from perdure.store.rows import insert_row
from perdure.store.tables import effects
from perdure.store.transaction import Tx


def find_effect(tx: Tx, run_id: str, key: str) -> tuple[str, Any] | None:
    """Return `(status, outcome)` of an effect, or None when it was never begun."""
    query = select(effects.c.status, effects.c.outcome).where(
        effects.c.run_id == run_id, effects.c.key == key
    )
    row = tx.db.execute(query).first()
    return None if row is None else (row.status, row.outcome)


def find_cut_off(tx: Tx, run_id: str, call_hash: str, attempt: int) -> str | None:
    """Return the key of an effect of the same call that another attempt began and never ended, or None."""
    query = select(effects.c.key).where(
        effects.c.run_id == run_id,
        effects.c.call_hash == call_hash,
        effects.c.status == "started",
        effects.c.key.not_like(f"{attempt}:%"),
    )
    return tx.db.execute(query.limit(1)).scalar()


def insert_effect(tx: Tx, run_id: str, key: str, tool: str, call_hash: str) -> None:
    """Note that an effect is about to begin."""
    values = {"run_id": run_id, "key": key, "tool": tool, "call_hash": call_hash}
    insert_row(tx, effects, {"id": new_id(), "status": "started", "created_at": tx.now, **values})


def settle_effect(tx: Tx, run_id: str, key: str, status: str, outcome: Any) -> None:
    """Note how an effect ended."""
    tx.db.execute(
        update(effects)
        .where(effects.c.run_id == run_id, effects.c.key == key)
        .values(status=status, outcome=outcome, completed_at=tx.now)
    )
