"""Pages that are pictures are recognised: clean, worn, coarse, turned, in columns, and beside text layers.

Recognition takes seconds a page, so each page is read once and looked at by several tests.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from perdure.agents.documents.worker import DocumentReaders, ReadDocument
from tests.documents import made
from tests.documents.accuracy import accuracy, table_rows

TURNS = (90, 180, 270)
HALF_A_PAGE_PT = 440

Scans = Callable[[Callable[[], bytes]], list[dict[str, Any]]]


def read(readers: DocumentReaders, pdf: bytes) -> ReadDocument:
    return asyncio.run(readers.read(lambda: pdf))


def badly_scanned(image: Image.Image) -> bytes:
    """What a bad scanner makes of a page that lies askew: 110 dpi, grain, and few bytes."""
    return made.scan([made.noisy(image, -2)], dpi=110, jpeg=45)


def coarse() -> bytes:
    return badly_scanned(made.upper_part(made.images_of(made.article(), dpi=110)[0]))


def clean() -> bytes:
    columns = made.images_of(made.two_columns(made.PARAGRAPHS, HALF_A_PAGE_PT))[0]
    article = made.upper_part(made.images_of(made.article())[0])
    return made.scan([article, columns, Image.new("L", (600, 800), 255)])


def worn() -> bytes:
    tables, cell = made.upper_part(made.images_of(made.tables())[0]), made.images_of(made.long_cell())[0]
    return made.scan([made.noisy(tables), made.noisy(cell)], jpeg=60)


def turned() -> bytes:
    cell = made.images_of(made.long_cell())[0]
    return made.scan([cell.rotate(degrees, expand=True) for degrees in TURNS])


@pytest.fixture(scope="module")
def scans(readers: DocumentReaders) -> Scans:
    """The recognised pages by number, of what one of these functions scans."""

    @cache
    def pages_of(scan: Callable[[], bytes]) -> list[dict[str, Any]]:
        pages = read(readers, scan()).pages
        assert {page["kind"] for page in pages} == {"scan"}
        return pages

    return pages_of


@pytest.fixture(scope="module")
def mixed(readers: DocumentReaders) -> ReadDocument:
    """A page with a text layer and one that is a picture."""
    return read(readers, made.mixed())


def test_a_clean_scan_is_read_with_its_headings(scans: Scans) -> None:
    page = scans(clean)[0]
    assert accuracy(page["markdown"], made.article_text()) >= 0.98
    assert page["markdown"].startswith(f"# {made.TITLE}\n\n## {made.HEADINGS[0]}\n\n")
    assert page["mean_confidence"] > 0.95
    assert page["rotation"] == 0
    for block in page["blocks"]:
        assert 0 < block["confidence"] <= 1
        assert "".join(line["text"] for line in block["lines"])


def test_two_scanned_columns_are_read_one_after_the_other(scans: Scans) -> None:
    text = scans(clean)[1]["markdown"]
    assert accuracy(text, " ".join((made.TITLE, *made.PARAGRAPHS))) >= 0.98
    starts = [text.index(paragraph[:30]) for paragraph in made.PARAGRAPHS]
    assert starts == sorted(starts)


def test_a_page_of_110_dpi_that_lies_askew_is_read(scans: Scans) -> None:
    page = scans(coarse)[0]
    assert accuracy(page["markdown"], made.article_text()) >= 0.95
    assert page["markdown"].startswith(f"# {made.TITLE}\n\n")
    assert [block["text"].lstrip("•· ") for block in page["blocks"] if block["kind"] == "list_item"] == list(
        made.ITEMS
    )
    assert page["rotation"] == 0


def test_numbers_in_a_worn_scan_of_tables_are_exact(scans: Scans) -> None:
    text = scans(worn)[0]["markdown"]
    assert accuracy(text, made.tables_text()) >= 0.95
    first, second = table_rows(text)
    assert first[1:] == second[1:] == list(made.ROWS[1:])


def test_the_frame_of_a_scanned_table_tells_its_cells(scans: Scans) -> None:
    assert table_rows(scans(worn)[1]["markdown"]) == [list(made.LONG_CELL_ROWS)]


@pytest.mark.parametrize("degrees", TURNS)
def test_a_turned_scan_is_turned_back(scans: Scans, degrees: int) -> None:
    page = scans(turned)[TURNS.index(degrees)]
    assert page["rotation"] == degrees
    assert accuracy(page["markdown"], made.long_cell_text()) >= 0.95
    assert table_rows(page["markdown"]) == [list(made.LONG_CELL_ROWS)]
    assert page["width"] > page["height"]
    for block in page["blocks"]:
        left, top, right, bottom = block["box"]
        assert 0 <= left < right <= page["width"]
        assert 0 <= top < bottom <= page["height"]


def test_a_mixed_document_is_decided_page_by_page(mixed: ReadDocument) -> None:
    text, scan = mixed.pages
    assert (text["kind"], scan["kind"]) == ("text", "scan")
    assert text["mean_confidence"] is None
    assert accuracy(text["markdown"], made.article_text()) == 1
    assert accuracy(scan["markdown"], made.long_cell_text()) >= 0.98
    assert table_rows(scan["markdown"]) == [list(made.LONG_CELL_ROWS)]
    assert set(mixed.engines) == {"pypdfium2", "rapidocr", "onnxruntime"}


def test_a_picture_without_text_gives_an_empty_page(scans: Scans) -> None:
    assert scans(clean)[2]["markdown"] == ""
    assert scans(clean)[2]["mean_confidence"] is None


def test_recognition_opens_no_connection(tmp_path: Path) -> None:
    scan = tmp_path / "scan.pdf"
    scan.write_bytes(
        made.scan([made.images_of(made.of_pages(1), dpi=120)[0].crop((100, 1100, 992, 1403))], dpi=120)
    )
    code = """
import socket, sys
def refuse(*_, **__):
    raise SystemExit("a connection was attempted")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from perdure.agents.documents import pages
from perdure.agents.documents.limits import DocumentLimits
limits = DocumentLimits()
opened = pages.open_document(open(sys.argv[1], "rb").read(), limits)
(page,) = pages.read_pages(opened, [1], limits, pages.Recognition(1))
print(page.kind, page.markdown)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(scan)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("scan This is page 1 of a long document")


@pytest.mark.soak
@pytest.mark.parametrize("wear", ["clean", "worn", "coarse", *(f"turned {degrees}" for degrees in TURNS)])
@pytest.mark.parametrize("name", ["article", "columns", "tables"])
def test_whole_pages_are_read_however_they_were_scanned(
    readers: DocumentReaders, name: str, wear: str
) -> None:
    pdf, text = {
        "article": (made.article(), made.article_text()),
        "columns": (made.two_columns(), " ".join((made.TITLE, *made.COLUMN_PARAGRAPHS))),
        "tables": (made.tables(), made.tables_text()),
    }[name]
    image = made.images_of(pdf, dpi=110 if wear == "coarse" else 200)[0]
    degrees = int(wear.removeprefix("turned ")) if wear.startswith("turned") else 0
    if wear == "coarse":
        scan = badly_scanned(image)
    elif wear == "worn":
        scan = made.scan([made.noisy(image)], jpeg=60)
    else:
        scan = made.scan([image.rotate(degrees, expand=True)])
    (page,) = read(readers, scan).pages
    share = accuracy(page["markdown"], text)
    print(f"{name}, {wear}: {share:.2%}")
    assert share >= (0.98 if wear == "clean" else 0.95)
    assert page["rotation"] == degrees
    if name == "tables":
        first, second = table_rows(page["markdown"])
        assert first[1:] == second[1:] == list(made.ROWS[1:])
