"""Queries of missions and their hops."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, update

from perdure.core.missions import Hop, HopStatus, Mission
from perdure.store.rows import fetch_all, find_one, insert_row, update_row
from perdure.store.tables import assets, hops, missions
from perdure.store.transaction import Tx


def insert_mission(tx: Tx, mission: Mission) -> None:
    """Insert a mission with its hops."""
    insert_row(tx, missions, mission.model_dump(exclude={"hops"}))
    for hop in mission.hops:
        insert_row(tx, hops, hop.model_dump())


def find_mission(tx: Tx, *, session_id: str | None = None, run_id: str | None = None) -> Mission | None:
    """Return the newest mission of a session or run with its hops in order, or None."""
    query = select(missions)
    if session_id is not None:
        query = query.where(missions.c.session_id == session_id)
    if run_id is not None:
        query = query.where(missions.c.run_id == run_id)
    found = find_one(tx, Mission, query.order_by(missions.c.created_at.desc(), missions.c.id.desc()).limit(1))
    return None if found is None else found.model_copy(update={"hops": list_hops(tx, found.id)})


def list_hops(tx: Tx, mission_id: str) -> list[Hop]:
    """Return a mission's hops in order."""
    return fetch_all(tx, Hop, select(hops).where(hops.c.mission_id == mission_id).order_by(hops.c.position))


def replace_hops(tx: Tx, mission: Mission, new_hops: list[Hop], **changes: Any) -> Mission:
    """Put other hops in the place of a mission's hops."""
    tx.db.execute(delete(hops).where(hops.c.mission_id == mission.id))
    for hop in new_hops:
        insert_row(tx, hops, hop.model_dump())
    return change_mission(tx, mission, **changes).model_copy(update={"hops": new_hops})


def change_mission(tx: Tx, mission: Mission, **changes: Any) -> Mission:
    """Write changes to a mission and return it."""
    values = {"updated_at": tx.now, **changes}
    update_row(tx, missions, mission.id, **values)
    return mission.model_copy(update=values)


def change_hops(
    tx: Tx, mission_id: str, status: HopStatus, among: frozenset[HopStatus], *, assets_to: str | None = None
) -> None:
    """Move all hops in one of the statuses `among`, and the mission's unfinished assets with them."""
    tx.db.execute(
        update(hops).where(hops.c.mission_id == mission_id, hops.c.status.in_(among)).values(status=status)
    )
    if assets_to is not None:
        tx.db.execute(
            update(assets)
            .where(assets.c.mission_id == mission_id, assets.c.status.in_(("proposed", "pending")))
            .values(status=assets_to, updated_at=tx.now)
        )


def change_hop(tx: Tx, hop_id: str, **changes: Any) -> None:
    """Write changes to one hop."""
    update_row(tx, hops, hop_id, **changes)
