"""New ids for a copy: every id of the original, wherever it stands in stored values, gets one new id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from perdure.ids import new_id

_IN_JSON = re.compile(r'(?<!\\)"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=[":])')


class Renaming:
    """A growing table from old ids to new ones."""

    def __init__(self) -> None:
        self._new: dict[str, str] = {}

    def add(self, old: str, new: str | None = None) -> str:
        """Give an id its new one, chosen or fresh; known before, it keeps the one it has."""
        return self._new.setdefault(old, new or new_id())

    def add_all(self, ids: Iterable[str]) -> None:
        """Give each id a fresh one, in this order."""
        for old in ids:
            self.add(old)

    def __contains__(self, old: str) -> bool:
        return old in self._new

    def __getitem__(self, old: str) -> str:
        return self._new[old]

    def get(self, old: str | None) -> str | None:
        """Return the new id; an id that is not in the table has none."""
        return None if old is None else self._new.get(old)

    def value(self, value: Any) -> Any:
        """Return a JSON value with all ids in it renamed: those that are a whole text, or its part before a colon."""
        if isinstance(value, str):
            return self._word(value)
        if isinstance(value, list):
            return [self.value(item) for item in cast("list[Any]", value)]
        if isinstance(value, dict):
            return {self._word(k): self.value(v) for k, v in cast("dict[str, Any]", value).items()}
        return value

    def json(self, text: str) -> str:
        """Do the same to compact JSON text without reading it."""
        return _IN_JSON.sub(lambda found: f'"{self._new.get(found[1], found[1])}', text)

    def _word(self, word: str) -> str:
        first, colon, rest = word.partition(":")
        known = self._new.get(first)
        return word if known is None else known + colon + rest
