"""Pages that are pictures: rendered, turned upright, recognised, and put into reading order."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import numpy as np

from perdure.agents.documents.bullets import with_lost_bullets
from perdure.agents.documents.flow import Style, blocks_of
from perdure.agents.documents.geometry import Box, Segment, Word
from perdure.agents.documents.limits import PageTooLarge
from perdure.agents.documents.model import Page
from perdure.agents.documents.order import by_position
from perdure.agents.documents.recognition import Found, Recogniser, mean_score
from perdure.agents.documents.rules import drawn_lines
from perdure.agents.documents.tables import Table, drawn_tables

_GOOD_SCORE = 0.9
_TRIED_LINES = 8
_MARGIN = 0.05
"""By how much better a page must read upside down to be turned; a bad scan reads badly both ways."""
_FONT_HEIGHT = 0.8
"""Font size over the height of a recognised line, roughly."""
_HEADINGS = (1.7, 1.25)
_RUNNING = 1.22
"""Lines up to so many times the usual size are taken to be of that size: heights are rough."""


def page_of(page: Any, number: int, recogniser: Recogniser, *, dpi: int, most_pixels: int) -> Page:
    """Recognise a PDFium page.

    Raises:
        PageTooLarge: when the page would have more than `most_pixels` pixels.
    """
    picture = _render(page, number, dpi, most_pixels)
    lines = recogniser.lines(picture)
    quarters = 0
    if lines and _looks_turned(lines):
        quarters = _quarters(picture, lines, recogniser)
        if quarters:
            picture = np.rot90(picture, quarters).copy()
            lines = recogniser.lines(picture)
    points = 72 / dpi
    body, sizes = _sizes(lines, points)
    skew = _skew(lines)
    pieces = _straightened(lines, sizes, skew, points)
    tables = drawn_tables(drawn_lines(picture, skew, points), pieces)
    taken = {id(piece) for table in tables for piece in table.members}
    items: list[Segment | Table] = [*tables, *(piece for piece in pieces if id(piece) not in taken)]
    blocks = with_lost_bullets(blocks_of(by_position(items), Style(body, _HEADINGS)))
    height, width = picture.shape[:2]
    return Page(number, "scan", (360 - 90 * quarters) % 360, width * points, height * points, blocks)


def _render(page: Any, number: int, dpi: int, most_pixels: int) -> Any:
    width, height = page.get_size()
    pixels = width * height * (dpi / 72) ** 2
    if pixels > most_pixels:
        raise PageTooLarge(
            f"page {number} is {width / 72:,.0f} by {height / 72:,.0f} inches: {pixels / 1e6:,.0f} million "
            f"pixels at {dpi} dpi, more than the limit of {most_pixels / 1e6:,.0f} million",
            page=number,
        )
    bitmap = page.render(scale=dpi / 72)
    try:
        return bitmap.to_numpy()[:, :, :3].copy()
    finally:
        bitmap.close()


def _looks_turned(lines: list[Found]) -> bool:
    lying = sum(len(line.text) for line in lines if line.lies)
    return mean_score(lines) < _GOOD_SCORE or lying < 0.5 * sum(len(line.text) for line in lines)


def _quarters(picture: Any, lines: list[Found], recogniser: Recogniser) -> int:
    """Return by how many quarters, counter-clockwise, the picture has to be turned to be upright.

    A line was read as it lies, or a standing one from bottom to top; what is left is to read a few of the
    longest from their other ends.
    """
    lying = 2 * sum(len(line.text) for line in lines if line.lies) >= sum(len(line.text) for line in lines)
    alike = sorted((line for line in lines if line.lies == lying), key=lambda line: line.extent)
    tried = alike[-_TRIED_LINES:]
    better = recogniser.from_other_end(picture, tried) > mean_score(tried) + (_MARGIN if lying else 0.0)
    return (2 if better else 0) if lying else (3 if better else 1)


def _sizes(lines: list[Found], points: float) -> tuple[float, list[float]]:
    """Return the font size of running text and of each line, told from height and width of letters.

    Either alone misleads: a line without descenders is lower, a bold or capital one is wider.
    """
    if not lines:
        return 10.0, []
    heights = [min(line.length, line.height) for line in lines]
    widths = [
        max(max(line.length, line.height) - 0.4 * height, 1.0) / len(line.text)
        for line, height in zip(lines, heights, strict=True)
    ]
    letters = [len(line.text) for line in lines]
    usual_height, usual_width = _weighted_median(heights, letters), _weighted_median(widths, letters)
    body = usual_height * points * _FONT_HEIGHT
    sizes: list[float] = []
    for height, width in zip(heights, widths, strict=True):
        ratio = math.sqrt(height / usual_height * width / usual_width)
        sizes.append(body if ratio < _RUNNING else body * ratio)
    return body, sizes


def _weighted_median(values: list[float], weights: list[int]) -> float:
    return median([value for value, weight in zip(values, weights, strict=True) for _ in range(weight)])


def _skew(lines: list[Found]) -> float:
    """Return the angle, in radians, by which the page has to be turned to lie straight."""
    long_ones = [line for line in lines if line.length > 4 * line.height] or lines
    angles = [line.angle for line in long_ones if abs(line.angle) < 30]
    return math.radians(-median(angles)) if angles else 0.0


def _straightened(lines: list[Found], sizes: list[float], skew: float, points: float) -> list[Segment]:
    """Return the lines as if the page had lain straight, in points."""
    cos, sin = math.cos(skew), math.sin(skew)
    pieces: list[Segment] = []
    for line, size in zip(lines, sizes, strict=True):
        x, y = line.centre
        cx, cy = (x * cos - y * sin) * points, (x * sin + y * cos) * points
        across, down = line.length * points / 2, line.height * points / 2
        if not line.lies:
            across, down = down, across
        box = Box(cx - across, cy - down, cx + across, cy + down)
        pieces.append(Segment(line.text, box, size, False, (Word(line.text, box),), line.score))
    return pieces
