"""Seconds per page of reading PDF files, beside the bare library calls on the same pages."""

from __future__ import annotations

import asyncio
import ctypes
import io
from statistics import median
from typing import Any

import pypdfium2 as pdfium

from benchmarks.harness import Result, Scale, race, ratio, timed
from perdure.agents.documents import pages
from perdure.agents.documents.limits import DocumentLimits
from perdure.agents.documents.worker import DocumentReaders

_raw: Any = pdfium.raw
_MARGIN_PT, _LINE_PT = 60, 16
_SENTENCE = "Heat that is collected in summer, 1,250 units of it, can be kept until winter {}."


def run(scale: Scale) -> list[Result]:
    """Measure pages with a text layer and scanned ones; a page without its text counts as lost."""
    lines = scale.of(45, 5)
    text = text_pdf(scale.of(20, 3), lines)
    return [_text(scale, text), *_scans(scale, scan_pdf(text))]


def _text(scale: Scale, pdf: bytes) -> Result:
    limits = DocumentLimits()
    recognition = pages.Recognition(2)
    count = len(pdfium.PdfDocument(pdf))
    found: list[str] = []

    def ours() -> None:
        opened = pages.open_document(pdf, limits)
        found[:] = [page.text for page in pages.read_pages(opened, range(1, count + 1), limits, recognition)]
        opened.close()

    def bare() -> None:
        document = pdfium.PdfDocument(pdf)
        for page in document:
            page.get_textpage().get_text_range()
        document.close()

    spent = race({"ours": timed(ours), "bare": timed(bare)}, scale.of(9, 3), 1)
    lost = count - sum("kept until winter 0." in text for text in found)
    return _result("text layer to Markdown", spent, count, lost, "pypdfium2: the characters alone")


def _scans(scale: Scale, pdf: bytes) -> list[Result]:
    from rapidocr import RapidOCR

    engine = RapidOCR(params={"Global.use_cls": False, "Global.log_level": "error"})
    recognition = pages.Recognition(2)
    limits = DocumentLimits()
    readers = DocumentReaders(count=1)
    found: list[str] = []
    scale_to: Any = limits.dpi / 72

    def ours() -> None:
        opened = pages.open_document(pdf, limits)
        found[:] = [page.text for page in pages.read_pages(opened, [1], limits, recognition)]
        opened.close()

    def bare() -> None:
        document = pdfium.PdfDocument(pdf)
        engine(document[0].render(scale=scale_to).to_numpy()[:, :, :3])
        document.close()

    def process() -> None:
        document = asyncio.run(readers.read(lambda: pdf))
        found[:] = [page["text"] for page in document.pages]

    contenders = {"ours": timed(ours), "bare": timed(bare), "process": timed(process)}
    for contender in contenders.values():
        contender(1)  # each loads its models first
    try:
        spent = race(contenders, scale.of(5, 1), 1)
    finally:
        readers.close()
    lost = sum("kept until winter" not in text for text in found)
    note = "pypdfium2 and rapidocr: lines in no order"
    return [
        _result("scan to Markdown", spent, 1, lost, note),
        _result("scan to Markdown, by a process", {**spent, "ours": spent["process"]}, 1, lost, note),
    ]


def _result(case: str, spent: dict[str, list[float]], count: int, lost: int, note: str) -> Result:
    ours, bare = spent["ours"], spent["bare"]
    return Result(
        "documents",
        case,
        "s/page",
        median(ours) / count,
        median(bare) / count,
        ratio(ours, bare),
        None,
        lost,
        note,
    )


def text_pdf(count: int, lines: int) -> bytes:
    """Return a document of that many pages of so many lines, no higher than they need."""
    document = pdfium.PdfDocument.new()
    font = _raw.FPDFText_LoadStandardFont(document, b"Times-Roman")
    height = 2 * _MARGIN_PT + _LINE_PT * lines
    for _ in range(count):
        page = document.new_page(595, height)
        for number in range(lines):
            line = _raw.FPDFPageObj_CreateTextObj(document, font, 11.0)
            text = (_SENTENCE.format(number) + "\0").encode("utf-16-le")
            _raw.FPDFText_SetText(line, ctypes.cast(ctypes.create_string_buffer(text), _raw.FPDF_WIDESTRING))
            _raw.FPDFPageObj_Transform(line, 1, 0, 0, 1, 70, height - _MARGIN_PT - _LINE_PT * number)
            _raw.FPDFPage_InsertObject(page, line)
        page.gen_content()
    return _saved(document)


def scan_pdf(pdf: bytes) -> bytes:
    """Return a document with a picture of the first page, as a scanner with 200 dpi gives it."""
    scale: Any = 200 / 72
    source = pdfium.PdfDocument(pdf)[0]
    width, height = source.get_size()
    bitmap = source.render(scale=scale)
    document = pdfium.PdfDocument.new()
    page = document.new_page(width, height)
    image = pdfium.PdfImage.new(document)
    image.set_bitmap(bitmap)
    image.set_matrix(pdfium.PdfMatrix().scale(width, height))
    page.insert_obj(image)
    page.gen_content()
    return _saved(document)


def _saved(document: Any) -> bytes:
    file = io.BytesIO()
    document.save(file)
    document.close()
    return file.getvalue()
