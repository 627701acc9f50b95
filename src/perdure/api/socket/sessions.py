"""`/ws/sessions`: the caller's list live, and any number of session logs on the same socket."""

from __future__ import annotations

import orjson

from perdure.api.socket.connection import Connection
from perdure.api.socket.protocol import SessionsFrame, StatusFrame, encode
from perdure.api.wire.sessions import SessionSummary
from perdure.live.bus import ListHint
from perdure.services.sessions import SessionQuery


class SessionsSocket(Connection):
    """A snapshot of the list, then hints; `watch` and `unwatch` add and remove logs."""

    multiplexed = True

    async def serve(self) -> None:
        """Run the socket; hints come as soon as it is open."""
        stop = self.perdure.hub.follow_list(self.actor.user_id, self._hint)
        try:
            await super().serve()
        finally:
            stop()

    async def open(self) -> None:
        """Send the list."""
        self.sender.post(encode(StatusFrame()))
        await self.connections.note(self, None, None, self.actor.user_id)
        found = await self.perdure.sessions.list(self.actor, SessionQuery())
        snapshot = SessionsFrame(
            sessions=[SessionSummary.of(row) for row in found.sessions],
            total=found.total,
            counts=found.counts,
            current_session_id=found.current_session_id,
        )
        self.sender.post(encode(snapshot))

    def _hint(self, hint: ListHint) -> None:
        self.sender.post(orjson.dumps(hint, default=str).decode())
