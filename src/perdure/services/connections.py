"""Connections: who is watching what, on which server."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.ids import new_id
from perdure.store import operations
from perdure.store.store import Store


class ConnectionService:
    """Rows for open sockets and streams; a server that dies leaves them to the sweep."""

    def __init__(self, store: Store, server_id: str) -> None:
        self._store = store
        self._server_id = server_id

    async def open(self, task_id: str | None, session_id: str | None, user_id: str) -> str:
        """Note a connection and return its id."""
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
        return connection_id

    async def heartbeat(self, ids: Sequence[str]) -> None:
        """Note that these are still open."""
        if ids:
            await self._store.write(lambda tx: operations.beat_connections(tx, ids))

    async def close(self, connection_id: str) -> None:
        """Remove a connection; a second call changes nothing."""
        await self._store.write(lambda tx: operations.delete_connections(tx, ids=[connection_id]))

    async def count(self) -> int:
        """Return how many connections are noted, on all servers."""
        return await self._store.read(operations.count_connections)
