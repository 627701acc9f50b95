"""Queries of assets: files and values that a mission or session keeps."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update

from perdure.store.tables import assets
from perdure.store.transaction import Tx


def find_file(tx: Tx, session_id: str, path: str) -> tuple[str, str | None] | None:
    """Return `(asset id, sha256)` of a workspace file that is known, or None."""
    query = select(assets.c.id, assets.c.sha256).where(
        assets.c.session_id == session_id, assets.c.path == path
    )
    row = tx.db.execute(query).first()
    return None if row is None else (row.id, row.sha256)


def record_file(tx: Tx, asset_id: str, session_id: str, **values: Any) -> str:
    """Note a workspace file as an asset of its session; a changed file raises its version. Returns the id."""
    query = select(assets.c.id, assets.c.version).where(
        assets.c.session_id == session_id, assets.c.path == values["path"]
    )
    found = tx.db.execute(query).first()
    if found is None:
        tx.db.execute(
            insert(assets).values(
                id=asset_id,
                session_id=session_id,
                name=values["path"],
                description="",
                status="ready",
                version=1,
                created_at=tx.now,
                updated_at=tx.now,
                **values,
            )
        )
        return asset_id
    tx.db.execute(
        update(assets)
        .where(assets.c.id == found.id)
        .values(version=found.version + 1, status="ready", updated_at=tx.now, **values)
    )
    return str(found.id)
