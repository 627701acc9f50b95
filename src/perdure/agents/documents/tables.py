"""Finding tables: by the rules drawn around them, by rules above and below, or by columns that line up."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from perdure.agents.documents.geometry import Box, Rule, Segment, Word, around, rows_of

_TOUCH_PT = 2.5
_FILLED = 0.5
_CELL_CHARS = 32
_NUMBER = re.compile(
    r"[-+\u2212\u2013±(]?[$€£]?\d[\d.,:/]*\s?(?:%|\)|[a-zA-Z]{1,3})?(?:\s?±\s?\d[\d.]*)?|[-\u2013\u2014]"
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its rows of cells, all of the same length, the first one its header."""

    box: Box
    rows: tuple[tuple[str, ...], ...]
    members: tuple[Segment, ...]
    """The pieces of text it took."""


def drawn_tables(rules: Sequence[Rule], pieces: Sequence[Segment]) -> list[Table]:
    """Return the tables that rules tell of: grids, and rows between rules of one width."""
    across = _merged([rule.box for rule in rules if rule.across])
    down = [rule.box for rule in rules if not rule.across]
    found: list[Table] = []
    free = list(across)
    for lines, posts in _grids(across, down):
        table = _from_grid(lines, posts, pieces)
        if table is not None:
            found.append(table)
            free = [line for line in free if line not in lines]
    for lines in _same_width(free):
        found += [
            table
            for table in _between_rules(lines, pieces)
            if not any(other.box.holds(table.box) for other in found)
        ]
    return found


def aligned_table(rows: Sequence[Sequence[Segment]]) -> Table | None:
    """Return the table that rows of pieces make without any rule, if they clearly make one."""
    pieces = [piece for row in rows for piece in row]
    if len(rows) < 3:
        return None
    edges = _columns([piece.box for piece in pieces], 0.8 * median(piece.size for piece in pieces))
    if len(edges) < 2:
        return None
    table = _table([[Word(piece.text, piece.box) for piece in row] for row in rows], edges, pieces)
    if table is None or (len(edges) < 3 and _numbers(table.rows[1:]) < 0.6):
        return None
    return table


def _numbers(rows: Sequence[Sequence[str]]) -> float:
    cells = [cell for row in rows for cell in row[1:] if cell]
    return sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) / len(cells) if cells else 0.0


def _merged(lines: list[Box]) -> list[Box]:
    """Join the parts of a line that was drawn cell by cell."""
    merged: list[Box] = []
    for line in sorted(lines, key=lambda line: (round(line.cy), line.x0)):
        last = merged[-1] if merged else None
        if last and abs(last.cy - line.cy) < 1.5 and line.x0 <= last.x1 + _TOUCH_PT:
            merged[-1] = Box(last.x0, min(last.y0, line.y0), max(last.x1, line.x1), max(last.y1, line.y1))
        else:
            merged.append(line)
    return merged


def _grids(across: list[Box], down: list[Box]) -> list[tuple[list[Box], list[Box]]]:
    """Return the groups of lines across and down that touch each other."""
    waiting: list[Box] = list(across)
    posts: list[Box] = list(down)
    groups: list[tuple[list[Box], list[Box]]] = []
    while waiting:
        lines: list[Box] = [waiting.pop()]
        found: list[Box] = []
        grown = True
        while grown:
            near = [post for post in posts if any(_touch(line, post) for line in lines)]
            posts = [post for post in posts if post not in near]
            found += near
            more = [line for line in waiting if any(_touch(line, post) for post in found)]
            waiting = [line for line in waiting if line not in more]
            lines += more
            grown = bool(near or more)
        if len(lines) >= 2 and len(found) >= 2:
            groups.append((lines, found))
    return groups


def _touch(line: Box, post: Box) -> bool:
    return (
        line.x0 - _TOUCH_PT <= post.cx <= line.x1 + _TOUCH_PT
        and post.y0 - _TOUCH_PT <= line.cy <= post.y1 + _TOUCH_PT
    )


def _from_grid(lines: list[Box], posts: list[Box], pieces: Sequence[Segment]) -> Table | None:
    xs = _distinct([post.cx for post in posts])
    ys = _distinct([line.cy for line in lines])
    if len(xs) < 3 or len(ys) < 2:
        return None
    region = Box(xs[0], ys[0], xs[-1], ys[-1])
    members = [piece for piece in pieces if region.holds(piece.box, 1.0)]
    words = [word for piece in members for word in piece.words if region.holds(word.box, 1.0)]
    edges = list(itertools.pairwise(xs))
    rows: list[list[Word]] = []
    for top, bottom in itertools.pairwise(ys):
        inside = [word for word in words if top <= word.box.cy < bottom]
        lines_of_text = rows_of(inside)
        split = len(lines_of_text) > 1 and all(
            len({_column(word, edges) for word in line}) > len(edges) / 2 for line in lines_of_text
        )
        rows += lines_of_text if split else [inside]
    return _table(rows, edges, members, region, long_cells=True)


def _same_width(lines: list[Box]) -> list[list[Box]]:
    groups: list[list[Box]] = []
    for line in sorted(lines, key=lambda line: line.y0):
        for group in groups:
            if abs(group[0].x0 - line.x0) < 4 and abs(group[0].x1 - line.x1) < 4:
                group.append(line)
                break
        else:
            groups.append([line])
    return [group for group in groups if len(group) >= 2]


def _between_rules(lines: list[Box], pieces: Sequence[Segment]) -> list[Table]:
    """Return the tables in the spaces between rules; a space with running text ends one."""
    found: list[Table] = []
    run: list[list[Segment]] = []
    for upper, lower in itertools.pairwise(lines):
        space = Box(upper.x0, upper.cy, upper.x1, lower.cy)
        inside = [piece for piece in pieces if space.holds(piece.box, 1.0)]
        if _looks_tabular(inside):
            run.append(inside)
        else:
            found += _from_spaces(run)
            run = []
    return found + _from_spaces(run)


def _looks_tabular(pieces: list[Segment]) -> bool:
    if not pieces:
        return False
    words = [word.box for piece in pieces for word in piece.words]
    return len(_columns(words, 0.9 * median(piece.size for piece in pieces))) >= 2


def _from_spaces(spaces: list[list[Segment]]) -> list[Table]:
    members = [piece for space in spaces for piece in space]
    if not members:
        return []
    # A header may reach over several columns, so the columns are those of the rows below it.
    body = [piece for space in spaces[1:] for piece in space] or members
    gap = 0.7 * median(piece.size for piece in members)
    edges = _columns([word.box for piece in body for word in piece.words], gap)
    words = [word for piece in members for word in piece.words]
    table = _table(rows_of(words), edges, members)
    return [table] if table is not None else []


def _columns(boxes: Sequence[Box], gap: float) -> list[tuple[float, float]]:
    """Return the intervals across that boxes cover, apart by at least `gap`."""
    edges: list[tuple[float, float]] = []
    for box in sorted(boxes, key=lambda box: box.x0):
        if edges and box.x0 - edges[-1][1] < gap:
            edges[-1] = (edges[-1][0], max(edges[-1][1], box.x1))
        else:
            edges.append((box.x0, box.x1))
    return edges


def _column(word: Word, edges: Sequence[tuple[float, float]]) -> int:
    centre = word.box.cx
    return min(range(len(edges)), key=lambda i: max(edges[i][0] - centre, centre - edges[i][1], 0.0))


def _table(
    rows: Sequence[Sequence[Word]],
    edges: Sequence[tuple[float, float]],
    members: Sequence[Segment],
    region: Box | None = None,
    *,
    long_cells: bool = False,
) -> Table | None:
    """Return the table if its cells are mostly filled and none reads like running text."""
    cells: list[tuple[str, ...]] = []
    for row in rows:
        if not row:
            continue
        texts: list[list[str]] = [[] for _ in edges]
        for word in [word for line in rows_of(row) for word in line]:
            texts[_column(word, edges)].append(word.text)
        cells.append(tuple(" ".join(parts) for parts in texts))
    filled = [cell for row in cells for cell in row if cell]
    if len(edges) < 2 or len(cells) < 2 or len(filled) < _FILLED * len(edges) * len(cells):
        return None
    if not long_cells and median(len(cell) for cell in filled) > _CELL_CHARS:
        return None
    box = region or around(piece.box for piece in members)
    return Table(box, tuple(cells), tuple(members))


def _distinct(values: list[float]) -> list[float]:
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > _TOUCH_PT:
            found.append(value)
    return found
