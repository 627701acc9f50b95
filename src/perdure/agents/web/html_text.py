"""HTML as text to read: the words in order, with headings, lists and the addresses of links.

Pages come from strangers, so this goes through a page once, whatever is in it. It follows browsers where
they drop what is not closed, and builds no tree: parsers that do can be kept busy for minutes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

_BLOCKS = re.compile(
    "address|article|aside|blockquote|body|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form|"
    "h[1-6]|header|hr|html|legend|li|main|nav|ol|p|pre|section|summary|table|tbody|tfoot|thead|tr|title|ul"
)
_PARAGRAPHS = re.compile("blockquote|h[1-6]|ol|p|pre|table|title|ul")
_WITHOUT_TEXT = re.compile("iframe|math|noembed|noframes|noscript|object|script|style|svg|template")
_TAG_END = re.compile(r"""[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>""")
_NAME = re.compile(r"[a-zA-Z][^\s/>]{0,63}")
_HREF = re.compile(r"""\bhref\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_MAX_LINK_CHARS = 500


@dataclass(frozen=True, slots=True)
class _Tag:
    name: str
    closing: bool
    attributes: str


def readable_text(page: str, base_url: str = "") -> str:
    """Return the text of an HTML page. Relative links are completed with `base_url`."""
    writer = _Writer(base_url)
    for each in _tokens(page):
        if isinstance(each, _Tag):
            writer.tag(each)
        else:
            writer.text(each)
    return writer.result()


def _tokens(page: str) -> Iterator[_Tag | str]:
    """Split a page into text and tags, in one pass: what is looked for and not found ends it."""
    lowered = page.lower() if len(page.lower()) == len(page) else page
    at = 0
    while at < len(page):
        start = page.find("<", at)
        if start != at:
            yield page[at : start if start >= 0 else len(page)]
        if start < 0:
            return
        if page.startswith("<!--", start):
            at = _after(page, "-->", start + 4)
        elif page[start + 1 : start + 2] in ("!", "?"):
            at = _after(page, ">", start)
        else:
            closing = page.startswith("/", start + 1)
            name = _NAME.match(page, start + 1 + closing)
            if name is None:
                yield "<"
                at = start + 1
                continue
            end = _TAG_END.match(page, name.end())
            if end is None:
                return
            tag = _Tag(name[0].lower(), closing, page[name.end() : end.end() - 1])
            yield tag
            at = end.end()
            if _WITHOUT_TEXT.fullmatch(tag.name) and not closing and not tag.attributes.endswith("/"):
                at = lowered.find(f"</{tag.name}", at)
                if at < 0:
                    return


def _after(page: str, mark: str, start: int) -> int:
    found = page.find(mark, start)
    return len(page) if found < 0 else found + len(mark)


class _Writer:
    """Puts words and line ends one after the other."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._parts: list[str] = []
        self._ends = 2
        """Line ends since the last word; two at the start, so that none is put there."""
        self._fresh = False
        """Whether what was put last already ends with a space."""
        self._space = False
        self._verbatim = 0
        self._links: list[str | None] = []

    def text(self, raw: str) -> None:
        words = _unescape(raw)
        if self._verbatim:
            self._put(words)
            return
        collapsed = " ".join(words.split())
        if collapsed:
            self._put((" " if self._space or words[0].isspace() else "") + collapsed)
            self._space = words[-1].isspace()
        else:
            self._space = self._space or bool(words)

    def tag(self, tag: _Tag) -> None:
        name = tag.name
        if name == "br":
            self._line(1)
        elif _BLOCKS.fullmatch(name):
            self._line(2 if _PARAGRAPHS.fullmatch(name) else 1)
            self._open_block(tag)
        elif name in ("td", "th") and not tag.closing and self._ends == 0:
            self._prefix(" | ")
        elif name == "a":
            self._link(tag)

    def result(self) -> str:
        return "".join(self._parts).strip()

    def _open_block(self, tag: _Tag) -> None:
        if tag.name == "pre":
            self._verbatim = max(0, self._verbatim + (-1 if tag.closing else 1))
        elif not tag.closing and tag.name == "li":
            self._prefix("- ")
        elif not tag.closing and re.fullmatch("h[1-6]", tag.name):
            self._prefix("#" * int(tag.name[1]) + " ")

    def _link(self, tag: _Tag) -> None:
        if not tag.closing:
            found = _HREF.search(tag.attributes)
            self._links.append(self._address(found[1].strip("\"'")) if found else None)
        elif self._links and (address := self._links.pop()):
            self._put(f" ({address})")

    def _address(self, raw: str) -> str | None:
        try:
            address = urljoin(self._base_url, _unescape(raw).strip())
        except ValueError:
            return None
        plain = address.startswith(("http://", "https://")) and len(address) <= _MAX_LINK_CHARS
        return address if plain and "#" not in raw[:1] else None

    def _prefix(self, text: str) -> None:
        self._put(text)
        self._fresh = True
        self._space = False

    def _put(self, text: str) -> None:
        if (self._ends or self._fresh) and not self._verbatim:
            text = text.lstrip()
        if text:
            self._parts.append(text)
            self._ends = 0
            self._fresh = False

    def _line(self, ends: int) -> None:
        if ends > self._ends:
            self._parts.append("\n" * (ends - self._ends))
            self._ends = ends
        self._space = False


def _unescape(text: str) -> str:
    try:
        return html.unescape(text).replace("\x00", "\ufffd")
    except ValueError:  # a number of thousands of digits
        return text
