"""Models that a session uses with a key or an address of its own.

The key is asked for when a call is made and put into the request as it leaves; the provider's library and
its errors see a placeholder. An address is one that a person wrote, so it passes the outgoing guard, and
no key of the server's is ever sent there.
"""

from __future__ import annotations

import inspect
import os
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse, infer_model
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers import Provider, infer_provider_class
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext

from perdure.agents.web.guard import OutgoingGuard
from perdure.errors import InvalidInput, PerdureError

_ADDRESSES = ("base_url", "api_base", "azure_endpoint")
_TIMEOUT = httpx2.Timeout(600, connect=10)


@dataclass(frozen=True, slots=True)
class Access:
    """What a session has of its own for a provider."""

    key: Callable[[], Awaitable[str]] | None = None
    """Returns the key for the next call. Raises `PerdureError` when there is none any more."""
    base_url: str | None = None


class SessionModel(WrapperModel):
    """A model that asks for its key before each call. Close it after the last one."""

    def __init__(self, wrapped: Model, access: Access, client: httpx2.AsyncClient, lock: _Lock) -> None:
        super().__init__(wrapped)
        self._access, self._client, self._key_lock = access, client, lock

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make one call."""
        await self._open()
        return await super().request(messages, model_settings, model_request_parameters)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Make one call and give the answer as it comes."""
        await self._open()
        async with super().request_stream(
            messages, model_settings, model_request_parameters, run_context
        ) as response:
            yield response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _open(self) -> None:
        if self._access.key is None:
            return
        try:
            self._key_lock.key = await self._access.key()
        except PerdureError as error:
            raise UserError(error.message) from error


def session_model(name: str, access: Access, guard: OutgoingGuard) -> SessionModel:
    """Return the model `provider:model` with the session's own access; nobody is called.

    Raises:
        InvalidInput: when the provider takes no key or no address.
        ValueError, ImportError, UserError: as pydantic-ai does for providers that are unknown or not installed.
    """
    provider = name.partition(":")[0]
    check_access(provider, key=access.key is not None, base_url=access.base_url is not None)
    lock = _Lock()
    client = httpx2.AsyncClient(
        transport=None if access.base_url is None else _GuardedTransport(guard),
        event_hooks={"request": [lock.unlock]},
        timeout=_TIMEOUT,
        # Another address than the one that was given must not get the key.
        follow_redirects=False,
        trust_env=access.base_url is None,
    )

    def made(_name: str) -> Provider[Any]:
        given: dict[str, Any] = {"api_key": lock.placeholder, "http_client": client}
        if access.base_url is not None:
            given[_address_of(provider)] = access.base_url
        return infer_provider_class(provider)(**given)

    return SessionModel(infer_model(name, made), access, client, lock)


def check_access(provider: str, *, key: bool, base_url: bool) -> None:
    """Let a provider pass that takes a key, and an address if there is one.

    Raises:
        InvalidInput: naming the config key that is of no use.
        ValueError, ImportError: when the provider is unknown or not installed.
    """
    parameters = inspect.signature(infer_provider_class(provider).__init__).parameters
    client = parameters.get("http_client")
    if "api_key" not in parameters or client is None or "httpx.AsyncClient" in _words(client.annotation):
        field = "api_key" if key else "base_url"
        raise InvalidInput(
            f"The provider {provider!r} takes no key and no address of a session; it uses the server's.",
            field=f"config.{field}",
        )
    if base_url and not any(name in parameters for name in _ADDRESSES):
        raise InvalidInput(
            f"The address of {provider!r} is fixed; leave `base_url` out, or use openai-chat:MODEL with it.",
            field="config.base_url",
        )


class _Lock:
    """Puts the key into requests, in the place of a word that means nothing."""

    def __init__(self) -> None:
        self.placeholder = f"perdure-{uuid.uuid4().hex}"
        self.key = ""

    async def unlock(self, request: httpx2.Request) -> None:
        for name, value in request.headers.multi_items():
            if self.placeholder in value:
                request.headers[name] = value.replace(self.placeholder, self.key or "none")


class _GuardedTransport(httpx2.AsyncBaseTransport):
    """Connects to the addresses that the guard has checked, and to no others."""

    def __init__(self, guard: OutgoingGuard) -> None:
        self._guard = guard
        limits = httpx2.Limits(max_connections=20, max_keepalive_connections=0)
        self._inner = httpx2.AsyncHTTPTransport(limits=limits, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        target = await self._guard.check(httpx.URL(str(request.url)))
        for number, address in enumerate(target.addresses, start=1):
            pinned = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=_without_the_servers(request.headers),
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": target.host},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if number == len(target.addresses):
                    raise
        raise AssertionError("a checked target has an address")

    async def aclose(self) -> None:
        await self._inner.aclose()


def _without_the_servers(headers: httpx2.Headers) -> httpx2.Headers:
    """Return headers without those that the providers' libraries take from the server's environment."""
    own: set[tuple[str, str | None]] = {("openai-organization", None), ("openai-project", None)}
    for variable, lines in os.environ.items():
        if variable.endswith("_CUSTOM_HEADERS"):
            for line in lines.split("\n"):
                name, _, value = line.partition(":")
                own.add((name.strip().lower(), value.strip()))
    kept = [
        (name, value)
        for name, value in headers.multi_items()
        if not {(name.lower(), None), (name.lower(), value)} & own
    ]
    return httpx2.Headers(kept)


def _address_of(provider: str) -> str:
    parameters = inspect.signature(infer_provider_class(provider).__init__).parameters
    return next(name for name in _ADDRESSES if name in parameters)


def _words(annotation: Any) -> list[str]:
    return str(annotation).replace("|", " ").split()
