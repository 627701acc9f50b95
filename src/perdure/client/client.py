"""The two clients: the same endpoints and the same stream, with and without `await`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any, Literal, Self, overload

from perdure.client import auth
from perdure.client.approvals import Approvals, AsyncApprovals
from perdure.client.audit import AsyncAudit, Audit
from perdure.client.auth import AsyncAuth, Auth
from perdure.client.credentials import Credentials, Tokens, TokenStore
from perdure.client.files import AsyncFiles, Files
from perdure.client.follow import Wish, follow, follow_async
from perdure.client.keys import AsyncKeys, Keys
from perdure.client.missions import AsyncMissions, Missions
from perdure.client.models import Event
from perdure.client.people import SignedIn
from perdure.client.runs import AsyncRuns, Runs
from perdure.client.secrets import AsyncSecrets, Secrets
from perdure.client.server import AsyncServer, Server
from perdure.client.sessions import AsyncSessions, Sessions
from perdure.client.shares import AsyncShareLinks, AsyncShares, ShareLinks, Shares
from perdure.client.stream import Delta, Reconnecting
from perdure.client.transport import AsyncTransport, Target, Transport
from perdure.client.users import AsyncUsers, Users
from perdure.errors import Unauthenticated

DEFAULT_URL = "http://127.0.0.1:8000"

Notice = Callable[[Reconnecting], None]


class Perdure:
    """A client that blocks; use it from one thread at a time, `stream` from its own."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        token: str | None = None,
        tokens: TokenStore | None = None,
        timeout_s: float = 30,
        retries: int = 3,
        program: str = "perdure-client",
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            base_url: where the server is; default: `PERDURE_URL`, else this machine's port 8000.
            api_key: an API key; default: `PERDURE_API_KEY`, unless another credential is given.
            token: an access token from elsewhere, used as it is until it ends.
            tokens: where tokens of a sign-in are kept, also for other processes; default: in memory.
            timeout_s: how long one request may take.
            retries: how often a request is sent again after a broken connection or a rate limit.
            program: what the server's audit log shows about who asks.
        """
        self._transport = Transport(
            Target(_address(base_url), retries, program),
            timeout_s,
            _credentials(api_key, token, tokens),
        )
        self.sessions = Sessions(self._transport)
        self.runs = Runs(self._transport)
        self.approvals = Approvals(self._transport)
        self.missions = Missions(self._transport)
        self.files = Files(self._transport)
        self.audit = Audit(self._transport)
        self.server = Server(self._transport)
        self.auth = Auth(self._transport)
        self.users = Users(self._transport)
        self.keys = Keys(self._transport)
        self.secrets = Secrets(self._transport)
        self.shares = Shares(self._transport)
        self.share_links = ShareLinks(self._transport)

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

    def login(self, email: str, password: str) -> SignedIn:
        """Sign in, and stay so: access tokens are refreshed as needed, one refresh at a time.

        Raises:
            Unauthenticated: when e-mail and password do not fit.
            TooMany: after too many attempts; `fields["retry_after_s"]` says when to come back.
        """
        answer = self._transport.send(auth.login(email, password))
        self._transport.credentials.keep(Tokens.of(answer))
        return answer

    def logout(self) -> None:
        """End the sign-in at the server and forget its tokens; without one it does nothing."""
        if self._transport.credentials.tokens is None:
            return
        with suppress(Unauthenticated):  # it may have ended already
            self._transport.send(auth.logout())
        self._transport.credentials.keep(None)

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
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        token: str | None = None,
        timeout_s: float = 30,
        retries: int = 3,
        program: str = "perdure-client",
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            base_url: where the server is; default: `PERDURE_URL`, else this machine's port 8000.
            api_key: an API key; default: `PERDURE_API_KEY`, unless another credential is given.
            token: an access token from elsewhere, used as it is until it ends.
            timeout_s: how long one request may take.
            retries: how often a request is sent again after a broken connection or a rate limit.
            program: what the server's audit log shows about who asks.
        """
        self._transport = AsyncTransport(
            Target(_address(base_url), retries, program),
            timeout_s,
            _credentials(api_key, token),
        )
        self.sessions = AsyncSessions(self._transport)
        self.runs = AsyncRuns(self._transport)
        self.approvals = AsyncApprovals(self._transport)
        self.missions = AsyncMissions(self._transport)
        self.files = AsyncFiles(self._transport)
        self.audit = AsyncAudit(self._transport)
        self.server = AsyncServer(self._transport)
        self.auth = AsyncAuth(self._transport)
        self.users = AsyncUsers(self._transport)
        self.keys = AsyncKeys(self._transport)
        self.secrets = AsyncSecrets(self._transport)
        self.shares = AsyncShares(self._transport)
        self.share_links = AsyncShareLinks(self._transport)

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

    async def login(self, email: str, password: str) -> SignedIn:
        """Sign in, and stay so: access tokens are refreshed as needed, one refresh at a time.

        Raises:
            Unauthenticated: when e-mail and password do not fit.
            TooMany: after too many attempts; `fields["retry_after_s"]` says when to come back.
        """
        answer = await self._transport.send(auth.login(email, password))
        self._transport.credentials.keep(Tokens.of(answer))
        return answer

    async def logout(self) -> None:
        """End the sign-in at the server and forget its tokens; without one it does nothing."""
        if self._transport.credentials.tokens is None:
            return
        with suppress(Unauthenticated):  # it may have ended already
            await self._transport.send(auth.logout())
        self._transport.credentials.keep(None)

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


def _address(given: str | None) -> str:
    address = given or os.environ.get("PERDURE_URL") or os.environ.get("PERDURE_SERVER") or DEFAULT_URL
    return (address if "://" in address else f"http://{address}").rstrip("/")


def _credentials(api_key: str | None, token: str | None, tokens: TokenStore | None = None) -> Credentials:
    given = [credential for credential in (api_key, token, tokens) if credential is not None]
    if len(given) > 1:
        raise ValueError("give one of api_key, token and tokens")
    if not given:
        api_key = os.environ.get("PERDURE_API_KEY") or None
    return Credentials(api_key or token, tokens)
