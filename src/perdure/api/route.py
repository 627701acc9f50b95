"""The route class of the whole API: bounded bodies, strict JSON, and answers that a repeat gets again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import orjson
from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response

from perdure.api.auth import actor_of
from perdure.api.errors import BodyTooLarge
from perdure.api.strict_json import read_json, refuse_nul
from perdure.errors import InvalidInput, PerdureError
from perdure.services.idempotency import IdempotencyService, KeptAnswer

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
REPEATABLE = "x-idempotent"
"""Set in `openapi_extra` of POSTs that create or answer something."""
STREAMED_BODY = "x-streamed-body"
"""Set in `openapi_extra` of routes that read their body in pieces themselves."""


def repeatable() -> dict[str, Any]:
    """Return the `openapi_extra` of a POST whose repeat gets the first answer."""
    header = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A repeat with the same key and body gets the first answer.",
        "schema": {"type": "string", "maxLength": 255},
    }
    return {REPEATABLE: True, "parameters": [header]}


def stored(answer: Callable[[Any], BaseModel]) -> Callable[[Any], Any]:
    """Return how an answer's body is kept with the work: as the JSON that is sent."""
    return lambda result: answer(result).model_dump(mode="json", by_alias=True)


class _CheckedRequest(Request):
    """A request whose JSON has been read once, strictly."""

    checked: Any = None

    async def json(self) -> Any:
        return self.checked


class StrictRoute(APIRoute):
    """Checks the request before FastAPI sees it, and keeps the answers of repeatable POSTs."""

    def get_route_handler(self) -> Handler:
        """Return FastAPI's handler inside ours."""
        handle = super().get_route_handler()
        extra = self.openapi_extra or {}
        streamed = bool(extra.get(STREAMED_BODY))
        keeps_answer = bool(extra.get(REPEATABLE))

        async def checked(original: Request) -> Response:
            request = _CheckedRequest(original.scope, original.receive)
            refuse_nul(request.scope["path"], "path")
            if request.scope["query_string"]:
                for name, value in request.query_params.multi_items():
                    refuse_nul(name + value, "query")
            if not streamed and request.method not in {"GET", "HEAD"}:
                body = await _bounded_body(request)
                request.checked = read_json(body) if body.strip() else None
            key = request.headers.get("idempotency-key") if keeps_answer else None
            if key is None:
                return await handle(request)
            return await _once(request, key, handle)

        return checked


async def _bounded_body(request: _CheckedRequest) -> bytes:
    limit: int = request.app.state.perdure.settings.max_body_bytes
    declared = request.headers.get("content-length", "0")
    body = bytearray()
    if not declared.isdigit() or int(declared) <= limit:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                break
        else:
            request._body = bytes(body)  # pyright: ignore[reportPrivateUsage]  # what `body()` itself does
            return request._body  # pyright: ignore[reportPrivateUsage]
    raise BodyTooLarge(f"A request body is at most {limit} bytes.", max_bytes=limit)


async def _once(request: _CheckedRequest, key: str, handle: Handler) -> Response:
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise InvalidInput("An Idempotency-Key is 1 to 255 printable characters.", field="Idempotency-Key")
    service: IdempotencyService = request.app.state.perdure.idempotency
    actor = actor_of(request)
    query = request.url.query
    said = b"\n".join((request.method.encode(), f"{request.url.path}?{query}".encode(), await request.body()))
    fingerprint = hashlib.sha256(said).hexdigest()
    claim = await service.begin(actor, key, fingerprint)
    if isinstance(claim, KeptAnswer):
        return Response(
            orjson.dumps(claim.body),
            status_code=claim.status,
            media_type="application/json",
            headers={"Idempotency-Replayed": "true"},
        )
    try:
        with service.carrying_out(claim):
            response = await handle(request)
    except Exception:
        with suppress(PerdureError):
            await service.finish(claim, 500, None)  # frees the key, if nothing was done
        raise  # who is cancelled keeps the key: what was asked for may be stored by now
    body = orjson.loads(bytes(response.body)) if response.body else None
    await service.finish(claim, response.status_code, body)
    return response
