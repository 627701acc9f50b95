"""Straight lines in a picture of a page, such as those of a table."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np

from perdure.agents.documents.geometry import Box, Rule

_cv2: Any = importlib.import_module("cv2")

_ACROSS_PT = 40.0
_DOWN_PT = 11.0
"""Shortest lines: longer than a letter is wide, or high."""
_THICKEST_PT = 3.0
_MOST_LINES = 2_000


def drawn_lines(picture: Any, skew: float, points: float) -> list[Rule]:
    """Return the lines of a picture once it is turned by `skew` radians about its top left, in points."""
    grey = _cv2.cvtColor(np.ascontiguousarray(picture), _cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    cos, sin = math.cos(skew), math.sin(skew)
    left, top = height * abs(sin), width * abs(sin)  # nothing is to be turned out of the picture
    turn = np.array([[cos, -sin, left], [sin, cos, top]])
    size = (int(width + 2 * left), int(height + 2 * top))
    straight = _cv2.warpAffine(grey, turn, size, borderValue=255) if skew else grey
    if not skew:
        left = top = 0.0
    _, ink = _cv2.threshold(straight, 0, 255, _cv2.THRESH_BINARY_INV + _cv2.THRESH_OTSU)
    found: list[Rule] = []
    for across, shortest in ((True, _ACROSS_PT), (False, _DOWN_PT)):
        length = max(3, int(shortest / points))
        kernel = np.ones((1, length) if across else (length, 1), np.uint8)
        _, _, boxes, _ = _cv2.connectedComponentsWithStats(_cv2.morphologyEx(ink, _cv2.MORPH_OPEN, kernel))
        for x, y, w, h, _ in boxes[1 : _MOST_LINES + 1]:
            if min(w, h) * points <= _THICKEST_PT:
                x0, y0 = (x - left) * points, (y - top) * points
                found.append(Rule(Box(x0, y0, x0 + w * points, y0 + h * points), across))
    return found
