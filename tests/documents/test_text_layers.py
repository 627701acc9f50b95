"""Pages with a text layer come out as they were written."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from perdure.agents.documents.worker import DocumentReaders
from tests.documents import made
from tests.documents.accuracy import accuracy, table_rows

Draw = Callable[[canvas.Canvas], None]


async def markdown_of(readers: DocumentReaders, pdf: bytes) -> str:
    document = await readers.read(lambda: pdf)
    assert {page["kind"] for page in document.pages} == {"text"}
    return "\n\n".join(page["markdown"] for page in document.pages)


def drawn(draw: Draw, size: tuple[float, float] = A4) -> bytes:
    """A page with what `draw` puts on it, and enough words to have a text layer."""
    file = io.BytesIO()
    page = canvas.Canvas(file, pagesize=size)
    page.setFont("Times-Roman", 10)
    draw(page)
    page.save()
    return file.getvalue()


async def test_an_article_has_its_headings_paragraphs_and_list(readers: DocumentReaders) -> None:
    document = await readers.read(made.article)
    first, second = (page["markdown"] for page in document.pages)
    assert first.split("\n\n") == [
        f"# {made.TITLE}",
        f"## {made.HEADINGS[0]}",
        made.PARAGRAPHS[0],
        "The following was measured:",
        "\n".join(f"- {item}" for item in made.ITEMS),
        made.PARAGRAPHS[1],
    ]
    assert second.split("\n\n") == [f"## {made.HEADINGS[1]}", made.PARAGRAPHS[2], made.PARAGRAPHS[3]]


async def test_two_columns_are_read_one_after_the_other(readers: DocumentReaders) -> None:
    text = await markdown_of(readers, made.two_columns())
    assert accuracy(text, " ".join((made.TITLE, *made.COLUMN_PARAGRAPHS))) >= 0.98
    assert text.split("\n\n")[1:] == list(made.COLUMN_PARAGRAPHS)


async def test_columns_written_row_by_row_are_put_in_order(readers: DocumentReaders) -> None:
    left, right = made.column_lines()
    text = await markdown_of(readers, made.columns_row_by_row())
    assert accuracy(text, " ".join(left + right)) >= 0.98


async def test_tables_with_and_without_frames_are_exact(readers: DocumentReaders) -> None:
    text = await markdown_of(readers, made.tables())
    assert table_rows(text) == [list(made.ROWS), list(made.ROWS)]
    assert accuracy(text, made.tables_text()) >= 0.98


async def test_a_cell_of_two_lines_stays_one_cell(readers: DocumentReaders) -> None:
    assert table_rows(await markdown_of(readers, made.long_cell())) == [list(made.LONG_CELL_ROWS)]


async def test_a_divided_word_becomes_one_again(readers: DocumentReaders) -> None:
    def draw(page: canvas.Canvas) -> None:
        page.drawString(70, 700, "The measurements were taken in the exper-")
        page.drawString(70, 688, "imental hall, beside the old north-south")
        page.drawString(70, 676, "corridor of the main building of the site.")

    assert await markdown_of(readers, drawn(draw)) == (
        "The measurements were taken in the experimental hall, beside the old north-south corridor of the "
        "main building of the site."
    )


@pytest.mark.parametrize("degrees", [90, 180, 270])
async def test_text_that_is_turned_is_read_upright(readers: DocumentReaders, degrees: int) -> None:
    lines = [
        "First line of a page that lies on its side,",
        "second line of it, which is about as long,",
        "the third and last one.",
    ]

    def draw(page: canvas.Canvas) -> None:
        page.translate(300, 400)
        page.rotate(degrees)
        for number, line in enumerate(lines):
            page.drawString(0, -13 * number, line)

    document = await readers.read(lambda: drawn(draw))
    (page,) = document.pages
    assert page["markdown"] == " ".join(lines)
    assert page["rotation"] == degrees % 360
    assert (page["width"] > page["height"]) is (degrees in (90, 270))
    for block in page["blocks"]:
        left, top, right, bottom = block["box"]
        assert 0 <= left < right <= page["width"]
        assert 0 <= top < bottom <= page["height"]


async def test_what_looks_like_marks_stays_text(readers: DocumentReaders) -> None:
    def draw(page: canvas.Canvas) -> None:
        page.drawString(70, 700, "# not a heading, with 2*3*4 and <b>no tags</b> in it")
        page.drawString(70, 640, "snake_case and _edges_ and a pipe | in a line of text")

    assert await markdown_of(readers, drawn(draw)) == (
        "\\# not a heading, with 2\\*3\\*4 and \\<b>no tags\\</b> in it\n\n"
        "snake_case and \\_edges\\_ and a pipe \\| in a line of text"
    )


async def test_lines_that_end_early_are_kept_apart(readers: DocumentReaders) -> None:
    lines = ["The Old Mill", "12 Harbour Street", "Northern Town and its surroundings"]

    def draw(page: canvas.Canvas) -> None:
        for number, line in enumerate(lines):
            page.drawString(70, 700 - 13 * number, line)

    assert (await markdown_of(readers, drawn(draw))).split("\n\n") == lines


async def test_letters_set_higher_or_lower_stay_in_their_words(readers: DocumentReaders) -> None:
    def draw(page: canvas.Canvas) -> None:
        text = page.beginText(70, 700)
        for part, rise, size in [("Of water, H", 0, 10), ("2", -3, 7), ("O, we know x", 0, 10), ("2", 4, 7)]:
            text.setFont("Times-Roman", size)
            text.setRise(rise)
            text.textOut(part)
        text.setRise(0)
        text.setFont("Times-Roman", 10)
        text.textOut(", and that is all there is to say about it.")
        page.drawText(text)

    assert await markdown_of(readers, drawn(draw)) == (
        "Of water, H2O, we know x2, and that is all there is to say about it."
    )


async def test_boxes_are_in_points_from_the_top_left(readers: DocumentReaders) -> None:
    def draw(page: canvas.Canvas) -> None:
        page.drawString(72, 720, "A line one inch from the left edge of the page, and long enough.")

    document = await readers.read(lambda: drawn(draw, (612, 792)))
    (page,) = document.pages
    (block,) = page["blocks"]
    left, top, _, bottom = block["box"]
    assert (page["width"], page["height"]) == (612, 792)
    assert left == pytest.approx(72, abs=1)
    assert top < 72 < bottom
    assert block["confidence"] is None


async def test_a_short_title_page_is_not_recognised_but_read(readers: DocumentReaders) -> None:
    def draw(page: canvas.Canvas) -> None:
        page.drawString(200, 500, "Title only")

    assert await markdown_of(readers, drawn(draw)) == "Title only"


async def test_an_empty_page_is_empty(readers: DocumentReaders) -> None:
    assert await markdown_of(readers, drawn(lambda page: page.showPage())) == ""
