"""Parts of the shapes that agents hand over, for shapes that are made at run time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

ASCII = r"^[ !#-\[\]-~]+$"
"""Text on one line; small models that are cut short otherwise fall into other scripts."""


def one_of(words: Sequence[str]) -> Any:
    """Return the type of exactly these words."""
    literal: Any = Literal
    return literal[tuple(words)]


def list_of(shape: type[Any]) -> Any:
    """Return the type of a list of that shape."""
    plain: Any = list
    return plain[shape]
