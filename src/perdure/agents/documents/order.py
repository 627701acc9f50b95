"""The order in which the pieces of a page are read: bands across the page first, then column by column."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from perdure.agents.documents.geometry import AnyBoxed, Box, rows_of

_LINES_OF_A_COLUMN = 4
_NARROWEST_COLUMN = 0.2
_FILLED = 0.5
_SLACK_PT = 1.0
_TRUSTED_JUMPS = 3
_TRUSTED_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class _Gap:
    """The room between a piece and the next one to its right."""

    left: Box
    right: Box

    def holds(self, x: float) -> bool:
        return self.left.x1 < x < self.right.x0


def by_position(items: Sequence[AnyBoxed]) -> list[AnyBoxed]:
    """Return the items in reading order, told from their places alone."""
    x = _gutter([item.box for item in items])
    if x is None:
        return [item for row in rows_of(items) for item in row]
    bands = [item for item in items if item.box.x0 < x - _SLACK_PT and item.box.x1 > x + _SLACK_PT]
    rest = [item for item in items if item not in bands]
    ordered: list[AnyBoxed] = []
    for row in rows_of(bands):
        top = min(item.box.cy for item in row)
        above = [item for item in rest if item.box.cy < top]
        rest = [item for item in rest if item.box.cy >= top]
        ordered += _columns(above, x) + row
    return ordered + _columns(rest, x)


def best_order(stream: Sequence[AnyBoxed]) -> list[AnyBoxed]:
    """Return the order of the file where it can be trusted, and else the order of the places.

    A file that goes down one column and then down the next jumps back once per column, whatever its
    places suggest; one that goes back and forth between columns jumps back at nearly every line.
    """
    ordered = by_position(stream)
    rank = {id(item): number for number, item in enumerate(ordered)}
    jumps = sum(rank[id(b)] < rank[id(a)] for a, b in itertools.pairwise(stream))
    most = max(min(_TRUSTED_JUMPS, len(stream) // 6), _TRUSTED_SHARE * len(stream))
    return list(stream) if jumps <= most else ordered


def _columns(items: list[AnyBoxed], x: float) -> list[AnyBoxed]:
    left = [item for item in items if item.box.cx < x]
    right = [item for item in items if item.box.cx >= x]
    if not left or not right:
        return [item for row in rows_of(items) for item in row]
    return by_position(left) + by_position(right)


def _gutter(boxes: list[Box]) -> float | None:
    """Return where most lines leave the same room between two columns of running text."""
    if len(boxes) < 2 * _LINES_OF_A_COLUMN:
        return None
    left, right = min(box.x0 for box in boxes), max(box.x1 for box in boxes)
    gaps = _gaps(boxes)
    candidates = {(gap.left.x1 + gap.right.x0) / 2 for gap in gaps}
    margin = _NARROWEST_COLUMN * (right - left)
    voted = [(sum(gap.holds(x) for gap in gaps), x) for x in candidates if left + margin < x < right - margin]
    for votes, x in sorted(voted, reverse=True):
        if votes < _LINES_OF_A_COLUMN:
            return None
        if _is_running_text([gap for gap in gaps if gap.holds(x)], x):
            return x
    return None


def _is_running_text(gaps: list[_Gap], x: float) -> bool:
    """Whether the lines on both sides fill their columns, as the cells of a table do not."""
    start = min(gap.left.x0 for gap in gaps)
    end = max(gap.right.x1 for gap in gaps)
    left = median(gap.left.width for gap in gaps) / max(x - start, 1.0)
    right = median(gap.right.width for gap in gaps) / max(end - x, 1.0)
    long_lines = median(min(gap.left.width, gap.right.width) / max(gap.left.height, 1.0) for gap in gaps) > 6
    return left > _FILLED and right > _FILLED and long_lines


def _gaps(boxes: list[Box]) -> list[_Gap]:
    found: list[_Gap] = []
    across = sorted(boxes, key=lambda box: box.x0)
    for box in boxes:
        neighbour = next((other for other in across if other.x0 >= box.x1 and box.beside(other) > 0.3), None)
        if neighbour is not None:
            found.append(_Gap(box, neighbour))
    return found
