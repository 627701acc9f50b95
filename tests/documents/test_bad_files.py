"""Files that cannot be read say why, at once, and alone."""

from __future__ import annotations

import asyncio

import pytest

from perdure.agents.documents.limits import (
    DocumentEncrypted,
    DocumentLimits,
    DocumentTooLarge,
    PageTooLarge,
    UnreadableDocument,
)
from perdure.agents.documents.worker import DocumentReaders
from perdure.errors import InvalidInput
from tests.documents import made


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a PDF file: it is empty"),
        (b"Dear reader,\n", "not a PDF file: it is plain text"),
        (b"<!doctype html><p>Not found", "not a PDF file: it is an HTML or XML page"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, "not a PDF file: it is a PNG picture"),
        (b"PK\x03\x04" + b"\0" * 64, "not a PDF file: it is a ZIP archive, or an Office document"),
        (b"\x00\xff\xfe\x81" * 50, "not a PDF file: it is a file of another kind"),
        (b"%PDF-1.7\nnothing that could be read follows\n", "not a readable PDF: "),
    ],
)
async def test_what_is_no_pdf_says_what_it_is(readers: DocumentReaders, content: bytes, said: str) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        await readers.read(lambda: content)
    assert caught.value.message.startswith(said)


async def test_a_file_with_a_password_says_so(readers: DocumentReaders) -> None:
    for call in (readers.read, readers.inspect):
        with pytest.raises(DocumentEncrypted, match="needs a password"):
            await call(made.encrypted)


async def test_a_file_that_was_cut_off_is_refused_or_read_as_far_as_it_goes(readers: DocumentReaders) -> None:
    whole = made.article()
    outcomes = await asyncio.gather(
        *(readers.read(lambda end=end: whole[:end]) for end in range(200, len(whole), len(whole) // 12)),
        readers.read(lambda: whole),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, UnreadableDocument)]
    read = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert len(refused) + len(read) == len(outcomes)
    assert refused
    assert all(
        "not a readable PDF" in error.message or "cannot be read" in error.message for error in refused
    )
    assert all(1 <= document.page_count <= 2 for document in read)
    assert read[-1].page_count == 2


async def test_ten_thousand_pages_fail_before_any_is_read(readers: DocumentReaders) -> None:
    pdf = made.of_pages(10_000, size=(200, 200))
    told: list[int] = []

    async def on_pages(pages: list[dict[str, object]], _total: int) -> None:
        told.append(len(pages))

    with pytest.raises(DocumentTooLarge, match="10,000 pages are more than the limit of 2,000"):
        await readers.read(lambda: pdf, on_pages=on_pages)
    assert told == []
    few = await readers.read(lambda: pdf, pages=[9_999])
    assert few.page_count == 10_000
    assert "page 9999" in few.pages[0]["text"]


async def test_a_page_that_is_not_there_is_named(readers: DocumentReaders) -> None:
    with pytest.raises(UnreadableDocument, match="no page 7; the document has 2 pages"):
        await readers.read(made.article, pages=[1, 7])


async def test_a_huge_page_is_read_but_not_rendered(readers: DocumentReaders) -> None:
    side = 14_400.0
    text = await readers.read(lambda: made.of_pages(1, size=(side, side)))
    assert "This is page 1" in text.pages[0]["text"]
    picture = made.images_of(made.of_pages(1), dpi=20)[0]
    scan = made.scan([picture.resize((200, 200))], dpi=1)
    with pytest.raises(PageTooLarge, match=r"page 1 is 200 by 200 inches: 576 million pixels at 120 dpi"):
        await readers.read(lambda: scan)


async def test_a_file_over_the_size_limit_is_refused() -> None:
    small = DocumentReaders(count=1, limits=DocumentLimits(max_file_bytes=1000))
    try:
        with pytest.raises(DocumentTooLarge, match="over the limit of 1,000 bytes"):
            await small.inspect(made.article)
    finally:
        small.close()


async def test_one_bad_file_leaves_the_others_alone(readers: DocumentReaders) -> None:
    results = await asyncio.gather(
        *(
            readers.read(lambda pdf=pdf: pdf)
            for pdf in (made.article(), b"%PDF-", made.encrypted(), made.tables())
        ),
        return_exceptions=True,
    )
    kinds = [type(result).__name__ for result in results]
    assert kinds == ["ReadDocument", "UnreadableDocument", "DocumentEncrypted", "ReadDocument"]
    assert all(isinstance(result, InvalidInput) for result in results[1:3])
