"""Queries of missions and their hops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, delete, func, or_, select, update

from perdure.core.hops import Hop, HopStatus
from perdure.core.missions import Mission, MissionStatus
from perdure.core.sessions import SessionStatus
from perdure.store.rows import count, fetch_all, fetch_one, find_one, insert_row, locked, update_row
from perdure.store.shares import visible
from perdure.store.tables import hops, missions, sessions
from perdure.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class MissionQuery:
    """Which missions to list, newest first. Without `status`, all; without `archived`, those in use."""

    status: tuple[str, ...] = ()
    session_id: str | None = None
    archived: bool = False
    limit: int = 50
    offset: int = 0


def insert_mission(tx: Tx, mission: Mission) -> None:
    """Insert a mission with its hops."""
    insert_row(tx, missions, mission.model_dump(exclude={"hops"}))
    for hop in mission.hops:
        insert_hop(tx, hop)


def get_mission(tx: Tx, mission_id: str, *, lock: bool = False) -> Mission:
    """Return a mission with its hops in order.

    Raises:
        NotFound: when there is none.
    """
    query = select(missions).where(missions.c.id == mission_id)
    found = fetch_one(tx, Mission, locked(tx, query) if lock else query, "mission")
    return found.model_copy(update={"hops": list_hops(tx, found.id)})


def find_mission(tx: Tx, *, session_id: str | None = None, run_id: str | None = None) -> Mission | None:
    """Return the current mission of a session, or that of a run, with its hops in order; or None."""
    query = select(missions)
    if session_id is not None:
        query = query.where(missions.c.session_id == session_id, missions.c.archived_at.is_(None))
    if run_id is not None:
        query = query.where(missions.c.run_id == run_id)
    since = func.coalesce(missions.c.linked_at, missions.c.created_at)
    found = find_one(tx, Mission, query.order_by(since.desc(), missions.c.id.desc()).limit(1))
    return None if found is None else found.model_copy(update={"hops": list_hops(tx, found.id)})


def list_missions(
    tx: Tx, person_id: str | None, query: MissionQuery, *, shared: bool | None = None
) -> tuple[list[Mission], int]:
    """Return missions with their hops, newest first, and how many there are; deleted sessions hide theirs.

    A linked mission is its session's people's, whoever wrote it; any other its owner's. Without `shared=False`
    what is shared with the person counts as well. None as the person is everybody.
    """
    found = _visible()
    if person_id is not None:
        own = and_(missions.c.session_id.is_(None), missions.c.owner_id == person_id)
        mine = sessions.c.owner_id == person_id
        found = found.where(or_(own, mine if shared is False else visible(tx, person_id)))
    if query.session_id is not None:
        found = found.where(missions.c.session_id == query.session_id)
    if query.status:
        found = found.where(missions.c.status.in_(query.status))
    if not query.archived:
        found = found.where(missions.c.archived_at.is_(None))
    page = found.order_by(missions.c.created_at.desc(), missions.c.id.desc())
    rows = fetch_all(tx, Mission, page.limit(query.limit).offset(query.offset))
    parts = _hops_of(tx, [row.id for row in rows])
    return [m.model_copy(update={"hops": parts.get(m.id, [])}) for m in rows], count(tx, found)


def list_unfinished(tx: Tx, session_id: str, statuses: frozenset[MissionStatus]) -> list[Mission]:
    """Return the session's missions that are in use and in one of the statuses, without their hops."""
    query = select(missions).where(
        missions.c.session_id == session_id,
        missions.c.archived_at.is_(None),
        missions.c.status.in_(statuses),
    )
    return fetch_all(tx, Mission, query.order_by(missions.c.id))


def change_mission(tx: Tx, mission: Mission, **changes: Any) -> Mission:
    """Write changes to a mission and return it."""
    values = {"updated_at": tx.now, **changes}
    update_row(tx, missions, mission.id, **values)
    return mission.model_copy(update=values)


def get_hop(tx: Tx, hop_id: str) -> Hop:
    """Return a hop.

    Raises:
        NotFound: when there is none.
    """
    return fetch_one(tx, Hop, select(hops).where(hops.c.id == hop_id), "hop")


def list_hops(tx: Tx, mission_id: str) -> list[Hop]:
    """Return a mission's hops in order."""
    return fetch_all(tx, Hop, select(hops).where(hops.c.mission_id == mission_id).order_by(hops.c.position))


def insert_hop(tx: Tx, hop: Hop) -> None:
    """Insert a hop."""
    insert_row(tx, hops, hop.model_dump())


def replace_hops(tx: Tx, mission: Mission, new_hops: Sequence[Hop], **changes: Any) -> Mission:
    """Put other hops in the place of a mission's hops; what belonged to the old ones goes with them."""
    tx.db.execute(delete(hops).where(hops.c.mission_id == mission.id))
    for hop in new_hops:
        insert_hop(tx, hop)
    return change_mission(tx, mission, **changes).model_copy(update={"hops": list(new_hops)})


def order_hops(tx: Tx, ordered: Sequence[Hop]) -> list[Hop]:
    """Give hops the positions 1, 2, 3 … in this order; the last one is the final one."""
    ids = [hop.id for hop in ordered]
    # No two hops may have one position even for a moment, so all step aside first.
    tx.db.execute(update(hops).where(hops.c.id.in_(ids)).values(position=-hops.c.position))
    placed: list[Hop] = []
    for position, hop in enumerate(ordered, 1):
        values = {"position": position, "is_final": position == len(ids)}
        update_row(tx, hops, hop.id, **values)
        placed.append(hop.model_copy(update=values))
    return placed


def change_hop(tx: Tx, hop_id: str, **changes: Any) -> None:
    """Write changes to one hop."""
    update_row(tx, hops, hop_id, **changes)


def move_hops(tx: Tx, targets: Mapping[str, HopStatus]) -> None:
    """Write statuses by hop id."""
    for status in set(targets.values()):
        ids = [hop_id for hop_id, target in targets.items() if target is status]
        tx.db.execute(update(hops).where(hops.c.id.in_(ids)).values(status=status))


def delete_hop(tx: Tx, hop_id: str) -> None:
    """Remove a hop with its tool steps and assets."""
    tx.db.execute(delete(hops).where(hops.c.id == hop_id))


def _visible() -> Select[Any]:
    joined = select(missions).outerjoin(sessions, sessions.c.id == missions.c.session_id)
    return joined.where(or_(missions.c.session_id.is_(None), sessions.c.status != SessionStatus.DELETED))


def _hops_of(tx: Tx, mission_ids: Sequence[str]) -> dict[str, list[Hop]]:
    if not mission_ids:
        return {}
    query = select(hops).where(hops.c.mission_id.in_(mission_ids)).order_by(hops.c.position)
    parts: dict[str, list[Hop]] = {}
    for hop in fetch_all(tx, Hop, query):
        parts.setdefault(hop.mission_id, []).append(hop)
    return parts
