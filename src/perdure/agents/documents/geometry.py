"""Boxes and pieces of text on an upright page. Units are points (1/72 inch), the origin is at the top left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; `y` grows downwards."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """Points from left to right."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Points from top to bottom."""
        return self.y1 - self.y0

    @property
    def cx(self) -> float:
        """The middle, across."""
        return (self.x0 + self.x1) / 2

    @property
    def cy(self) -> float:
        """The middle, down."""
        return (self.y0 + self.y1) / 2

    def beside(self, other: Box) -> float:
        """Return which share of the lower one's height lies at the height of the other."""
        shared = min(self.y1, other.y1) - max(self.y0, other.y0)
        return shared / max(min(self.height, other.height), 0.01)

    def holds(self, other: Box, slack: float = 0.0) -> bool:
        """Whether the middle of the other lies within this one."""
        return (
            self.x0 - slack <= other.cx <= self.x1 + slack and self.y0 - slack <= other.cy <= self.y1 + slack
        )

    def with_(self, other: Box) -> Box:
        """Return the box around this one and another."""
        return Box(
            self.x0 if self.x0 < other.x0 else other.x0,
            self.y0 if self.y0 < other.y0 else other.y0,
            self.x1 if self.x1 > other.x1 else other.x1,
            self.y1 if self.y1 > other.y1 else other.y1,
        )

    def rounded(self) -> list[float]:
        """Return the four numbers as they are stored."""
        return [round(self.x0, 1), round(self.y0, 1), round(self.x1, 1), round(self.y1, 1)]


def around(boxes: Iterable[Box]) -> Box:
    """Return the box around all of them; there must be one."""
    found = list(boxes)
    return Box(
        min(box.x0 for box in found),
        min(box.y0 for box in found),
        max(box.x1 for box in found),
        max(box.y1 for box in found),
    )


class Boxed(Protocol):
    """Anything with a place on the page."""

    @property
    def box(self) -> Box:
        """Where it is."""
        ...


AnyBoxed = TypeVar("AnyBoxed", bound=Boxed)


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or what recognition took for one, with its place."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of one line of text without wide gaps in it."""

    text: str
    box: Box
    size: float
    """Font size in points; for recognised text, what its height suggests."""
    bold: bool = False
    words: tuple[Word, ...] = ()
    confidence: float | None = None
    """0 to 1 for recognised text, None for text that the file itself holds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line drawn on the page, across or down."""

    box: Box
    across: bool


def rows_of(items: Sequence[AnyBoxed]) -> list[list[AnyBoxed]]:
    """Return what stands at one height together, each row from left to right, rows from top to bottom."""
    rows: list[list[AnyBoxed]] = []
    for item in sorted(items, key=lambda item: item.box.cy):
        for row in rows[-3:]:
            if row[0].box.beside(item.box) > 0.5 and row[-1].box.beside(item.box) > 0.5:
                row.append(item)
                break
        else:
            rows.append([item])
    for row in rows:
        row.sort(key=lambda item: item.box.x0)
    return sorted(rows, key=lambda row: min(item.box.y0 for item in row))
