"""Reading JSON that strangers send: one reader for bodies and socket frames, refusing what we never store."""

from __future__ import annotations

from typing import Any, cast

import orjson

from perdure.errors import InvalidInput

MAX_DEPTH = 64


class BadJson(InvalidInput):
    """The text is not JSON as we accept it: no NaN, no lone surrogates, no NUL, at most 64 levels."""

    code = "bad-json"


def read_json(data: bytes | str) -> Any:
    """Return the value of `data`.

    Raises:
        BadJson: saying which rule it breaks.
    """
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadJson(f"This is not valid JSON: {error}.") from None
    raw = data.encode() if isinstance(data, str) else data
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        raise BadJson(f"JSON may be nested at most {MAX_DEPTH} levels deep.")
    if b"\\u0000" in raw and _holds_nul(value):
        raise BadJson("Text may not contain NUL characters.")
    return value


def refuse_nul(text: str, where: str) -> None:
    """Refuse NUL bytes in an address or header.

    Raises:
        InvalidInput: naming the place.
    """
    if "\x00" in text:
        raise InvalidInput(f"The {where} may not contain NUL characters.", field=where)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).values())
    return cast("list[Any]", value) if isinstance(value, list) else []


def _deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels + 1):
        layer = [child for parent in layer for child in _children(parent)]
        if not layer:
            return False
        layer = [child for child in layer if isinstance(child, dict | list)]
    return bool(layer)


def _holds_nul(value: Any) -> bool:
    pending = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, str) and "\x00" in current:
            return True
        if isinstance(current, dict):
            pending += cast("dict[str, Any]", current).keys()
        pending += _children(current)
    return False
