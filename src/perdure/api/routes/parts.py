"""Parameters and answers that several routes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from perdure.api.openapi import operation_id
from perdure.api.route import StrictRoute
from perdure.api.wire.base import Uuid
from perdure.errors import InvalidInput

SessionPath = Uuid
Shape = Annotated[
    Literal["envelope", "flat"], Query(description="`flat`: the bare array, with `X-Total-Count`.")
]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list is asked for."""

    limit: int
    offset: int
    cursor: str | None


async def _paging(
    limit: Annotated[int | None, Query(ge=1, le=200)] = None,
    offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    page: Annotated[int | None, Query(ge=1, le=2**31, description="Alias: counts from 1.")] = None,
    per_page: Annotated[int | None, Query(ge=1, le=200, description="Alias of `limit`.")] = None,
) -> Paging:
    size = limit or per_page or 50
    return Paging(size, (page - 1) * size if page is not None else offset, cursor)


Page = Annotated[Paging, Depends(_paging)]


async def _if_match(if_match: Annotated[str | None, Header()] = None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not text.isdigit() or len(text) > 15:
        raise InvalidInput('If-Match is the ETag of the session, like "3".', field="If-Match")
    return int(text)


IfMatch = Annotated[int | None, Depends(_if_match)]


def router(*tags: str) -> APIRouter:
    """Return a router whose routes check bodies strictly."""
    return APIRouter(
        tags=list(tags),
        route_class=StrictRoute,
        strict_content_type=False,
        generate_unique_id_function=operation_id,
    )


def flat(items: Sequence[BaseModel] | Sequence[dict[str, Any]], total: int) -> Response:
    """Return the bare array of a list."""
    body = TypeAdapter(list[Any]).dump_json(list(items))
    return Response(body, media_type="application/json", headers={"X-Total-Count": str(total)})


def next_offset_cursor(paging: Paging, shown: int, total: int) -> str | None:
    """Return the cursor of the next page of a list that is paged by offset."""
    after = offset_of(paging) + shown
    return str(after) if shown and after < total else None


def offset_of(paging: Paging) -> int:
    """Return where the page starts, by cursor or by offset.

    Raises:
        InvalidInput: when the cursor is not one that a page of this list gave.
    """
    if paging.cursor is None:
        return paging.offset
    if not paging.cursor.isdigit():
        raise InvalidInput("This cursor was not given by this list.", field="cursor")
    return int(paging.cursor)


def check_text(text: str, max_bytes: int, field: str) -> str:
    """Return `text` when it may be stored.

    Raises:
        InvalidInput: when it is empty or too long.
    """
    if not text.strip():
        raise InvalidInput(f"`{field}` is empty.", field=field)
    if len(text) > max_bytes or len(text.encode()) > max_bytes:
        raise InvalidInput(
            f"`{field}` is at most {max_bytes} bytes of text.", field=field, max_bytes=max_bytes
        )
    return text
