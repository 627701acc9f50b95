"""Connections: who is watching what, on which server."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from perdure.ids import new_id
from perdure.store import operations
from perdure.store.store import Store

_AT_ONCE = 1000


class ConnectionService:
    """Rows for open sockets and streams; a server that dies leaves them to the sweep."""

    def __init__(
        self, store: Store, server_id: str, on_change: Callable[[str], None] = lambda _session_id: None
    ) -> None:
        self._store = store
        self._server_id = server_id
        self._on_change = on_change
        self._watched: dict[str, str] = {}
        """The sessions of this server's rows."""

    async def open(self, task_id: str | None, session_id: str | None, user_id: str) -> str:
        """Note a connection and return its id; `task_id` of a watch is the id of the socket it belongs to."""
        connection_id = new_id()
        await self._store.write(
            lambda tx: operations.insert_connection(
                tx,
                id=connection_id,
                task_id=task_id,
                session_id=session_id,
                user_id=user_id,
                server_id=self._server_id,
            )
        )
        if session_id is not None:
            self._watched[connection_id] = session_id
            self._on_change(session_id)
        return connection_id

    async def heartbeat(self, ids: Sequence[str]) -> None:
        """Note that these are still open."""
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            await self._store.write(lambda tx, some=some: operations.beat_connections(tx, some))

    async def close(self, *connection_ids: str) -> None:
        """Remove connections; a second call changes nothing."""
        if not connection_ids:
            return
        await self._store.write(lambda tx: operations.delete_connections(tx, ids=connection_ids))
        for session_id in {self._watched.pop(each, None) for each in connection_ids} - {None}:
            self._on_change(str(session_id))

    async def count(self) -> int:
        """Return how many connections are noted, on all servers."""
        return await self._store.read(operations.count_connections)
