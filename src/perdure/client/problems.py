"""Turning what a server refuses into the same error classes that the server raised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
from pydantic import TypeAdapter, ValidationError

from perdure import errors
from perdure.errors import Conflict, Kind, PerdureError, Unavailable


class ServerUnreachable(Unavailable):
    """No server answers at the address."""

    code = "server-unreachable"


class LogReset(Conflict):
    """The session's log was restored or compacted; start again from a snapshot of the session."""

    code = "log-reset"


class Superseded(Conflict):
    """The server closed this stream because a newer one took its place."""

    code = "superseded"


_BY_KIND: dict[Kind, type[PerdureError]] = {
    Kind.NOT_FOUND: errors.NotFound,
    Kind.CONFLICT: errors.Conflict,
    Kind.INVALID: errors.InvalidInput,
    Kind.UNAUTHENTICATED: errors.Unauthenticated,
    Kind.FORBIDDEN: errors.Forbidden,
    Kind.LIMITED: errors.TooMany,
    Kind.UNAVAILABLE: errors.Unavailable,
    Kind.INTERNAL: errors.PerdureError,
}

_KIND_BY_STATUS = {
    401: Kind.UNAUTHENTICATED,
    403: Kind.FORBIDDEN,
    404: Kind.NOT_FOUND,
    408: Kind.UNAVAILABLE,
    409: Kind.CONFLICT,
    410: Kind.NOT_FOUND,
    412: Kind.CONFLICT,
    429: Kind.LIMITED,
    502: Kind.UNAVAILABLE,
    503: Kind.UNAVAILABLE,
    504: Kind.UNAVAILABLE,
}

_OBJECT = TypeAdapter(dict[str, Any])
_NOT_FIELDS = frozenset({"type", "title", "status", "detail", "instance", "code", "kind", "message"})


def error_from(document: dict[str, Any], status: int | None = None) -> PerdureError:
    """Return the error that a problem document or an error frame describes.

    The class is found by `code`; a code this version does not know falls back on the kind, then on the
    HTTP status, and is kept in `fields["code"]`.
    """
    code = document.get("code")
    message = str(document.get("message") or document.get("detail") or document.get("title") or "")
    if not message:
        message = f"The server answered with status {status}."
    fields = {key: value for key, value in document.items() if key not in _NOT_FIELDS}
    if "status" in document and not isinstance(document["status"], int):
        fields["status"] = document["status"]
    for known in _subclasses(PerdureError):
        if known.code == code and known is not PerdureError:
            return known(message, **fields)
    kind = _kind(document.get("kind"), status)
    if code:
        fields["code"] = str(code)
    return _BY_KIND[kind](message, **fields)


def error_from_response(response: httpx.Response) -> PerdureError:
    """Return the error for an answer with status 400 or above, whatever its body is."""
    try:
        document = _OBJECT.validate_json(response.content)
    except ValidationError:
        document = {}
    error = error_from(document, response.status_code)
    if "retry-after" in response.headers:
        error.fields.setdefault("retry_after", response.headers["retry-after"])
        error.fields.setdefault("retry_after_s", retry_after_s(response))
    return error


def retry_after_s(response: httpx.Response) -> float | None:
    """Return how many seconds the server wants to be left alone; None when it does not say, or not in seconds."""
    try:
        wait_s = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return wait_s if 0 <= wait_s < float("inf") else None


def _kind(named: Any, status: int | None) -> Kind:
    if named in set(Kind):
        return Kind(named)
    if status in _KIND_BY_STATUS:
        return _KIND_BY_STATUS[status]
    return Kind.INVALID if status is not None and 400 <= status < 500 else Kind.INTERNAL


def _subclasses(cls: type[PerdureError]) -> Iterator[type[PerdureError]]:
    for child in cls.__subclasses__():
        yield child
        yield from _subclasses(child)
