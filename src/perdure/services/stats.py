"""Statistics for people."""

from __future__ import annotations

from typing import Any

from perdure.core.access import Actor
from perdure.store import operations, runs, sessions
from perdure.store.store import Store
from perdure.store.transaction import Tx


class StatsService:
    """Counts over what somebody may see."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def snapshot(self, actor: Actor) -> dict[str, Any]:
        """Return session counts, open runs, connections, storage health, average messages, queue depth.

        For an administrator of the server they are over the whole installation, else over what the actor owns and
        what is shared with them.
        """
        person = None if actor.is_admin or actor.is_system else actor.user_id

        def body(tx: Tx) -> dict[str, Any]:
            counts = sessions.count_by_status(tx, person)
            sums = operations.totals(tx, person)
            total = sum(n for status, n in counts.items() if status != "deleted")
            return {
                "total_sessions": total,
                "active_sessions": counts["active"],
                "sessions_by_status": counts,
                "runs": runs.count_open_runs(tx, person),
                "connections": operations.count_connections(tx, person),
                "total_messages": sums["messages"],
                "total_events": sums["events"],
                "average_message_count": round(sums["messages"] / sums["sessions"], 2)
                if sums["sessions"]
                else 0.0,
                "queue_depth": sums["queue_depth"],
            }

        return {**await self._store.read(body), "storage": self._store.health()}
