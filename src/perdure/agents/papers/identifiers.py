"""Finding arXiv identifiers in text.

Two forms exist: `2401.12345` since April 2007, and `hep-th/9901001` before. Either may carry a version.
A form that names arXiv is believed; digits alone may be a price or a part number, so they only suggest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from perdure.errors import InvalidInput

_OLD_ARCHIVES = (
    "acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|cond-mat|cs|"
    "dg-ga|funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math-ph|math|mtrl-th|nlin|nucl-ex|nucl-th|patt-sol|"
    "physics|plasm-ph|q-alg|q-bio|quant-ph|solv-int|supr-con"
)
_FIRST_NEW, _FIRST_FIVE_DIGITS = (2007, 4), (2015, 1)
_FIRST_OLD, _LAST_OLD = (1991, 7), (2007, 3)

_ID = (
    rf"(?:(?P<new>[0-9]{{2}}(?:0[1-9]|1[0-2])\.[0-9]{{4,5}})"
    rf"|(?P<archive>{_OLD_ARCHIVES})(?:\.[a-z]{{2,5}}(?:-[a-z]{{2,4}})?)?(?:/|%2f)(?P<number>[0-9]{{7}}))"
    r"(?:v(?P<version>[1-9][0-9]{0,2}))?"
)
_END = r"(?![0-9a-z_]|\.[0-9])"  # ASCII: scripts without spaces may go on right after a number
_PDF = r"(?:\.pdf(?![0-9a-z_-]))?"
_SITE = (
    r"(?P<url>(?:https?://)?(?:"
    r"(?:[a-z0-9-]+\.){0,2}arxiv\.org(?::[0-9]+)?/(?:abs|pdf|html|src|e-print|format|ps)/(?:arxiv:)?"
    r"|xxx\.lanl\.gov/(?:abs|pdf|ps|format)/"
    r"|(?:www\.)?ar5iv\.org/(?:abs|html|pdf)/"
    r"|(?:www\.)?alphaxiv\.org/(?:(?:[a-z]{2}/)?[a-z]+/)?"
    r"|(?:www\.)?(?:huggingface\.co|hf\.co)/papers/"
    r"))"
)
_DOI = r"(?P<doi>(?:https?://)?(?:(?:dx\.|www\.)?doi\.org/)?(?:doi:\s?)?10\.48550/arxiv\.)"
_WORD = r"(?:arxiv(?:\s+(?:e-?print|preprint|identifier|id))?\s{0,3}[:./#\s]\s{0,3})"
_FLAGS = re.IGNORECASE | re.ASCII
_EXPLICIT = re.compile(rf"(?<![0-9a-z_.@-])(?:{_SITE}|{_DOI}|{_WORD}){_ID}{_PDF}{_END}", _FLAGS)
_BARE = re.compile(rf"(?<![0-9a-z_./-]){_ID}{_PDF}{_END}(?!-[0-9])", _FLAGS)
_WHOLE = re.compile(rf"{_ID}{_END}", _FLAGS)

_MONEY_BEFORE = ("$", "€", "£", "¥", "₹", "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "INR")
_MONEY_AFTER = re.compile(
    r"\s?(?:[%$€£¥₹]|(?:USD|EUR|GBP|CHF|JPY|CNY|INR|dollars|euros?|pounds)\b)", re.IGNORECASE
)
_PLAIN = str.maketrans({"\u2010": "-", "\u2011": "-", "\u00a0": " ", "\u202f": " "})


class Certainty(StrEnum):
    """How sure it is that a text means a paper."""

    EXPLICIT = "explicit"
    """It names arXiv: an address, a DOI, or `arXiv:`."""
    VERSIONED = "versioned"
    """Digits with a version, such as `2401.12345v2`."""
    BARE = "bare"
    """Digits alone; to be confirmed before use."""


_SURER = {Certainty.EXPLICIT: 2, Certainty.VERSIONED: 1, Certainty.BARE: 0}


@dataclass(frozen=True, slots=True)
class ArxivId:
    """One paper, or one version of it. `base` is lower-case and without a subject class."""

    base: str
    version: int | None = None

    def __str__(self) -> str:
        return self.base if self.version is None else f"{self.base}v{self.version}"

    @property
    def file_stem(self) -> str:
        """A name for its file, without suffix."""
        return str(self).replace("/", "_")


@dataclass(frozen=True, slots=True)
class Found:
    """One paper that a text names. `mention` is what the text says, where it says it first."""

    id: ArxivId
    certainty: Certainty
    mention: str
    is_url: bool


def find_identifiers(text: str, *, today: date | None = None) -> list[Found]:
    """Return the papers that a text names, each once, in order of their first mention.

    A mention without a version joins the versions that the text names, if it names any. No identifier
    is later than the month of `today`, which is now unless given.
    """
    text = text.translate(_PLAIN)
    limit = _month(today)
    mentions: list[tuple[int, Found]] = []
    taken: list[tuple[int, int]] = []
    for match in _EXPLICIT.finditer(text):
        found = _identifier(match, limit)
        if found is not None:
            is_url = match["url"] is not None or "doi.org" in match[0].lower()
            mentions.append((match.start(), Found(found, Certainty.EXPLICIT, match[0], is_url)))
            taken.append(match.span())
    spans = iter(taken)
    span = next(spans, None)
    for match in _BARE.finditer(text):
        while span is not None and span[1] <= match.start():
            span = next(spans, None)
        inside = span is not None and span[0] <= match.start()
        found = None if inside or _is_amount(text, match) else _identifier(match, limit)
        if found is not None:
            certainty = Certainty.BARE if found.version is None else Certainty.VERSIONED
            mentions.append((match.start(), Found(found, certainty, match[0], False)))
    return _merged([found for _, found in sorted(mentions, key=lambda each: each[0])])


def parse_identifier(text: str, *, today: date | None = None) -> ArxivId:
    """Read one identifier, alone or as an address, DOI or `arXiv:…`.

    Raises:
        InvalidInput: when the text is none, or more than one.
    """
    cleaned = text.strip().translate(_PLAIN)
    match = _WHOLE.fullmatch(cleaned)
    alone = _identifier(match, _month(today)) if match else None
    if alone is not None:
        return alone
    found = find_identifiers(cleaned, today=today)
    if len(found) != 1 or found[0].certainty is not Certainty.EXPLICIT:
        raise InvalidInput(
            f"{text[:80]!r} is not an arXiv identifier such as 2401.12345v2 or hep-th/9901001", id=text[:200]
        )
    return found[0].id


def _identifier(match: re.Match[str], limit: tuple[int, int]) -> ArxivId | None:
    version = int(match["version"]) if match["version"] else None
    digits = match["new"] or match["number"]
    year, month = int(digits[:2]), int(digits[2:4])
    if match["new"]:
        submitted = (2000 + year, month)
        long_enough = len(digits) == (10 if submitted >= _FIRST_FIVE_DIGITS else 9)
        if not (long_enough and _FIRST_NEW <= submitted <= limit) or not int(digits[5:]):
            return None
        return ArxivId(digits, version)
    submitted = (1900 + year if year >= 91 else 2000 + year, month)
    if not (1 <= month <= 12 and _FIRST_OLD <= submitted <= _LAST_OLD) or not int(digits[4:]):
        return None
    return ArxivId(f"{match['archive'].lower()}/{digits}", version)


def _is_amount(text: str, match: re.Match[str]) -> bool:
    if match["new"] is None:
        return False
    before = text[max(0, match.start() - 8) : match.start()].rstrip().upper()
    return before.endswith(_MONEY_BEFORE) or _MONEY_AFTER.match(text, match.end()) is not None


def _merged(mentions: list[Found]) -> list[Found]:
    versioned: dict[str, ArxivId] = {}
    for found in mentions:
        if found.id.version is not None:
            versioned.setdefault(found.id.base, found.id)
    papers: dict[ArxivId, Found] = {}
    for found in mentions:
        paper = versioned.get(found.id.base, found.id) if found.id.version is None else found.id
        first = papers.get(paper)
        if first is None:
            papers[paper] = Found(paper, found.certainty, found.mention, found.is_url)
        elif _SURER[found.certainty] > _SURER[first.certainty]:
            papers[paper] = Found(paper, found.certainty, first.mention, first.is_url)
    return list(papers.values())


def _month(today: date | None) -> tuple[int, int]:
    day = today or datetime.now(UTC).date()
    return day.year, day.month
