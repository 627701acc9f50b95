"""Sending: one description of a request, carried out by a synchronous or an asynchronous transport.

Each endpoint is written once, as a function that returns a `Call`; `Sync` and `Async` turn it into a method
with the same parameters, so that the two clients cannot drift apart.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

import httpx
from pydantic import BaseModel

from perdure.client.problems import ServerUnreachable, error_from_response
from perdure.ids import new_id

P = ParamSpec("P")
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_FIRST_PAUSE_S = 0.25


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
    api_key: str | None
    retries: int
    """How often a request is sent again when the connection breaks."""
    program: str = "perdure-client"
    """What the server is told about who asks; its audit log shows it."""

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every request and socket."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    @property
    def is_loopback(self) -> bool:
        """Whether a proxy from the environment must be left out."""
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
            "Start one with `perdure serve` or `./dev run`, or name another with --server or PERDURE_SERVER.",
            base_url=self.base_url,
        )


def _request(call: Call[Any], key: str) -> dict[str, Any]:
    headers = dict(call.headers)
    if call.method == "POST":
        headers.setdefault("Idempotency-Key", key)
    arguments: dict[str, Any] = {"params": given(**call.query), "headers": headers}
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


def _answer(call: Call[T], response: httpx.Response) -> T:
    if response.status_code >= 400 and response.status_code not in call.accepts:
        raise error_from_response(response)
    return call.parse(response)


class Transport:
    """Carries out calls, one after another."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        self.target = target
        self._http = httpx.Client(
            base_url=target.base_url,
            headers={"User-Agent": target.program, **target.headers},
            timeout=timeout_s,
            trust_env=not target.is_loopback,
        )

    def send(self, call: Call[T]) -> T:
        """Send and read the answer.

        Raises:
            PerdureError: the server's own error, or `ServerUnreachable`.
        """
        arguments = _request(call, new_id())
        attempt = 0
        while True:
            try:
                return _answer(call, self._http.request(call.method, call.path, **arguments))
            except httpx.TransportError as error:
                if attempt >= self.target.retries or not _may_repeat(call, error):
                    raise self.target.unreachable(error) from error
            time.sleep(_pause_s(attempt))
            attempt += 1

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()


class AsyncTransport:
    """Carries out calls, many at once."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        self.target = target
        self._http = httpx.AsyncClient(
            base_url=target.base_url,
            headers={"User-Agent": target.program, **target.headers},
            timeout=timeout_s,
            trust_env=not target.is_loopback,
        )

    async def send(self, call: Call[T]) -> T:
        """Send and read the answer; raises as `Transport.send` does."""
        arguments = _request(call, new_id())
        attempt = 0
        while True:
            try:
                return _answer(call, await self._http.request(call.method, call.path, **arguments))
            except httpx.TransportError as error:
                if attempt >= self.target.retries or not _may_repeat(call, error):
                    raise self.target.unreachable(error) from error
            await asyncio.sleep(_pause_s(attempt))
            attempt += 1

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()


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
