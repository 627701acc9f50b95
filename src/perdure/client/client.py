"""The two clients: the same endpoints and the same stream, with and without `await`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Literal, Self, overload

from perdure.client.approvals import Approvals, AsyncApprovals
from perdure.client.audit import AsyncAudit, Audit
from perdure.client.files import AsyncFiles, Files
from perdure.client.follow import Wish, follow, follow_async
from perdure.client.missions import AsyncMissions, Missions
from perdure.client.models import Event
from perdure.client.runs import AsyncRuns, Runs
from perdure.client.server import AsyncServer, Server
from perdure.client.sessions import AsyncSessions, Sessions
from perdure.client.stream import Delta, Reconnecting
from perdure.client.transport import AsyncTransport, Target, Transport

DEFAULT_URL = "http://127.0.0.1:8000"

Notice = Callable[[Reconnecting], None]


class Perdure:
    """A client that blocks; use it from one thread at a time, `stream` from its own."""

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        api_key: str | None = None,
        *,
        timeout_s: float = 30,
        retries: int = 3,
        program: str = "perdure-client",
    ) -> None:
        self._transport = Transport(Target(base_url.rstrip("/"), api_key, retries, program), timeout_s)
        self.sessions = Sessions(self._transport)
        self.runs = Runs(self._transport)
        self.approvals = Approvals(self._transport)
        self.missions = Missions(self._transport)
        self.files = Files(self._transport)
        self.audit = Audit(self._transport)
        self.server = Server(self._transport)

    @overload
    def stream(
        self,
        session_id: str,
        *,
        after: int = 0,
        until_idle: bool = False,
        include_deltas: Literal[False] = False,
        give_up_after: int | None = None,
        on_reconnect: Notice | None = None,
    ) -> Iterator[Event]: ...
    @overload
    def stream(
        self,
        session_id: str,
        *,
        after: int = 0,
        until_idle: bool = False,
        include_deltas: Literal[True],
        give_up_after: int | None = None,
        on_reconnect: Notice | None = None,
    ) -> Iterator[Event | Delta]: ...
    def stream(self, session_id: str, **wish: Any) -> Iterator[Any]:
        """Yield the session's log after `after`, then each event as it is written: once, in order.

        Lost connections and server restarts are ridden out: the first new connection is tried at once, later
        ones after growing random pauses, for ever unless `give_up_after` limits the attempts in a row.

        Args:
            session_id: whose log.
            after: the last sequence number the caller has.
            until_idle: end when everything is read and no run is under way (a waiting one is).
            include_deltas: also yield text as it is written.
            give_up_after: how many fruitless connections in a row are too many; None means never.
            on_reconnect: told before each new connection.

        Raises:
            NotFound, Unauthenticated, Forbidden, InvalidInput, Superseded: the server closed it for good.
            LogReset: the log was restored or compacted; read the session and start from its sequence number.
        """
        return follow(self._transport, _wish(session_id, **wish))

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncPerdure:
    """A client for asyncio; one may be shared by any number of tasks."""

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        api_key: str | None = None,
        *,
        timeout_s: float = 30,
        retries: int = 3,
        program: str = "perdure-client",
    ) -> None:
        self._transport = AsyncTransport(Target(base_url.rstrip("/"), api_key, retries, program), timeout_s)
        self.sessions = AsyncSessions(self._transport)
        self.runs = AsyncRuns(self._transport)
        self.approvals = AsyncApprovals(self._transport)
        self.missions = AsyncMissions(self._transport)
        self.files = AsyncFiles(self._transport)
        self.audit = AsyncAudit(self._transport)
        self.server = AsyncServer(self._transport)

    @overload
    def stream(
        self,
        session_id: str,
        *,
        after: int = 0,
        until_idle: bool = False,
        include_deltas: Literal[False] = False,
        give_up_after: int | None = None,
        on_reconnect: Notice | None = None,
    ) -> AsyncIterator[Event]: ...
    @overload
    def stream(
        self,
        session_id: str,
        *,
        after: int = 0,
        until_idle: bool = False,
        include_deltas: Literal[True],
        give_up_after: int | None = None,
        on_reconnect: Notice | None = None,
    ) -> AsyncIterator[Event | Delta]: ...
    def stream(self, session_id: str, **wish: Any) -> AsyncIterator[Any]:
        """Yield the session's log as `Perdure.stream` does."""
        return follow_async(self._transport, _wish(session_id, **wish))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _wish(
    session_id: str,
    after: int = 0,
    until_idle: bool = False,
    include_deltas: bool = False,
    give_up_after: int | None = None,
    on_reconnect: Notice | None = None,
) -> Wish:
    return Wish(session_id, after, until_idle, include_deltas, give_up_after, on_reconnect)
