"""Queries of who watches which session: the rows of open sockets and streams, on all servers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from perdure.store.columns import dumps, from_micros, to_micros
from perdure.store.transaction import Tx

_GIVEN = {False: "SELECT value FROM json_each(?)", True: "SELECT json_array_elements_text(%s::json)"}
_WATCHING = """SELECT w.session_id, w.user_id, min(coalesce(pd_users.name, '')), min(w.connected_at), count(*)
  FROM pd_connections AS w LEFT JOIN pd_users ON pd_users.id = w.user_id
  WHERE w.session_id IN ({given}) AND w.last_heartbeat_at >= {mark}
  GROUP BY w.session_id, w.user_id ORDER BY 4, 2"""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who watches a session now."""

    user_id: str
    name: str
    since: datetime
    connections: int


def viewers_of(tx: Tx, session_ids: Collection[str], alive_since: datetime) -> dict[str, tuple[Viewer, ...]]:
    """Return who watches each of the sessions, longest first; one that nobody watches is missing."""
    cursor, mark = tx.cursor, "%s" if tx.postgres else "?"
    cursor.execute(
        _WATCHING.format(given=_GIVEN[tx.postgres], mark=mark),
        (dumps(sorted(session_ids)), to_micros(alive_since)),
    )
    found: dict[str, tuple[Viewer, ...]] = {}
    for session_id, user_id, name, since, number in cursor.fetchall():
        viewer = Viewer(user_id, name, from_micros(int(since)), int(number))
        found[session_id] = (*found.get(session_id, ()), viewer)
    return found
