"""Pages that are pictures are recognised: clean, worn, turned, and mixed with text layers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from perdure.agents.documents.worker import DocumentReaders
from tests.documents import made
from tests.documents.accuracy import accuracy, table_rows


async def page_of(readers: DocumentReaders, image: Image.Image, jpeg: int | None = None) -> dict[str, Any]:
    document = await readers.read(lambda: made.scan([image], jpeg=jpeg))
    (page,) = document.pages
    assert page["kind"] == "scan"
    return page


async def test_a_clean_scan_is_read_with_its_headings(readers: DocumentReaders) -> None:
    page = await page_of(readers, made.images_of(made.article())[0])
    assert accuracy(page["markdown"], made.article_text()) >= 0.98
    assert page["markdown"].startswith(f"# {made.TITLE}\n\n## {made.HEADINGS[0]}\n\n")
    assert page["mean_confidence"] > 0.95
    assert page["rotation"] == 0
    for block in page["blocks"]:
        assert 0 < block["confidence"] <= 1
        assert "".join(line["text"] for line in block["lines"])


async def test_two_scanned_columns_are_read_one_after_the_other(readers: DocumentReaders) -> None:
    page = await page_of(readers, made.images_of(made.two_columns())[0])
    assert accuracy(page["markdown"], " ".join((made.TITLE, *made.COLUMN_PARAGRAPHS))) >= 0.98


async def test_numbers_in_a_worn_scan_of_tables_are_exact(readers: DocumentReaders) -> None:
    page = await page_of(readers, made.noisy(made.upper_part(made.images_of(made.tables())[0])), jpeg=60)
    assert accuracy(page["markdown"], made.tables_text()) >= 0.95
    first, second = table_rows(page["markdown"])
    assert first[1:] == second[1:] == list(made.ROWS[1:])


async def test_the_frame_of_a_scanned_table_tells_its_cells(readers: DocumentReaders) -> None:
    page = await page_of(readers, made.noisy(made.images_of(made.long_cell())[0]), jpeg=60)
    assert table_rows(page["markdown"]) == [list(made.LONG_CELL_ROWS)]


@pytest.mark.parametrize("degrees", [90, 180])
async def test_a_turned_scan_is_turned_back(readers: DocumentReaders, degrees: int) -> None:
    upright = made.upper_part(made.images_of(made.tables())[0])
    page = await page_of(readers, upright.rotate(degrees, expand=True))
    assert page["rotation"] == degrees
    assert accuracy(page["markdown"], made.tables_text()) >= 0.95
    first, second = table_rows(page["markdown"])
    assert first[1:] == second[1:] == list(made.ROWS[1:])
    assert page["width"] > page["height"]


async def test_a_mixed_document_is_decided_page_by_page(readers: DocumentReaders) -> None:
    document = await readers.read(made.mixed)
    text, scan = document.pages
    assert (text["kind"], scan["kind"]) == ("text", "scan")
    assert text["mean_confidence"] is None
    assert accuracy(text["markdown"], made.article_text()) == 1
    assert accuracy(scan["markdown"], made.tables_text()) >= 0.95
    assert set(document.engines) == {"pypdfium2", "rapidocr", "onnxruntime"}


async def test_a_picture_without_text_gives_an_empty_page(readers: DocumentReaders) -> None:
    page = await page_of(readers, Image.new("L", (600, 800), 255))
    assert page["markdown"] == ""
    assert page["mean_confidence"] is None


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
