"""What JSON is: the values that come back from a record exactly as they were put in."""

from __future__ import annotations

import math
from typing import Any, cast

_DEEPEST = 200
_LARGEST = 2**64


def fault_in_json(value: Any, at: str = "") -> str | None:
    """Return where a value is not JSON and what is there instead, for people; None when all of it is.

    Tuples are none either: they would come back as lists. So would keys that are numbers come back as texts.
    """
    return _fault(value, at, 0)


def _fault(value: Any, at: str, depth: int) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _said(at, "text that is not Unicode") if _is_broken(value) else None
    if isinstance(value, int):
        return None if -_LARGEST // 2 <= value < _LARGEST else _said(at, "a number of more than 64 bits")
    if isinstance(value, float):
        return None if math.isfinite(value) else _said(at, f"{value}, which JSON has no number for")
    if not isinstance(value, (list, dict)):
        return _said(at, _article(type(value).__name__))
    if depth == _DEEPEST:
        return _said(at, f"more than {_DEEPEST} levels deep, or holds itself")
    if isinstance(value, list):
        items = [(f"{at}[{number}]", item) for number, item in enumerate(cast("list[Any]", value))]
    else:
        entries = cast("dict[Any, Any]", value)
        strange = next((key for key in entries if not isinstance(key, str)), None)
        if strange is not None or None in entries:
            return _said(at, f"a dict with the key {strange!r}, which is no text")
        items = [(f"{at}[{key!r}]", item) for key, item in entries.items()]
    return next((fault for place, item in items if (fault := _fault(item, place, depth + 1))), None)


def _said(at: str, what: str) -> str:
    return f"{at or 'it'} is {what}"


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _is_broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
