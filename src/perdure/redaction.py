"""The second net under secrets: values that are in use, and the well-known shapes of keys, become `•••`.

Secrets are kept out of logs, events and errors by never being put there. What a provider, a program or a
library says is not ours, so everything on its way out passes here as well.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, cast
from urllib.parse import quote, unquote, urlsplit

MASK = "•••"
SHORTEST = 8
"""Characters of the shortest value that is masked; a shorter one would be found in ordinary words."""

_OF_A_KEY = r"[A-Za-z0-9_-]"
_SHAPES: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = tuple(
    (marks, re.compile(pattern), put)
    for marks, pattern, put in (
        (("sk-",), rf"(?<!{_OF_A_KEY})sk-(?={_OF_A_KEY}*\d){_OF_A_KEY}{{16,}}", MASK),
        (("pdk_", "pdr_", "pdt_", "pds_", "pdl_"), rf"(?<!{_OF_A_KEY})pd[krtsl]_{_OF_A_KEY}{{12,}}", MASK),
        (("earer ",), r"(?i)(\bbearer +)[A-Za-z0-9._~+/=-]{12,}", rf"\1{MASK}"),
        (("AKIA", "ASIA"), r"\bA(?:KI|SI)A[0-9A-Z]{16}\b", MASK),
        (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{30,}", MASK),
        (("github_pat_",), r"\bgithub_pat_[A-Za-z0-9_]{20,}", MASK),
        (("glpat-",), rf"\bglpat-{_OF_A_KEY}{{16,}}", MASK),
        (("xox",), r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}", MASK),
        (("AIza",), rf"\bAIza{_OF_A_KEY}{{30,}}", MASK),
        (("eyJ",), rf"\beyJ{_OF_A_KEY}{{6,1000}}\.eyJ{_OF_A_KEY}{{6,}}\.{_OF_A_KEY}*", MASK),
        (
            ("PRIVATE KEY-----",),
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
            # Up to the next beginning and no further: looked for from each, an end would cost their square.
            r"(?:(?:[^\"-]|-(?!----BEGIN ))*?-----END [A-Z ]*PRIVATE KEY-----"
            r"|(?:(?:\\[nr]|\s)+[A-Za-z0-9+/=]{16,})+)",
            MASK,
        ),
        (("@",), r"(://[^/\s:@\"\\]+:)[^/\s@\"\\]+@", rf"\1{MASK}@"),
    )
)
_MARKS = {mark: (pattern, put) for marks, pattern, put in _SHAPES for mark in marks}
"""Only text that has one of these is looked at closely."""
_ENDINGS = {end: frozenset(mark.split(end)[0][-2:] for mark in _MARKS if end in mark) for end in ("_", "-")}
"""What stands before the first `_` or `-` of a mark, by its last two characters."""
_WITH = {end: tuple(mark for mark in _MARKS if end in mark) for end in _ENDINGS}
_RARE = {"@": "@", "AKIA": "K", "ASIA": "I", "AIza": "I", "eyJ": "J"}
"""Marks with a character that is rare: one character is found ten times as fast as several."""
_PLAIN = tuple(mark for mark in _MARKS if mark not in _RARE and not any(end in mark for end in _ENDINGS))
_TAIL = itemgetter(slice(-2, None))
_SELDOM = 64
_FROM_OFTEN_TO_SELDOM = ' etaoinsrhldcu"mfpgwyb:,.v_k-10x2345j6789qzSTAICEMPRDNOLBHFWGUVYKJXQZ'
_NAMES = re.compile(
    r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(?:_|$)", re.IGNORECASE
)
_NO_SECRETS = re.compile(r"(?:_FILE|_PATH|_DIR|_URL|_ID)$|^SSH_|^GPG_", re.IGNORECASE)


class Redactor:
    """Knows the secret values in use and masks them. Thread-safe."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._known: tuple[tuple[str, str, str], ...] = ()
        self._begun: Mapping[str, tuple[str, ...]] = {}
        self._longest = 0
        self._lock = threading.Lock()

    def remember(self, values: Iterable[str]) -> list[str]:
        """Mask these from now on, once for each call; returns what to `forget` again."""
        kept = [value for value in values if len(value) >= SHORTEST]
        with self._lock:
            self._counts.update(kept)
            self._refresh()
        return kept

    def remember_always(self, values: Iterable[str]) -> None:
        """Mask these for as long as the process lives. Told twice, they are known once."""
        self.remember(set(values) - self._counts.keys())

    def forget(self, values: Iterable[str]) -> None:
        """Undo one `remember` of each."""
        with self._lock:
            self._counts.subtract(values)
            self._counts = +self._counts
            self._refresh()

    @contextmanager
    def knowing(self, *values: str) -> Generator[None]:
        """Mask the values while the block runs."""
        kept = self.remember(values)
        try:
            yield
        finally:
            self.forget(kept)

    def known(self, text: str) -> str:
        """Return the text without the values in use."""
        for rarest, rare, value in self._known:
            if rarest in text and rare in text and value in text:
                text = text.replace(value, MASK)
        return text

    def pieces(self) -> Pieces:
        """Return what masks the values in use in one text that arrives in pieces."""
        return Pieces(self)

    def decided(self, text: str) -> int:
        """Return how many characters of a text that goes on are decided: no value can begin in them and end later.

        Cut there, both parts can be masked by themselves.
        """
        begun, most = self._begun, 2 * self._longest
        size = len(text)
        for start in range(max(0, size - self._longest + 1), size):
            forms = begun.get(text[start])
            if forms is None:
                continue
            tail = text[start:]
            if any(form.startswith(tail) and len(form) > len(tail) for form in forms):
                return self._before_values(text, start, most)
        return size

    def _before_values(self, text: str, cut: int, most: int) -> int:
        """Move a cut before every value that lies across it, as long as that leaves no more than `most` to wait."""
        if self.known(text) == text:
            return cut
        forms = [form for _, _, form in self._known]
        across = True
        while across:
            across = False
            for form in forms:
                found = text.find(form, max(0, cut - len(form) + 1), cut + len(form) - 1)
                if found >= 0:
                    cut, across = found, True
        while len(text) - cut > most:  # values that overlap without an end, like one letter over and over
            cut += next((len(form) for form in forms if text.startswith(form, cut)), 1)
        return cut

    def text(self, text: str) -> str:
        """Return the text without values in use and without anything in the shape of a key."""
        text = self.known(text)
        for mark in _marks_in(text):
            pattern, put = _MARKS[mark]
            text = pattern.sub(put, text)
        return text

    def value(self, value: Any, *, shapes: bool = True) -> Any:
        """Return a JSON value with its texts masked, keys of objects included."""
        if isinstance(value, str):
            return self.text(value) if shapes else self.known(value)
        if isinstance(value, dict):
            given = cast("dict[Any, Any]", value)
            return {self.value(k, shapes=shapes): self.value(v, shapes=shapes) for k, v in given.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(each, shapes=shapes) for each in cast("list[Any]", value)]
        return value

    def _refresh(self) -> None:
        forms = {form for value in self._counts for form in _forms(value)}
        self._known = tuple((*_rarest(form), form) for form in sorted(forms, key=len, reverse=True))
        begun: dict[str, tuple[str, ...]] = {}
        for form in forms:
            begun[form[0]] = (*begun.get(form[0], ()), form)
        self._begun, self._longest = begun, max(map(len, forms), default=0)


class Pieces:
    """Masks the values in use in one text that arrives in pieces, also those that are cut between two.

    What could be the beginning of a value waits until it is decided; everything else goes on at once. Put
    together, what is returned is what `Redactor.known` makes of the whole.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._waiting = ""

    def add(self, text: str) -> str:
        """Take a piece and return what can be shown by now."""
        text = self._waiting + text
        cut = self._redactor.decided(text)
        self._waiting = text[cut:]
        return self._redactor.known(text[:cut])

    def end(self, *, cut_off: bool = False) -> str:
        """Return what was waiting. When the text was cut off here, it could be most of a value: it is masked."""
        text, self._waiting = self._waiting, ""
        if cut_off:
            return MASK if text else ""
        return self._redactor.known(text)


def _marks_in(text: str) -> list[str]:
    """Return the marks that are in the text: this is what ordinary text costs, so it is read as seldom as it can be."""
    found = [mark for mark in _PLAIN if mark in text]
    found += [mark for mark, rare in _RARE.items() if rare in text and mark in text]
    for end, marks in _WITH.items():
        count = text.count(end)
        if not count:
            continue
        if count * _SELDOM < len(text) and _ENDINGS[end].isdisjoint(map(_TAIL, text.split(end))):
            continue
        found += [mark for mark in marks if mark in text]
    return found if len(found) < 2 else [mark for mark in _MARKS if mark in found]


def secrets_of_environment(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the values of variables that are named like keys, tokens and passwords, and passwords in addresses."""
    found = [v for name, v in environ.items() if _NAMES.search(name) and not _NO_SECRETS.search(name)]
    for value in environ.values():
        found += passwords_in(value)
    return [value for value in found if not value.startswith("/")]


def passwords_in(address: str) -> list[str]:
    """Return the password of an address as it stands there and as it is meant; of anything else nothing."""
    if "://" not in address or "@" not in address:
        return []
    try:
        password = urlsplit(address).password
    except ValueError:
        return []
    return sorted({password, unquote(password)}) if password else []


class _Record(logging.LogRecord):
    """A log record whose text is masked, whoever formats it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.exc_info and self.exc_info[0] is not None:
            self.exc_text = redactor.text(_FORMATTER.formatException(self.exc_info))

    def getMessage(self) -> str:  # noqa: N802 - the name is the library's
        return redactor.text(super().getMessage())


def guard_logs() -> None:
    """Mask every log line of this process, also those of libraries. A second call changes nothing."""
    if logging.getLogRecordFactory() is not _Record:
        logging.setLogRecordFactory(_Record)


def _rarest(value: str) -> tuple[str, str]:
    """Two characters of the value that ordinary text has least: one is looked for much faster than a whole value."""
    often = {character: place for place, character in enumerate(_FROM_OFTEN_TO_SELDOM)}
    found = sorted(set(value), key=lambda character: often.get(character, len(often)), reverse=True)
    return found[0], found[min(1, len(found) - 1)]


def _forms(value: str) -> set[str]:
    """The value as it stands in plain text, in JSON, and in a URL."""
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        quote(value, safe=""),
    }


_FORMATTER = logging.Formatter()
redactor = Redactor()
"""The one of this process."""
