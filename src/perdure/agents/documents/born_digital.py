"""Pages with a text layer: the file's own characters, put into lines, columns, tables and blocks."""

from __future__ import annotations

import ctypes
import importlib
import math
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from perdure.agents.documents.flow import Style, blocks_of, body_size
from perdure.agents.documents.geometry import Box, Rule, Segment, Word, around
from perdure.agents.documents.model import Block, Page
from perdure.agents.documents.order import best_order
from perdure.agents.documents.tables import Table, drawn_tables

pdfium: Any = importlib.import_module("pypdfium2.raw")

_BREAK_EM = 1.1
_SPACE_EM = 0.25
_SUGGESTED_SPACE_EM = 0.13
_MOST_PATHS = 20_000
_SAMPLED_CHAR = 7
_THIN_PT = 3.0
_SOFT_HYPHEN = 0x02
_NOTHING = (0x00, 0xFFFE, 0xFFFF)


@dataclass(frozen=True, slots=True)
class Upright:
    """Turns places of the file, whose origin is at the bottom left, into those of the upright page."""

    left: float
    bottom: float
    right: float
    top: float
    turn: int
    """Degrees clockwise that the text has to be turned by to be upright."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the upright page."""
        width, height = self.right - self.left, self.top - self.bottom
        return (height, width) if self.turn in (90, 270) else (width, height)

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """Return the box on the upright page."""
        if self.turn == 90:
            return Box(bottom - self.bottom, left - self.left, top - self.bottom, right - self.left)
        if self.turn == 270:
            return Box(self.top - top, self.right - right, self.top - bottom, self.right - left)
        if self.turn == 180:
            return Box(self.right - right, bottom - self.bottom, self.right - left, top - self.bottom)
        return Box(left - self.left, self.top - top, right - self.left, self.top - bottom)


@dataclass(slots=True)
class _Style:
    size: float
    bold: bool
    turn: int


@dataclass(slots=True)
class _Open:
    """A piece of a line that is being put together."""

    box: Box
    turn: int
    styles: list[_Style] = field(default_factory=list[_Style])
    """That of each letter."""
    words: list[Word] = field(default_factory=list[Word])
    letters: list[str] = field(default_factory=list[str])
    boxes: list[Box] = field(default_factory=list[Box])

    def end_word(self) -> None:
        if self.letters:
            self.words.append(Word("".join(self.letters), around(self.boxes)))
            self.letters, self.boxes = [], []

    def segment(self) -> Segment:
        sizes = Counter(style.size for style in self.styles)
        bold = sum(style.bold for style in self.styles) > 0.9 * len(self.styles)
        text = " ".join(word.text for word in self.words)
        return Segment(text, self.box, sizes.most_common(1)[0][0], bold, tuple(self.words))


def page_of(page: Any, textpage: Any, number: int, body: float | None = None) -> Page:
    """Read the text layer of a PDFium page; `body` is the size of the document's running text, if known."""
    keys = _object_keys(textpage)
    upright, turns = _upright(page, textpage, keys)
    pieces, aside = _pieces(textpage, keys, upright, turns)
    tables = drawn_tables(_rules(page, upright), pieces)
    style = Style(body or body_size(pieces))
    blocks = blocks_of(best_order(_with_tables(pieces, tables)), style)
    blocks += _aside(aside)
    width, height = upright.size
    return Page(number, "text", upright.turn, width, height, blocks)


def running_size(textpages: list[Any]) -> float | None:
    """Return the font size that most characters of these pages have, None when there are none."""
    sizes: Counter[float] = Counter()
    for textpage in textpages:
        for index in range(0, textpage.count_chars(), _SAMPLED_CHAR):
            if pdfium.FPDFText_GetTextObject(textpage, index):
                sizes[round(_size(textpage, index) * 2) / 2] += 1
    return sizes.most_common(1)[0][0] if sizes else None


def unreadable_share(textpage: Any) -> float:
    """Return the share of characters that the file gives no meaning for."""
    sample = range(0, textpage.count_chars(), _SAMPLED_CHAR)
    bad = sum(
        pdfium.FPDFText_HasUnicodeMapError(textpage.raw, index) == 1
        or 0xE000 <= pdfium.FPDFText_GetUnicode(textpage.raw, index) <= 0xF8FF
        for index in sample
    )
    return bad / len(sample) if sample else 0.0


def _upright(page: Any, textpage: Any, keys: list[int]) -> tuple[Upright, dict[int, int]]:
    """Return how the page is turned, and the turn of each text object."""
    turns: dict[int, int] = {}
    weight: Counter[int] = Counter()
    for index, key in enumerate(keys):
        if not key:
            continue
        if key not in turns:
            angle = math.degrees(pdfium.FPDFText_GetCharAngle(textpage, index))
            # PDFium measures clockwise: text that runs upwards has 270, and is turned by 90 to be upright.
            turns[key] = (360 - round(angle / 90) * 90) % 360
        weight[turns[key]] += 1
    turn = weight.most_common(1)[0][0] if weight else page.get_rotation()
    left, bottom, right, top = page.get_bbox()
    return Upright(left, bottom, right, top, turn), turns


def _pieces(
    textpage: Any, keys: list[int], upright: Upright, turns: dict[int, int]
) -> tuple[list[Segment], dict[int, list[Segment]]]:
    """Return the pieces of lines that stand upright, and those that are turned otherwise."""
    rect = pdfium.FS_RECTF()
    frames = {turn: replace(upright, turn=turn) for turn in (0, 90, 180, 270)}
    styles: dict[int, _Style] = {}
    opened: _Open | None = None
    found: list[_Open] = []
    space_suggested = False
    for index, key in enumerate(keys):
        code: int = pdfium.FPDFText_GetUnicode(textpage.raw, index)
        letter = "-" if code == _SOFT_HYPHEN else chr(code)
        if code in _NOTHING or not key or letter.isspace():
            space_suggested = space_suggested or letter.isspace()
            if opened is not None and key and letter.isspace():
                opened.end_word()
            continue
        if key not in styles:
            styles[key] = _Style(_size(textpage, index), _is_bold(textpage, index), turns.get(key, 0))
        style = styles[key]
        pdfium.FPDFText_GetLooseCharBox(textpage.raw, index, rect)
        box = frames[style.turn].box(rect.left, rect.bottom, rect.right, rect.top)
        if opened is None or not _goes_on(opened, style, box):
            if opened is not None:
                opened.end_word()
            opened = _Open(box, style.turn)
            found.append(opened)
        elif opened.letters:
            # PDFium suggests spaces beside letters that are set higher or lower, too.
            least = _SUGGESTED_SPACE_EM if space_suggested else _SPACE_EM
            if box.x0 - opened.boxes[-1].x1 > least * style.size:
                opened.end_word()
        space_suggested = False
        opened.box = opened.box.with_(box)
        opened.letters.append(letter)
        opened.boxes.append(box)
        opened.styles.append(style)
    if opened is not None:
        opened.end_word()
    pieces = [piece.segment() for piece in found if piece.turn == upright.turn]
    aside: dict[int, list[Segment]] = {}
    for piece in found:
        if piece.turn != upright.turn:
            aside.setdefault(piece.turn, []).append(piece.segment())
    return pieces, aside


def _goes_on(opened: _Open, style: _Style, box: Box) -> bool:
    last = opened.boxes[-1] if opened.boxes else (opened.words[-1].box if opened.words else opened.box)
    gap = box.x0 - last.x1
    if abs(box.x0 - last.x0) < 0.1 and abs(box.x1 - last.x1) < 0.1:
        return True  # the letters of a ligature all have its box
    return (
        opened.turn == style.turn
        and opened.box.beside(box) > 0.5
        and -0.6 * style.size < gap < _BREAK_EM * style.size
        and not (opened.styles[-1].bold != style.bold and gap > 0.6 * style.size)
    )


def _with_tables(pieces: list[Segment], tables: list[Table]) -> list[Segment | Table]:
    """Put each table where its first piece stands in the file."""
    taken = {id(piece): table for table in tables for piece in table.members}
    items: list[Segment | Table] = []
    for piece in pieces:
        table = taken.get(id(piece))
        if table is None:
            items.append(piece)
        elif table not in items:
            items.append(table)
    return items


def _aside(aside: dict[int, list[Segment]]) -> list[Block]:
    """Return the text that stands across the page, such as a stamp in its margin."""
    return [
        block
        for pieces in aside.values()
        for block in blocks_of(best_order(pieces), Style(max(piece.size for piece in pieces)))
    ]


def _rules(page: Any, upright: Upright) -> list[Rule]:
    """Return the straight lines of the page; a drawing with very many paths has none."""
    paths = list(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=1))
    if len(paths) > _MOST_PATHS:
        return []
    rules: list[Rule] = []
    for path in paths:
        box = upright.box(*path.get_bounds())
        if min(box.width, box.height) <= _THIN_PT:
            if max(box.width, box.height) > 4 * _THIN_PT:
                rules.append(Rule(box, across=box.width > box.height))
        elif _is_stroked(path):
            rules += _edges(path, upright)
    return rules


def _edges(path: Any, upright: Upright) -> list[Rule]:
    """Return the lines across and down that a drawn path is made of."""
    matrix = path.get_matrix()
    points: list[tuple[float, float]] = []
    rules: list[Rule] = []
    start: tuple[float, float] | None = None
    x, y = ctypes.c_float(), ctypes.c_float()
    for index in range(min(pdfium.FPDFPath_CountSegments(path), 1000)):
        segment = pdfium.FPDFPath_GetPathSegment(path, index)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        point = matrix.on_point(x.value, y.value)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        if kind == pdfium.FPDF_SEGMENT_MOVETO:
            start, points = point, [point]
            continue
        if kind == pdfium.FPDF_SEGMENT_LINETO and points:
            rules += _straight(points[-1], point, upright)
        points = [point]
        if pdfium.FPDFPathSegment_GetClose(segment) and start is not None:
            rules += _straight(point, start, upright)
    return rules


def _straight(a: tuple[float, float], b: tuple[float, float], upright: Upright) -> list[Rule]:
    box = upright.box(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1]))
    if max(box.width, box.height) <= 4 * _THIN_PT or min(box.width, box.height) > 1:
        return []
    return [Rule(box, across=box.width > box.height)]


def _is_stroked(path: Any) -> bool:
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    return bool(pdfium.FPDFPath_GetDrawMode(path, mode, stroke) and stroke.value)


def _object_keys(textpage: Any) -> list[int]:
    """Return, for each character, what tells its text object from others; 0 for those that PDFium made up."""
    find, raw, address = pdfium.FPDFText_GetTextObject, textpage.raw, ctypes.addressof
    handles = (find(raw, index) for index in range(textpage.count_chars()))
    return [address(handle.contents) if handle else 0 for handle in handles]


def _size(textpage: Any, index: int) -> float:
    matrix = pdfium.FS_MATRIX()
    size: float = pdfium.FPDFText_GetFontSize(textpage, index)
    if pdfium.FPDFText_GetMatrix(textpage, index, matrix):
        size *= math.hypot(matrix.c, matrix.d) or 1.0
    return size


def _is_bold(textpage: Any, index: int) -> bool:
    if pdfium.FPDFText_GetFontWeight(textpage, index) >= 600:
        return True
    name, flags = ctypes.create_string_buffer(128), ctypes.c_int()
    length = pdfium.FPDFText_GetFontInfo(textpage, index, name, 128, flags)
    return 0 < length <= 128 and any(mark in name.value.lower() for mark in (b"bold", b"black", b"heavy"))
