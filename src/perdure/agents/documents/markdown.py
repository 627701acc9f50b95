"""Text into Markdown, so that it shows as it stood on the page."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SPECIAL = re.compile(r"[\\`*\[\]<|]|(?<![^\W_])_|_(?![^\W_])")
_AT_START = re.compile(r"^(?:(#{1,6}\s)|([-+>])(?=\s)|(\d{1,9})([.)])(?=\s)|(={3,}|-{3,})$)")


def escaped(text: str) -> str:
    """Return the text with what Markdown would take for marks escaped."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)


def paragraph(text: str) -> str:
    """Return a paragraph that stays one, whatever it begins with."""

    def guard(found: re.Match[str]) -> str:
        number, dot = found[3], found[4]
        return f"{number}\\{dot}" if number else "\\" + found[0]

    return _AT_START.sub(guard, text)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first row is its header."""
    header, *body = [[escaped(cell) for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
