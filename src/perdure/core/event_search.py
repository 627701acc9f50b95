"""What a search over a log finds: words in what an event says, never in the names of its fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from perdure.core.events import Console


def says(event_type: str, payload: Mapping[str, Any], words: str) -> bool:
    """Whether the type or any text in the payload has `words` in it, or a number is just that; case does not matter.

    What was printed is looked at alone, not the stream that it came from.
    """
    wanted = words.lower()
    if event_type == Console.type:
        return _holds(payload["lines"], wanted)
    return wanted in event_type or _holds(payload, wanted)


def _holds(value: Any, wanted: str) -> bool:
    if isinstance(value, str):
        return wanted in value.lower()
    if isinstance(value, Mapping):
        return any(_holds(each, wanted) for each in cast("Mapping[str, Any]", value).values())
    if isinstance(value, Sequence):
        return any(_holds(each, wanted) for each in cast("Sequence[Any]", value))
    return isinstance(value, int | float) and not isinstance(value, bool) and wanted == str(value)
