"""How much of a text was read rightly."""

from __future__ import annotations

import re

from rapidfuzz.distance import Levenshtein

_MARKS = re.compile(r"[\s#|*\\•-]+")


def folded(text: str) -> str:
    """Return the text without white space and Markdown's marks."""
    return _MARKS.sub("", text.replace("[?", "").replace("?]", ""))


def accuracy(read: str, written: str) -> float:
    """Return one minus the character error rate."""
    expected = folded(written)
    return 1 - Levenshtein.distance(folded(read), expected) / len(expected)


def table_rows(markdown: str) -> list[list[tuple[str, ...]]]:
    """Return the rows of each table of a Markdown text."""
    tables: list[list[tuple[str, ...]]] = []
    for block in markdown.split("\n\n"):
        lines = block.splitlines()
        if len(lines) > 2 and all(line.startswith("|") for line in lines):
            rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
            tables.append([rows[0], *rows[2:]])
    return tables
