"""PDF files made by the tests, with the text that a reader must find in them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pypdfium2 as pdfium
from PIL import Image, ImageFilter
from reportlab.lib import colors
from reportlab.lib.enums import TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    FrameBreak,
    ListFlowable,
    PageBreak,
    PageTemplate,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

TITLE = "Seasonal storage of heat in shallow aquifers"
PARAGRAPHS = (
    "Heat that is collected in summer can be kept under ground until winter. The method needs two wells, one "
    "for warm water and one for cold water, and an aquifer that hardly moves. We report on nine seasons of "
    "measurements at three sites, with particular attention to the losses that occur while nothing is pumped.",
    "The recovery factor is defined as the energy taken out divided by the energy put in. In the first year it "
    "was 0.47 at the northern site, because the surrounding rock had to be warmed as well; by the fourth year "
    "it had risen to 0.72, and it has stayed between 0.70 and 0.75 ever since.",
    "Costs are dominated by drilling. A pair of wells of 60 metres costs about 84,500 euros, pumps and heat "
    "exchangers another 39,200 euros, and the yearly operation 2,150 euros. Under these assumptions the system "
    "pays for itself after eleven years, or after eight if the price of gas doubles.",
    "Two effects were not expected. Fine sand entered one of the wells after a dry summer and reduced its flow "
    "by a third; flushing it with compressed air restored nearly all of it. And the temperature of the cold "
    "well rose by half a degree per year until the direction of pumping was reversed for one whole season.",
)
COLUMN_PARAGRAPHS = (*PARAGRAPHS, *reversed(PARAGRAPHS))
ITEMS = ("the warm well at 18 degrees", "the cold well at 7 degrees", "a control well upstream of both")
HEADINGS = ("1 Introduction", "2 Results")

ROWS = (
    ("Site", "Depth (m)", "Flow (l/s)", "Recovery"),
    ("North", "62.5", "14.2", "0.72"),
    ("Harbour", "48.0", "9.75", "0.641"),
    ("Old mill", "55.3", "11.08", "0.69"),
    ("School", "71.9", "16.4", "0.755"),
)

LONG_CELL_LEAD = "What was replaced in the northern well after the fourth season:"
LONG_CELL_ROWS = (
    ("Part", "Euros", "Why"),
    ("Pump", "1,250", "it ran dry twice in one summer and lost a third of its flow"),
    ("Valve", "18.75", "worn"),
)

_BODY = ParagraphStyle(
    "body", fontName="Times-Roman", fontSize=10.5, leading=13.5, alignment=TA_JUSTIFY, spaceAfter=7
)
_HEAD = ParagraphStyle(
    "head", fontName="Helvetica-Bold", fontSize=14, leading=18, spaceBefore=8, spaceAfter=6
)
_TITLE = ParagraphStyle("title", fontName="Helvetica-Bold", fontSize=20, leading=24, spaceAfter=14)


def article() -> bytes:
    """Two pages in one column: title, headings, paragraphs and a list."""
    file = io.BytesIO()
    story: list[Flowable] = [
        Paragraph(TITLE, _TITLE),
        Paragraph(HEADINGS[0], _HEAD),
        Paragraph(PARAGRAPHS[0], _BODY),
        Paragraph("The following was measured:", _BODY),
        ListFlowable([Paragraph(item, _BODY) for item in ITEMS], bulletType="bullet", start="•"),
        Paragraph(PARAGRAPHS[1], _BODY),
        PageBreak(),
        Paragraph(HEADINGS[1], _HEAD),
        Paragraph(PARAGRAPHS[2], _BODY),
        Paragraph(PARAGRAPHS[3], _BODY),
    ]
    SimpleDocTemplate(file, pagesize=A4, leftMargin=70, rightMargin=70).build(story)
    return file.getvalue()


def two_columns(paragraphs: Sequence[str] = COLUMN_PARAGRAPHS, height: float = A4[1]) -> bytes:
    """One page: a title across, then two columns."""
    file = io.BytesIO()
    width = A4[0]
    frames = [
        Frame(60, height - 130, width - 120, 70, id="title"),
        Frame(60, 60, 228, height - 200, id="left"),
        Frame(width - 60 - 228, 60, 228, height - 200, id="right"),
    ]
    document = BaseDocTemplate(file, pagesize=(width, height))
    document.addPageTemplates(PageTemplate(frames=frames))
    text = [Paragraph(text, _BODY) for text in paragraphs]
    document.build([Paragraph(TITLE, _TITLE), FrameBreak(), *text])
    return file.getvalue()


def columns_row_by_row() -> bytes:
    """Two columns whose producer wrote the lines across both of them, top to bottom."""
    file = io.BytesIO()
    page = canvas.Canvas(file, pagesize=A4)
    page.setFont("Times-Roman", 10)
    left, right = column_lines()
    for number, (one, two) in enumerate(zip(left, right, strict=True)):
        page.drawString(60, 760 - 13 * number, one)
        page.drawString(320, 760 - 13 * number, two)
    page.save()
    return file.getvalue()


def column_lines() -> tuple[list[str], list[str]]:
    """The lines of the two columns of `columns_row_by_row`."""
    words = " ".join(PARAGRAPHS).split()
    lines: list[str] = []
    line = ""
    for word in words:
        if len(line) + len(word) > 46:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    half = len(lines) // 2
    return lines[:half], lines[half : 2 * half]


def tables() -> bytes:
    """A ruled table and a table between rules, with text around them."""
    file = io.BytesIO()
    ruled = Table([list(row) for row in ROWS], colWidths=[110, 80, 80, 80])
    ruled.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.6, colors.black)]))
    open_ = Table([list(row) for row in ROWS], colWidths=[110, 90, 90, 90])
    open_.setStyle(
        TableStyle(
            [
                ("LINEABOVE", (0, 0), (-1, 0), 1, colors.black),
                ("LINEBELOW", (0, 0), (-1, 0), 0.5, colors.black),
                ("LINEBELOW", (0, -1), (-1, -1), 1, colors.black),
            ]
        )
    )
    story: list[Flowable] = [
        Paragraph("Wells and their yield", _HEAD),
        Paragraph("Table 1: every cell has a frame.", _BODY),
        ruled,
        Spacer(1, 18),
        Paragraph("Table 2: the same figures between three rules.", _BODY),
        open_,
        Spacer(1, 18),
        Paragraph(PARAGRAPHS[1], _BODY),
    ]
    SimpleDocTemplate(file, pagesize=A4, leftMargin=70, rightMargin=70).build(story)
    return file.getvalue()


def article_text() -> str:
    """What `article` says on its first page."""
    return " ".join((TITLE, HEADINGS[0], PARAGRAPHS[0], "The following was measured:", *ITEMS, PARAGRAPHS[1]))


def tables_text() -> str:
    """What `tables` says."""
    cells = " ".join(cell for row in ROWS for cell in row)
    return " ".join(
        (
            "Wells and their yield",
            "Table 1: every cell has a frame.",
            cells,
            "Table 2: the same figures between three rules.",
            cells,
            PARAGRAPHS[1],
        )
    )


def long_cell() -> bytes:
    """A ruled table with a cell of two lines, on a small page."""
    file = io.BytesIO()
    table = Table(
        [[Paragraph(cell, _BODY) for cell in row] for row in LONG_CELL_ROWS], colWidths=[80, 60, 150]
    )
    table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.6, colors.black)]))
    lead = Paragraph(LONG_CELL_LEAD, _BODY)
    SimpleDocTemplate(file, pagesize=(450, 320), leftMargin=50, rightMargin=50).build([lead, table])
    return file.getvalue()


def images_of(pdf: bytes, dpi: int = 200) -> list[Image.Image]:
    """Each page as a grey picture."""
    scale: Any = dpi / 72  # annotated as a whole number, which it need not be
    document = pdfium.PdfDocument(pdf)
    try:
        return [page.render(scale=scale, grayscale=True).to_pil() for page in document]
    finally:
        document.close()


def upper_part(image: Image.Image) -> Image.Image:
    """The picture of `article` or of `tables` without the empty rest of its page."""
    return image.crop((0, 0, image.width, image.height * 5 // 9))


def scan(images: Sequence[Image.Image], dpi: int = 200, jpeg: int | None = None) -> bytes:
    """A PDF with one picture on each page and no text."""
    file = io.BytesIO()
    page = canvas.Canvas(file)
    for image in images:
        width, height = image.width * 72 / dpi, image.height * 72 / dpi
        page.setPageSize((width, height))
        kept = io.BytesIO()
        image.save(kept, "JPEG" if jpeg else "PNG", **({"quality": jpeg} if jpeg else {}))
        kept.seek(0)
        page.drawImage(ImageReader(kept), 0, 0, width, height)
        page.showPage()
    page.save()
    return file.getvalue()


def noisy(image: Image.Image, degrees: float = 1.2) -> Image.Image:
    """The picture as a worn scanner gives it: a little turned, blurred and grainy."""
    turned = image.rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor=255, expand=False)
    soft = np.asarray(turned.filter(ImageFilter.GaussianBlur(0.8)), dtype=np.float32)
    grain = np.random.default_rng(7).normal(0, 12, soft.shape)
    return Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8))


def long_cell_text() -> str:
    """What `long_cell` says."""
    return " ".join((LONG_CELL_LEAD, *(cell for row in LONG_CELL_ROWS for cell in row)))


def mixed() -> bytes:
    """A page with a text layer, then a page that is a picture: those of `article` and of `long_cell`."""
    document = pdfium.PdfDocument(article())
    picture = pdfium.PdfDocument(scan(images_of(long_cell())))
    del document[1]
    document.import_pages(picture)
    file = io.BytesIO()
    document.save(file)
    picture.close()
    document.close()
    return file.getvalue()


def encrypted() -> bytes:
    """A page that opens with a password only."""
    file = io.BytesIO()
    page = canvas.Canvas(file, encrypt=StandardEncryption("open sesame", "owner"))
    page.drawString(100, 700, "nobody reads this")
    page.save()
    return file.getvalue()


def of_pages(count: int, size: tuple[float, float] = A4) -> bytes:
    """That many pages with a number on each, written by hand: ten thousand take no time."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {count} /Kids [{kids}] /MediaBox [0 0 {size[0]} {size[1]}] "
        "/Resources << /Font << /F 3 0 R >> >> >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number in range(1, count + 1):
        text = f"BT /F 12 Tf 100 100 Td (This is page {number} of a long document about very little at all.) Tj ET"
        objects.append(f"<< /Type /Page /Parent 2 0 R /Contents {len(objects) + 2} 0 R >>")
        objects.append(f"<< /Length {len(text)} >>\nstream\n{text}\nendstream")
    file, places = io.BytesIO(b"%PDF-1.4\n"), [""] * len(objects)
    file.seek(0, io.SEEK_END)
    for number, content in enumerate(objects, 1):
        places[number - 1] = f"{file.tell():010} 00000 n \n"
        file.write(f"{number} 0 obj\n{content}\nendobj\n".encode())
    start, entries = file.tell(), len(objects) + 1
    file.write(f"xref\n0 {entries}\n0000000000 65535 f \n{''.join(places)}".encode())
    file.write(f"trailer\n<< /Size {entries} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode())
    return file.getvalue()
