"""Sending: one description of a request, carried out by a synchronous or an asynchronous transport.

Each endpoint is written once, as a function that returns a `Call`; `Sync` and `Async` turn it into a method
with the same parameters, so that the two clients cannot drift apart.
"""

from __future__ import annotations

import asyncio
import functools
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import BaseModel

from perdure.client.credentials import Credentials, Tokens, headers
from perdure.client.people import SignedIn
from perdure.client.problems import ServerUnreachable, error_from_response, retry_after_s
from perdure.errors import Unauthenticated
from perdure.ids import new_id

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_FIRST_PAUSE_S = 0.25
_LONGEST_WAIT_S = 30.0
"""What a server may ask a client to wait before it comes back; longer ones are told to the caller."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request and how to read its answer."""

    method: str
    path: str
    parse: Callable[[httpx.Response], T]
    query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: Any = None
    """JSON; `content` wins."""
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    accepts: frozenset[int] = frozenset()
    """Statuses above 399 whose body is an answer and not a problem."""
    repeatable: bool = True
    """Whether carrying it out twice is the same as once (POSTs carry a key that makes it so)."""
    signs_in: bool = False
    """Whether it makes or ends a sign-in itself: it is sent as it is, carries no key, and never waits."""


def reads(model: type[M]) -> Callable[[httpx.Response], M]:
    """Return a reader of JSON bodies of that model."""
    return lambda response: model.model_validate_json(response.content)


def segment(text: str) -> str:
    """Return `text` as one segment of a path."""
    return quote(text, safe="")


def given(**values: Any) -> dict[str, Any]:
    """Return the values that are not None."""
    return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Target:
    """Where the server is and who asks."""

    base_url: str
    retries: int
    """How often a request is sent again when the connection breaks."""
    program: str = "perdure-client"
    """What the server is told about who asks; its audit log shows it."""

    @property
    def tls(self) -> ssl.SSLContext | None:
        """Whom to trust where the connection is encrypted; None where it is not."""
        return _trusted() if self.base_url.lower().startswith("https://") else None

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine: no proxy from the environment is used, and it is back soon."""
        return urlsplit(self.base_url).hostname in {"127.0.0.1", "localhost", "::1"}

    def socket_url(self, path: str, query: str) -> str:
        """Return the address of a socket."""
        scheme, rest = self.base_url.split("://", 1)
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest.rstrip('/')}{path}?{query}"

    def unreachable(self, error: Exception) -> ServerUnreachable:
        """Return the error for a server that does not answer."""
        reason = str(error) or type(error).__name__
        return ServerUnreachable(
            f"No Perdure server answers at {self.base_url} ({reason}). "
            "Start one with `perdure serve` or `./dev run`, or name another with --server or PERDURE_URL.",
            base_url=self.base_url,
        )


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The usual authorities and those of this machine, with `SSL_CERT_FILE`: for requests and sockets alike."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _request(call: Call[Any], key: str) -> dict[str, Any]:
    sent = dict(call.headers)
    if call.method == "POST" and not call.signs_in:
        sent.setdefault("Idempotency-Key", key)
    arguments: dict[str, Any] = {"params": given(**call.query), "headers": sent}
    if call.content is not None:
        arguments["content"] = call.content
    elif call.body is not None:
        arguments["json"] = call.body
    return arguments


def _may_repeat(call: Call[Any], error: httpx.TransportError) -> bool:
    """Whether sending again cannot do the thing twice: nothing was sent, or a repeat has the same effect."""
    return call.repeatable or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)


def _pause_s(attempt: int) -> float:
    return 0 if attempt == 0 else random.uniform(0, _FIRST_PAUSE_S * 2**attempt)


def _refresh(tokens: Tokens) -> Call[SignedIn]:
    return Call(
        "POST",
        "/api/auth/refresh",
        reads(SignedIn),
        body={"refresh_token": tokens.refresh_token},
        repeatable=False,
        signs_in=True,
    )


def _ended(error: Unauthenticated) -> Unauthenticated:
    return Unauthenticated(f"The sign-in has ended; sign in again. ({error.message})", **error.fields)


class _Attempts:
    """What to do after each answer to one call: the rules that both transports share."""

    def __init__(self, call: Call[Any], target: Target) -> None:
        self._call = call
        self._target = target
        self._attempt = 0
        self._refreshed = False
        self.arguments = _request(call, new_id())

    def pause_after_loss_s(self, error: httpx.TransportError) -> float:
        """Return how long to wait before sending again.

        Raises:
            ServerUnreachable: when it must not, or not again, be sent.
        """
        if self._attempt >= self._target.retries or not _may_repeat(self._call, error):
            raise self._target.unreachable(error) from error
        self._attempt += 1
        return _pause_s(self._attempt - 1)

    def pause_after_refusal_s(self, response: httpx.Response) -> float | None:
        """Return how long to wait before sending again what a rate limit held back; None: it was not that."""
        if response.status_code != 429 or self._call.signs_in or self._attempt >= self._target.retries:
            return None
        wait_s = retry_after_s(response)
        if wait_s is None or wait_s > _LONGEST_WAIT_S:
            return None
        self._attempt += 1
        return wait_s

    def wants_refresh(self, response: httpx.Response) -> bool:
        """Whether a new access token may help; asked once for each call."""
        if response.status_code != 401 or self._call.signs_in or self._refreshed:
            return False
        self._refreshed = True
        return True

    def read(self, response: httpx.Response) -> Any:
        """Return what the answer says.

        Raises:
            PerdureError: the server's own error.
        """
        if response.status_code >= 400 and response.status_code not in self._call.accepts:
            raise error_from_response(response)
        return self._call.parse(response)


class Transport:
    """Carries out calls, one after another."""

    def __init__(self, target: Target, timeout_s: float, credentials: Credentials) -> None:
        self.target = target
        self.credentials = credentials
        self._http = httpx.Client(
            base_url=target.base_url,
            headers={"User-Agent": target.program},
            timeout=timeout_s,
            verify=target.tls or True,
            trust_env=not target.is_loopback,
        )

    def send(self, call: Call[T]) -> T:
        """Send and read the answer.

        Raises:
            PerdureError: the server's own error, or `ServerUnreachable`.
        """
        attempts = _Attempts(call, self.target)
        while True:
            used = None if call.signs_in else self.authorize()
            arguments = _with(attempts.arguments, used)
            try:
                response = self._http.request(call.method, call.path, **arguments)
            except httpx.TransportError as error:
                time.sleep(attempts.pause_after_loss_s(error))
                continue
            wait_s = attempts.pause_after_refusal_s(response)
            if wait_s is not None:
                time.sleep(wait_s)
            elif not (attempts.wants_refresh(response) and self.renew(used)):
                return attempts.read(response)

    def authorize(self) -> str | None:
        """Return what to send as credential, after a refresh if the access token is about to end."""
        if self.credentials.stale() is not None:
            self.renew(None)
        return self.credentials.current

    def renew(self, refused: str | None) -> bool:
        """Fetch a new access token, unless somebody has meanwhile; False when there is no sign-in to renew.

        Raises:
            Unauthenticated: when the sign-in has ended.
        """
        if self.credentials.tokens is None:
            return False
        with self.credentials.store.lock():
            stale = self.credentials.stale(refused)
            if stale is not None:
                try:
                    self.credentials.keep(Tokens.of(self.send(_refresh(stale))))
                except Unauthenticated as error:
                    self.credentials.keep(None)
                    raise _ended(error) from error
        return True

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()


class AsyncTransport:
    """Carries out calls, many at once."""

    def __init__(self, target: Target, timeout_s: float, credentials: Credentials) -> None:
        self.target = target
        self.credentials = credentials
        self._refreshing = asyncio.Lock()
        self._http = httpx.AsyncClient(
            base_url=target.base_url,
            headers={"User-Agent": target.program},
            timeout=timeout_s,
            verify=target.tls or True,
            trust_env=not target.is_loopback,
        )

    async def send(self, call: Call[T]) -> T:
        """Send and read the answer; raises as `Transport.send` does."""
        attempts = _Attempts(call, self.target)
        while True:
            used = None if call.signs_in else await self.authorize()
            arguments = _with(attempts.arguments, used)
            try:
                response = await self._http.request(call.method, call.path, **arguments)
            except httpx.TransportError as error:
                await asyncio.sleep(attempts.pause_after_loss_s(error))
                continue
            wait_s = attempts.pause_after_refusal_s(response)
            if wait_s is not None:
                await asyncio.sleep(wait_s)
            elif not (attempts.wants_refresh(response) and await self.renew(used)):
                return attempts.read(response)

    async def authorize(self) -> str | None:
        """Return what to send as credential, as `Transport.authorize` does."""
        if self.credentials.stale() is not None:
            await self.renew(None)
        return self.credentials.current

    async def renew(self, refused: str | None) -> bool:
        """Fetch a new access token as `Transport.renew` does; a task that is cancelled meanwhile loses none."""
        if self.credentials.tokens is None:
            return False
        await asyncio.shield(asyncio.ensure_future(self._renew(refused)))
        return True

    async def _renew(self, refused: str | None) -> None:
        async with self._refreshing:
            stale = self.credentials.stale(refused)
            if stale is None:
                return
            try:
                self.credentials.keep(Tokens.of(await self.send(_refresh(stale))))
            except Unauthenticated as error:
                self.credentials.keep(None)
                raise _ended(error) from error

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()


def _with(arguments: dict[str, Any], credential: str | None) -> dict[str, Any]:
    return {**arguments, "headers": {**arguments["headers"], **headers(credential)}}


class Group:
    """The endpoints of one noun, on a synchronous client."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport


class AsyncGroup:
    """The endpoints of one noun, on an asynchronous client."""

    def __init__(self, transport: AsyncTransport) -> None:
        self.transport = transport


class Sync(Generic[P, T]):
    """A method that sends the call its endpoint describes."""

    def __init__(self, endpoint: Callable[P, Call[T]]) -> None:
        self._endpoint = endpoint
        self.__doc__ = endpoint.__doc__

    def __get__(self, group: Group, _owner: type[Group]) -> Callable[P, T]:
        @functools.wraps(self._endpoint)
        def send(*args: P.args, **kwargs: P.kwargs) -> T:
            return group.transport.send(self._endpoint(*args, **kwargs))

        return send


class Async(Generic[P, T]):
    """A coroutine method that sends the call its endpoint describes."""

    def __init__(self, endpoint: Callable[P, Call[T]]) -> None:
        self._endpoint = endpoint
        self.__doc__ = endpoint.__doc__

    def __get__(self, group: AsyncGroup, _owner: type[AsyncGroup]) -> Callable[P, Awaitable[T]]:
        @functools.wraps(self._endpoint)
        async def send(*args: P.args, **kwargs: P.kwargs) -> T:
            return await group.transport.send(self._endpoint(*args, **kwargs))

        return send
