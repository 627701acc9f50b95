"""`/ws/sessions`: the caller's list live, and any number of session logs on the same socket."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from perdure.api.socket.connection import Connection
from perdure.api.socket.protocol import SessionsFrame, StatusFrame, encode
from perdure.api.wire.sessions import SessionSummary
from perdure.live.bus import ListHint
from perdure.services.sessions import SessionQuery


class SessionsSocket(Connection):
    """A snapshot of the list, then hints; `watch` and `unwatch` add and remove logs."""

    multiplexed = True
    _stop: Callable[[], None] = staticmethod(lambda: None)

    async def serve(self) -> None:
        """Run the socket, then stop following the list."""
        try:
            await super().serve()
        finally:
            self._stop()

    async def open(self) -> None:
        """Send the list, and from now on what happens to it."""
        self._stop = self.perdure.hub.follow_list(self.caller.user_id, self._hint)
        self.sender.post(encode(StatusFrame()))
        await self.connections.note(self, None, None, self.caller.user_id)
        found = await self.perdure.sessions.list(self.caller, SessionQuery())
        snapshot = SessionsFrame(
            sessions=[SessionSummary.of(row) for row in found.sessions],
            total=found.total,
            counts=found.counts,
            current_session_id=found.current_session_id,
        )
        self.sender.post(encode(snapshot))

    def _hint(self, hint: ListHint) -> None:
        self.sender.post(orjson.dumps(hint, default=str).decode())
