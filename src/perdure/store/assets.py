"""Queries of assets: files and values that a mission or session keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from perdure.core.assets import UNSETTLED_ASSETS, Asset, AssetRole, AssetStatus
from perdure.core.hops import Hop
from perdure.store.rows import count, fetch_all, fetch_one, find_one, insert_row, update_row
from perdure.store.tables import assets
from perdure.store.transaction import Tx

_MATCHABLE = (*UNSETTLED_ASSETS, AssetStatus.ERROR)


@dataclass(frozen=True, slots=True)
class AssetQuery:
    """Which assets of a session, mission or hop to list, oldest first."""

    session_id: str | None = None
    mission_id: str | None = None
    hop_id: str | None = None
    role: str | None = None
    status: str | None = None
    limit: int = 50
    offset: int = 0


def insert_asset(tx: Tx, asset: Asset) -> None:
    """Insert an asset."""
    insert_row(tx, assets, asset.model_dump())


def get_asset(tx: Tx, asset_id: str) -> Asset:
    """Return an asset.

    Raises:
        NotFound: when there is none.
    """
    return fetch_one(tx, Asset, select(assets).where(assets.c.id == asset_id), "asset")


def list_assets(tx: Tx, query: AssetQuery) -> tuple[list[Asset], int]:
    """Return one page of assets, and how many there are."""
    found = select(assets)
    for name in ("session_id", "mission_id", "hop_id", "role", "status"):
        value = getattr(query, name)
        if value is not None:
            found = found.where(assets.c[name] == value)
    page = found.order_by(assets.c.created_at, assets.c.id).limit(query.limit).offset(query.offset)
    return fetch_all(tx, Asset, page), count(tx, found)


def list_of_mission(tx: Tx, mission_id: str) -> list[Asset]:
    """Return all assets of a mission and its hops, oldest first."""
    query = select(assets).where(assets.c.mission_id == mission_id)
    return fetch_all(tx, Asset, query.order_by(assets.c.created_at, assets.c.id))


def find_named_file(tx: Tx, session_id: str, name: str) -> Asset | None:
    """Return the newest record of a workspace file whose path or file name is `name`, or None."""
    escaped = name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    query = select(assets).where(
        assets.c.session_id == session_id,
        or_(assets.c.path == name, assets.c.path.like(f"%/{escaped}", escape="\\")),
    )
    return find_one(tx, Asset, query.order_by(assets.c.updated_at.desc(), assets.c.id.desc()).limit(1))


def change_asset(tx: Tx, asset: Asset, **changes: Any) -> Asset:
    """Write changes to an asset and return it."""
    values = {"updated_at": tx.now, **changes}
    update_row(tx, assets, asset.id, **values)
    return asset.model_copy(update=values)


def adopt_assets(tx: Tx, mission_id: str, session_id: str) -> None:
    """Give the assets of a mission to the session that it is linked to."""
    tx.db.execute(update(assets).where(assets.c.mission_id == mission_id).values(session_id=session_id))


def delete_assets(tx: Tx, asset_ids: Sequence[str]) -> None:
    """Remove assets; files stay where they are."""
    if asset_ids:
        tx.db.execute(delete(assets).where(assets.c.id.in_(asset_ids)))


def find_file(tx: Tx, session_id: str, path: str) -> tuple[str, str | None] | None:
    """Return `(asset id, sha256)` of a workspace file that is known, or None.

    A file that several missions made has a record in each; the newest says what is there.
    """
    query = select(assets.c.id, assets.c.sha256).where(
        assets.c.session_id == session_id, assets.c.path == path
    )
    row = tx.db.execute(query.order_by(assets.c.updated_at.desc(), assets.c.id.desc()).limit(1)).first()
    return None if row is None else (row.id, row.sha256)


def find_promised(tx: Tx, hop: Hop, path: str) -> Asset | None:
    """Return the output that the hop promised under this path or file name and did not make yet, or None."""
    query = select(assets).where(
        assets.c.mission_id == hop.mission_id,
        assets.c.path.is_(None),
        assets.c.status.in_(_MATCHABLE),
        assets.c.role != AssetRole.INPUT,
    )
    promised = (a for a in fetch_all(tx, Asset, query) if a.hop_id == hop.id or a.name in hop.outputs)
    return next((asset for asset in promised if asset.is_file(path)), None)


def record_file(tx: Tx, asset_id: str, session_id: str, **values: Any) -> str:
    """Note a workspace file as an asset of its session; a changed file raises its version. Returns the id.

    An `asset_id` that is known is the record to change, whatever file it held before.
    """
    found = tx.db.execute(select(assets.c.version, assets.c.sha256).where(assets.c.id == asset_id)).first()
    if found is None:
        tx.db.execute(
            insert(assets).values(
                **{"name": values["path"], "description": ""} | values,
                id=asset_id,
                session_id=session_id,
                status=AssetStatus.READY,
                version=1,
                created_at=tx.now,
                updated_at=tx.now,
            )
        )
        return asset_id
    version = found.version + (found.sha256 is not None)
    tx.db.execute(
        update(assets)
        .where(assets.c.id == asset_id)
        .values(version=version, status=AssetStatus.READY, updated_at=tx.now, **values)
    )
    return asset_id
