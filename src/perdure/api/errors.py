"""Problem documents: the one translation from our errors, validation and framework errors to HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from perdure.errors import InvalidInput, Kind, PerdureError
from perdure.redaction import redactor

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_S = 2

STATUS_OF_KIND: dict[Kind, int] = {
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.LIMITED: 429,
    Kind.UNAVAILABLE: 503,
    Kind.INTERNAL: 500,
}
_STATUS_OF_CODE = {
    "body-too-large": 413,
    "body-too-slow": 408,
    "file-too-large": 413,
    "workspace-too-large": 413,
}
_CODE_OF_STATUS = {
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "unsupported-media-type",
}
_OWN_FIELDS = frozenset({"type", "title", "status", "detail", "code", "kind", "instance"})


class BodyTooLarge(InvalidInput):
    """The request body is larger than the server takes."""

    code = "body-too-large"


class BodyTooSlow(InvalidInput):
    """The request body comes more slowly than the server waits for."""

    code = "body-too-slow"


def status_of(error: PerdureError) -> int:
    """Return the HTTP status of an error."""
    return _STATUS_OF_CODE.get(error.code, STATUS_OF_KIND[error.kind])


def problem(status: int, code: str, detail: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a problem document (RFC 9457) with our `code` and extra fields."""
    extra = {key: redactor.value(value) for key, value in (fields or {}).items() if key not in _OWN_FIELDS}
    title = code.replace("-", " ").capitalize()
    return {
        "type": f"urn:perdure:problem:{code}",
        "title": title,
        "status": status,
        "detail": redactor.text(detail),
        "code": code,
        **extra,
    }


def problem_of(error: PerdureError) -> dict[str, Any]:
    """Return the problem document of one of our errors."""
    return problem(status_of(error), error.code, error.message, error.fields)


def validation_problem(errors: Sequence[Any]) -> dict[str, Any]:
    """Return a problem document that lists each field that cannot be accepted."""
    fields = [
        {"field": ".".join(_location(e["loc"])) or "body", "message": _said(e["msg"]), "type": str(e["type"])}
        for e in errors
    ]
    sentence = "; ".join(f"{f['field']}: {f['message'].rstrip('.')}" for f in fields[:5])
    return problem(422, "invalid-input", f"The request cannot be accepted: {sentence}.", {"errors": fields})


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")


def problem_response(document: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Return `document` as a response; 429 and 503 say when to come back, 401 what to come with."""
    extra = dict(headers or {})
    if document["status"] in {429, 503}:
        extra.setdefault("Retry-After", str(document.get("retry_after_s", RETRY_AFTER_S)))
    if document["status"] == 401:
        extra.setdefault("WWW-Authenticate", "Bearer")
    body = orjson.dumps(document, default=str)
    return Response(body, status_code=document["status"], media_type=PROBLEM_TYPE, headers=extra)


def install(app: FastAPI) -> None:
    """Make every failure of `app` a problem document."""

    async def ours(_request: Request, error: Exception) -> Response:
        assert isinstance(error, PerdureError)
        return problem_response(problem_of(error))

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(validation_problem(error.errors()))

    async def framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = error.status_code
        code = _CODE_OF_STATUS.get(status, HTTPStatus(status).phrase.lower().replace(" ", "-"))
        detail = f"There is nothing at {request.url.path}." if status == 404 else str(error.detail)
        if status == 405:
            detail = f"{request.method} is not possible on {request.url.path}."
        return problem_response(problem(status, code, detail), error.headers)

    async def unexpected(_request: Request, _error: Exception) -> Response:
        detail = "The server made a mistake; nothing more is known to the outside. Its log has the details."
        return problem_response(problem(500, "internal-error", detail))

    app.add_exception_handler(PerdureError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(Exception, unexpected)


def _location(loc: Sequence[Any]) -> list[str]:
    parts = [str(part) for part in loc]
    return parts[1:] if parts and parts[0] in {"body", "query", "path", "header"} else parts
