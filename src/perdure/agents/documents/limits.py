"""What a document may cost to read, and the errors that say why one was not read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from perdure.errors import InvalidInput, Unavailable


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Bounds on one file; over any of them it fails alone, with the reason."""

    max_pages: int = 2_000
    max_file_bytes: int = 100 * 1024 * 1024
    max_page_pixels: int = 25_000_000
    """Of a page that has to be rendered."""
    page_seconds: float = 180.0
    """Wall time of one page."""
    memory_bytes: int = 4 * 1024**3
    """Address space of the process that reads."""
    dpi: int = 120
    """At which scanned pages are rendered; more costs time and was not more exact."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


class UnreadableDocument(InvalidInput):
    """The file cannot be read as a PDF file; the message says why."""

    code = "document-unreadable"


class DocumentEncrypted(UnreadableDocument):
    """The file opens with a password only."""

    code = "document-encrypted"


class DocumentTooLarge(UnreadableDocument):
    """The file is over a limit."""

    code = "document-too-large"


class PageTooLarge(DocumentTooLarge):
    """A page is over the limit of pixels; `fields` name it."""

    code = "page-too-large"


class ReadingFailed(UnreadableDocument):
    """The process that read the file ended or took too long; nothing else was affected."""

    code = "document-reading-failed"


class ReaderMissing(Unavailable):
    """The packages that read documents are not installed."""

    code = "documents-not-installed"


ERRORS: dict[str, type[UnreadableDocument]] = {
    kind.code: kind
    for kind in (UnreadableDocument, DocumentEncrypted, DocumentTooLarge, PageTooLarge, ReadingFailed)
}
"""By code, for what comes out of the reader's process."""
