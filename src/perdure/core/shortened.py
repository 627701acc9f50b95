"""Large values as events show them: cut, with what the whole would have been."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

MOST_BYTES = 16 * 1024
"""Of the arguments of a tool call in an event, as JSON; a question shows the whole call."""
_STEPS = (8192, 2048, 512, 128)


class Whole(BaseModel):
    """What was cut: the size in bytes and the SHA-256 of its JSON, with sorted keys and no spaces."""

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str


def shortened(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], Whole | None]:
    """Return arguments in at most `MOST_BYTES`, and what the whole is when something was cut.

    Long texts end in a mark that says how much is missing; so do long lists and objects.
    """
    whole = _json(arguments)
    if len(whole) <= MOST_BYTES:
        return dict(arguments), None
    told = Whole(size=len(whole), sha256=hashlib.sha256(whole).hexdigest())
    for most in _STEPS:
        found = cast("dict[str, Any]", _cut(arguments, most))
        if len(_json(found)) <= MOST_BYTES:
            return found, told
    return {"…": f"{len(arguments)} arguments in {len(whole)} bytes"}, told


def shortened_text(text: str, most: int = MOST_BYTES) -> str:
    """Return a text of at most about `most` characters; a longer one ends in a mark with what is missing."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most} more characters)"


def _cut(value: Any, most: int) -> Any:
    if isinstance(value, str):
        return shortened_text(value, most)
    entries = max(most // 64, 4)
    if isinstance(value, Mapping):
        items = list(cast("Mapping[str, Any]", value).items())
        kept = {shortened_text(key, most): _cut(item, most) for key, item in items[:entries]}
        return kept if len(items) <= entries else {**kept, "…": f"({len(items) - entries} more)"}
    if isinstance(value, list | tuple):
        listed = list(cast("list[Any]", value))
        kept_items = [_cut(item, most) for item in listed[:entries]]
        return kept_items if len(listed) <= entries else [*kept_items, f"… ({len(listed) - entries} more)"]
    return value


def _json(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "surrogatepass")
