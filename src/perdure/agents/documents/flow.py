"""From pieces of text in reading order to headings, paragraphs, lists and tables."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from perdure.agents.documents import markdown
from perdure.agents.documents.geometry import Box, Segment, around
from perdure.agents.documents.model import Block, BlockKind, TextLine
from perdure.agents.documents.tables import Table, aligned_table

DOUBTFUL = 0.8
"""Recognised lines below this confidence are put between `[?` and `?]` in Markdown."""

_BULLET = re.compile(r"^(?:[•◦▪▫‣●○■\u2013\u2014*·\uf0b7]|-(?=\s))\s*(?=\S)")
_NUMBERED = re.compile(r"^\(?(\d{1,3}|[a-z]|[ivx]{1,4})[.)]\s+(?=\S)")
_HYPHEN_END = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010]$")
_SENTENCE_END = re.compile(r"[.!?:;\u2026][\"'\u201d\u2019)\]]*$")
_LEADER_END = re.compile(r"(?:\. ?){4,}\s*[\divxlc]+$")
_HEADING_CHARS = 200


@dataclass(frozen=True, slots=True)
class Line:
    """Pieces at one height that are read together."""

    pieces: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """The pieces with a space between them."""
        return " ".join(piece.text for piece in self.pieces)

    @property
    def box(self) -> Box:
        """The box around them."""
        return around(piece.box for piece in self.pieces)

    @property
    def size(self) -> float:
        """The size of most of it."""
        return max(self.pieces, key=lambda piece: len(piece.text)).size

    @property
    def bold(self) -> bool:
        """Whether all of it is bold."""
        return all(piece.bold for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Style:
    """What is told from a whole document or page: the size of running text, and how much more is a heading."""

    body_size: float
    headings: tuple[float, ...] = (1.55, 1.25, 1.12)
    """Sizes, as multiples of the body's, from which on a line is a heading of level 1, 2 and so on."""


def blocks_of(items: Sequence[Segment | Table], style: Style) -> list[Block]:
    """Return the blocks that the pieces make, which stand in reading order."""
    lines = _with_aligned_tables(_lines(items))
    pitch = _pitch(lines)
    blocks: list[Block] = []
    open_lines: list[Line] = []
    for item, following in itertools.pairwise([*lines, None]):
        assert item is not None
        if isinstance(item, Table):
            blocks += _closed(open_lines, style)
            blocks.append(_table_block(item))
            open_lines = []
        elif open_lines and not _continues(open_lines, item, following, style, pitch):
            blocks += _closed(open_lines, style)
            open_lines = [item]
        else:
            open_lines.append(item)
    return blocks + _closed(open_lines, style)


def body_size(pieces: Sequence[Segment]) -> float:
    """Return the size that most characters have."""
    weight: dict[float, int] = {}
    for piece in pieces:
        size = round(piece.size * 2) / 2
        weight[size] = weight.get(size, 0) + len(piece.text)
    return max(weight, key=lambda size: weight[size]) if weight else 10.0


def _lines(items: Sequence[Segment | Table]) -> list[Line | Table]:
    lines: list[Line | Table] = []
    for item in items:
        last = lines[-1] if lines else None
        if isinstance(item, Table):
            lines.append(item)
        elif isinstance(last, Line) and _same_line(last, item):
            lines[-1] = Line((*last.pieces, item))
        else:
            lines.append(Line((item,)))
    return lines


def _same_line(line: Line, piece: Segment) -> bool:
    box = line.pieces[-1].box
    return box.beside(piece.box) > 0.5 and piece.box.x0 >= box.x1 - 0.5 * piece.size


def _with_aligned_tables(lines: list[Line | Table]) -> list[Line | Table]:
    found: list[Line | Table] = []
    run: list[Line] = []
    for line in [*lines, None]:
        if isinstance(line, Line) and len(line.pieces) >= 2:
            run.append(line)
            continue
        table = aligned_table([each.pieces for each in run])
        found += [table] if table is not None else run
        run = []
        if line is not None:
            found.append(line)
    return found


def _pitch(lines: Sequence[Line | Table]) -> float:
    """Return the usual distance from one line to the next, as a multiple of the font size."""
    steps = [
        (below.box.cy - above.box.cy) / above.size
        for above, below in itertools.pairwise(lines)
        if isinstance(above, Line) and isinstance(below, Line) and abs(above.size - below.size) < 0.6
    ]
    near = sorted(step for step in steps if 0.7 < step < 2.2)
    return near[len(near) // 4] if near else 1.2  # the wider ones are those between paragraphs


def _continues(
    lines: list[Line], line: Line, following: Line | Table | None, style: Style, pitch: float
) -> bool:
    """Whether the line goes on with what the lines before it began."""
    last, text = lines[-1], line.text
    if _is_item(text) or abs(last.size - line.size) > 0.08 * last.size + 0.3:
        return False
    level = _level(last, style)
    if level != _level(line, style) or last.bold != line.bold:
        return False
    step = (line.box.cy - last.box.cy) / last.size
    if step < 0:  # the next column
        return not level and not _SENTENCE_END.search(last.text) and text[:1].islower()
    if step > 1.35 * pitch + 0.1:
        return False
    if level:
        return True
    indent = line.box.x0 - last.box.x0
    if _is_item(lines[0].text):
        return line.box.x0 > lines[0].box.x0 + 0.3 * line.size
    ends_early = last.box.width < 0.85 * max(each.box.width for each in [*lines, line])
    sentence_over = bool(_SENTENCE_END.search(last.text)) and text[:1].isupper()
    if indent > 0.8 * line.size and (sentence_over or len(lines) > 1):
        return False
    return not (ends_early and sentence_over) and not _ended_on_purpose(lines, line, following)


def _ended_on_purpose(lines: list[Line], line: Line, following: Line | Table | None) -> bool:
    """Whether the last line ended although the next word would have fitted, as in a list of names or a program."""
    last = lines[-1]
    if _LEADER_END.search(last.text):
        return True
    right = max(each.box.x1 for each in [*lines, line])
    if isinstance(following, Line) and abs(following.box.x0 - line.box.x0) < 0.5 * line.size:
        right = max(right, following.box.x1)
    word = line.text.partition(" ")[0]
    width = line.box.width * (len(word) + 1) / max(len(line.text), 1)
    return last.box.x1 + width + line.size < right


def _closed(lines: list[Line], style: Style) -> list[Block]:
    if not lines:
        return []
    text = _joined([line.text for line in lines])
    level = _level(lines[0], style)
    bullet, numbered = _BULLET.match(text), _NUMBERED.match(text)
    if level and len(text) <= _HEADING_CHARS:
        return [_block("heading", lines, text, "#" * level + " " + _marked(lines))]
    if bullet:
        return [_block("list_item", lines, text, "- " + _marked(lines, bullet.end()))]
    if numbered and numbered[1].isdigit():
        return [_block("list_item", lines, text, f"{numbered[1]}. " + _marked(lines, numbered.end()))]
    if numbered:
        return [_block("list_item", lines, text, "- " + _marked(lines))]
    return [_block("paragraph", lines, text, markdown.paragraph(_marked(lines)))]


def _marked(lines: Sequence[Line], skip: int = 0) -> str:
    """Return the lines as Markdown without the first `skip` characters, doubtful pieces marked."""
    parts: list[str] = []
    for line in lines:
        shown: list[str] = []
        for piece in line.pieces:
            text, skip = piece.text[skip:], max(0, skip - len(piece.text) - 1)
            doubtful = text and piece.confidence is not None and piece.confidence < DOUBTFUL
            shown.append(f"[?{markdown.escaped(text)}?]" if doubtful else markdown.escaped(text))
        parts.append(" ".join(text for text in shown if text))
    return _joined([part for part in parts if part])


def _joined(lines: Sequence[str]) -> str:
    """Join lines; a word that was divided at the end of a line becomes one again."""
    text = ""
    for line in lines:
        if text and _HYPHEN_END.search(text[-2:]) and (line[:1].islower() or _is_capitals(text, line)):
            text = text[:-1] + line
        else:
            text = f"{text} {line}" if text else line
    return text


def _is_capitals(before: str, after: str) -> bool:
    first, second = before.split()[-1].rstrip("-"), after.split()[0]
    return len(first) > 1 and len(second) > 1 and first.isupper() and second.isupper()


def _level(line: Line, style: Style) -> int:
    """Return the level of heading that a line looks like, 0 for running text."""
    ratio = line.size / style.body_size
    for level, least in enumerate(style.headings, start=1):
        if ratio >= least and any(letter.isalpha() for letter in line.text):
            return level
    short = len(line.text) <= 80 and not _SENTENCE_END.search(line.text)
    return len(style.headings) if line.bold and short and ratio > 0.95 else 0


def _is_item(text: str) -> bool:
    return bool(_BULLET.match(text) or _NUMBERED.match(text))


def _block(kind: BlockKind, lines: Sequence[Line], text: str, shown: str) -> Block:
    pieces = [piece for line in lines for piece in line.pieces]
    box = around(piece.box for piece in pieces)
    return Block(kind, box, text, shown, _confidence(pieces), _scored(pieces))


def _table_block(table: Table) -> Block:
    text = "\n".join("\t".join(row) for row in table.rows)
    return Block(
        "table",
        table.box,
        text,
        markdown.table(table.rows),
        _confidence(table.members),
        _scored(table.members),
        table.rows,
    )


def _confidence(pieces: Sequence[Segment]) -> float | None:
    scored = [(piece.confidence, len(piece.text)) for piece in pieces if piece.confidence is not None]
    total = sum(length for _, length in scored)
    return sum(score * length for score, length in scored) / total if total else None


def _scored(pieces: Sequence[Segment]) -> tuple[TextLine, ...]:
    return tuple(
        TextLine(piece.text, piece.box, piece.confidence) for piece in pieces if piece.confidence is not None
    )
