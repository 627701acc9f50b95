"""Presence on a socket: the others see that it watches, and it is told who else does."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from perdure.api.socket.protocol import PresenceFrame, encode
from perdure.api.wire.shares import ViewerOut
from perdure.services.presence import Viewers

if TYPE_CHECKING:
    from perdure.api.socket.connection import Connection

MOST_SHOWN = 100


@lru_cache(maxsize=64)
def presence_text(session_id: str, viewers: Viewers) -> str:
    """Return the frame of who watches a session; the same for all of them, and bounded."""
    shown = [ViewerOut.of(viewer) for viewer in viewers[:MOST_SHOWN]]
    return encode(PresenceFrame(session_id=session_id, viewers=shown, total=len(viewers)))


class SocketPresence:
    """The sessions in which one socket is present."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stops: dict[str, Callable[[], None]] = {}

    async def join(self, session_id: str) -> None:
        """Be present in a session that the socket watches, and be told of others."""
        self.leave(session_id)
        connection = self._connection

        def tell(viewers: Viewers) -> bool:
            if not connection.sender.idle:
                return False  # a slow reader gets the newest state when it has caught up, not every state
            connection.sender.post(presence_text(session_id, viewers))
            return True

        user_id = connection.caller.user_id
        self._stops[session_id] = connection.perdure.presence.follow(session_id, user_id, tell)
        if connection.multiplexed:
            await connection.connections.note_watch(connection, session_id, user_id)

    def leave(self, session_id: str) -> None:
        """Be gone from a session; not present, it does nothing."""
        stop = self._stops.pop(session_id, None)
        if stop is not None:
            stop()
            self._connection.connections.release_watch(self._connection, session_id)

    def end(self) -> None:
        """Follow nothing any more; the rows go with the connection."""
        for stop in self._stops.values():
            stop()
        self._stops.clear()
