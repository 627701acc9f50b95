"""Problem documents as declared in the API description."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

PROBLEM_CONTENT = "application/problem+json"


class FieldProblem(BaseModel):
    """One field that cannot be accepted."""

    field: str
    message: str
    type: str


class Problem(BaseModel):
    """A failure (RFC 9457): switch on `code`, show `detail`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = None
    """With code `invalid-input`: each field concerned."""
    current_version: int | None = None
    """With code `stale-version`."""
    changed_keys: list[str] | None = None
    """With code `stale-version`."""
    current_status: str | None = None
    """With code `not-allowed-now`."""
    allowed: list[str] | None = None
    """With code `not-allowed-now`: the commands that the status allows."""


_MEANING = {
    401: "No valid credentials.",
    403: "Not allowed for this caller.",
    404: "It does not exist, or the caller may not know of it.",
    409: "It does not fit the current state.",
    413: "Too large.",
    422: "The request cannot be accepted as it is.",
    429: "Too many requests or connections.",
    503: "Storage, engine or model cannot be used now; nothing was written.",
}


def problem_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may fail in these ways."""
    reference = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _MEANING[status], "content": {PROBLEM_CONTENT: {"schema": reference}}}
        for status in sorted({*statuses, 422, 503})
    }
