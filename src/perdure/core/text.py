"""Text that any database takes."""

from __future__ import annotations

import re
from typing import Any, cast

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> Any:
    """Return a JSON value with NUL and halves of characters in its texts replaced by U+FFFD."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [storable(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in cast("dict[Any, Any]", value).items()}
    return value
