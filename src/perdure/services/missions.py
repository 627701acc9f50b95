"""Missions as sessions show them: the plan and its picture."""

from __future__ import annotations

from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.missions import Mission, dag
from perdure.services.access import session_for
from perdure.store import approvals, missions, runs
from perdure.store.store import Store
from perdure.store.transaction import Tx


class MissionService:
    """Reads of a session's plan."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def for_session(self, actor: Actor, session_id: str) -> Mission | None:
        """Return the session's newest mission with its hops, or None."""

        def body(tx: Tx) -> Mission | None:
            session = session_for(tx, actor, session_id, Action.READ)
            return missions.find_mission(tx, session_id=session.id)

        return await self._store.read(body)

    async def dag(self, actor: Actor, session_id: str) -> dict[str, Any]:
        """Return `{nodes, edges, as_of_seq}` of the session's newest run; no nodes before the first one."""

        def body(tx: Tx) -> dict[str, Any]:
            session = session_for(tx, actor, session_id, Action.READ)
            picture = dag_in(tx, session.id)
            return {**picture, "session_id": session.id, "as_of_seq": session.last_seq}

        return await self._store.read(body)


def dag_in(tx: Tx, session_id: str) -> dict[str, Any]:
    """Return nodes and edges inside an open transaction."""
    run = runs.find_latest_run(tx, session_id)
    if run is None:
        return {"nodes": [], "edges": []}
    gates, _ = approvals.list_approvals(tx, None, run_id=run.id, limit=200)
    return dag(
        missions.find_mission(tx, run_id=run.id),
        run.status,
        [{"id": a.id, "label": a.title, "status": str(a.status)} for a in gates],
    )
