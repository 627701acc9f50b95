"""Reading one PDF file page by page: from its text layer where it has one, and else by recognition."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from perdure.agents.documents import born_digital
from perdure.agents.documents.limits import (
    DocumentEncrypted,
    DocumentLimits,
    DocumentTooLarge,
    UnreadableDocument,
)
from perdure.agents.documents.model import Page

_pdfium: Any = importlib.import_module("pypdfium2")

_TEXT_CHARS = 50
"""A page with at least so many characters is read from its text layer."""
_UNREADABLE_SHARE = 0.1
_SAMPLED_PAGES = 8
_PASSWORD_ERROR = 4
_HEADER_BYTES = 1024
_KINDS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"PK\x03\x04", "a ZIP archive, or an Office document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%!PS", "a PostScript file"),
    (b"{\\rtf", "an RTF document"),
    (b"<", "an HTML or XML page"),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A document that can be read."""

    document: Any
    pages: int
    encrypted: bool
    """Whether it is encrypted; opened, it needs no password for reading."""

    def close(self) -> None:
        """Let go of it."""
        self.document.close()


class Recognition:
    """Makes the recogniser when a page needs it, and keeps it."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._made: Any = None

    def get(self) -> Any:
        """Return the recogniser; the first call takes seconds."""
        if self._made is None:
            from perdure.agents.documents.recognition import Recogniser

            self._made = Recogniser(self._threads)
        return self._made


def open_document(content: bytes, limits: DocumentLimits) -> Opened:
    """Open a PDF file.

    Raises:
        DocumentEncrypted, DocumentTooLarge, UnreadableDocument: saying why it cannot be read.
    """
    if len(content) > limits.max_file_bytes:
        raise DocumentTooLarge(f"the file is over the limit of {limits.max_file_bytes:,} bytes")
    if b"%PDF-" not in content[:_HEADER_BYTES]:
        raise UnreadableDocument(f"not a PDF file: it is {_what_it_is(content)}")
    try:
        document = _pdfium.PdfDocument(content)
    except _pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD_ERROR:
            raise DocumentEncrypted("needs a password, and there is none to give it") from error
        raise UnreadableDocument(f"not a readable PDF: {_reason(error)}") from error
    count = len(document)
    if count == 0:
        document.close()
        raise UnreadableDocument("not a readable PDF: it has no pages")
    return Opened(document, count, _pdfium.raw.FPDF_GetSecurityHandlerRevision(document) != -1)


def chosen_pages(opened: Opened, pages: Sequence[int] | None, limits: DocumentLimits) -> list[int]:
    """Return the numbers, from 1, of the pages to read.

    Raises:
        DocumentTooLarge: when these are more than the limit.
        UnreadableDocument: when the document has no such page.
    """
    wanted = (
        list(range(1, min(opened.pages, limits.max_pages + 1) + 1)) if pages is None else sorted(set(pages))
    )
    if missing := [number for number in wanted if not 1 <= number <= opened.pages]:
        raise UnreadableDocument(f"there is no page {missing[0]}; the document has {opened.pages:,} pages")
    if len(wanted) > limits.max_pages:
        found = opened.pages if pages is None else len(wanted)
        raise DocumentTooLarge(
            f"{found:,} pages are more than the limit of {limits.max_pages:,}; split the file, or name pages"
        )
    return wanted


def read_pages(
    opened: Opened, numbers: Sequence[int], limits: DocumentLimits, recognition: Recognition
) -> Iterator[Page]:
    """Yield the pages, one after the other.

    Raises:
        UnreadableDocument: naming the page that could not be read.
    """
    body = _running_size(opened, numbers)
    for number in numbers:
        try:
            page = opened.document[number - 1]
        except _pdfium.PdfiumError as error:
            raise UnreadableDocument(f"page {number} cannot be read: {_reason(error)}") from error
        try:
            yield _read(page, number, body, limits, recognition)
        except _pdfium.PdfiumError as error:
            raise UnreadableDocument(f"page {number} cannot be read: {_reason(error)}") from error
        finally:
            page.close()


def engine_versions() -> dict[str, str]:
    """Return what the result depends on, by package."""
    return {name: version(name) for name in ("pypdfium2", "rapidocr", "onnxruntime")}


def _read(
    page: Any, number: int, body: float | None, limits: DocumentLimits, recognition: Recognition
) -> Page:
    textpage = page.get_textpage()
    try:
        if _has_text_layer(page, textpage):
            return born_digital.page_of(page, textpage, number, body)
    finally:
        textpage.close()
    from perdure.agents.documents import scanned

    return scanned.page_of(
        page, number, recognition.get(), dpi=limits.dpi, most_pixels=limits.max_page_pixels
    )


def _has_text_layer(page: Any, textpage: Any) -> bool:
    """Whether the page's own text is all there is to read; a page without anything counts as such."""
    if textpage.count_chars() >= _TEXT_CHARS:
        return born_digital.unreadable_share(textpage) < _UNREADABLE_SHARE
    others = [
        _pdfium.raw.FPDF_PAGEOBJ_IMAGE,
        _pdfium.raw.FPDF_PAGEOBJ_PATH,
        _pdfium.raw.FPDF_PAGEOBJ_SHADING,
        _pdfium.raw.FPDF_PAGEOBJ_FORM,
    ]
    return next(iter(page.get_objects(filter=others, max_depth=1)), None) is None


def _running_size(opened: Opened, numbers: Sequence[int]) -> float | None:
    """Return the size of the document's running text, told from a few of its pages."""
    step = max(1, len(numbers) // _SAMPLED_PAGES)
    sizes: list[Any] = []
    pages: list[Any] = []
    try:
        for number in numbers[::step][:_SAMPLED_PAGES]:
            pages.append(opened.document[number - 1])
            sizes.append(pages[-1].get_textpage())
        return born_digital.running_size(sizes)
    except _pdfium.PdfiumError:
        return None  # told from each page alone; reading that page says what is wrong with it
    finally:
        for part in (*sizes, *pages):
            part.close()


def _what_it_is(content: bytes) -> str:
    if not content:
        return "empty"
    for start, name in _KINDS:
        if content.lstrip()[: len(start)] == start:
            return name
    try:
        content[:4096].decode("utf-8")
    except UnicodeDecodeError:
        return "a file of another kind"
    return "plain text"


def _reason(error: Exception) -> str:
    text = str(error).removeprefix("Failed to load document").strip(" ().")
    return text.removeprefix("PDFium: ").lower() or "its structure is damaged"
