"""arXiv on loopback: its Atom query interface and its PDFs, with the faults of the real one.

with ArxivServer() as arxiv:
    arxiv.add("2401.12345", title="On walls", pdf=make_pdf("On walls"))
    arxiv.fail("pdf", 429, retry_after="7")      # the next request for a PDF
    arxiv.cut_at(1000)                           # the next PDF ends after 1000 bytes
    Site(api_base=arxiv.base, pdf_base=arxiv.base)
    ...
    assert arxiv.paths("pdf") == ["/pdf/2401.12345v1"]
"""

from __future__ import annotations

import hashlib
import io
import re
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

Area = Literal["api", "pdf"]

_ID = re.compile(r"(?P<base>.+?)(?:v(?P<version>[0-9]+))?")


@dataclass
class FakePaper:
    """One paper with its versions; `pdfs[0]` is version 1. None is a version without a PDF."""

    base: str
    title: str
    authors: list[str]
    abstract: str
    pdfs: list[bytes | None]
    categories: list[str]
    pdf_link: str | None = None

    def entry(self, version: int) -> str:
        """The Atom entry of one version, in the shape of the real service."""
        id_ = f"{self.base}v{version}"
        authors = "".join(
            f"<author><name>{escape(name)}</name><arxiv:affiliation>Wall Lab</arxiv:affiliation></author>"
            for name in self.authors
        )
        categories = "".join(f'<category term="{each}"/>' for each in self.categories)
        link = self.pdf_link or f"http://arxiv.org/pdf/{id_}"
        return (
            f"<entry><id>http://arxiv.org/abs/{id_}</id><updated>2024-02-0{version}T10:00:00Z</updated>"
            f"<published>2024-01-23T18:59:59Z</published><title>{escape(self.title)}</title>"
            f"<summary>  {escape(self.abstract)}\n</summary>{authors}"
            f'<arxiv:primary_category term="{self.categories[0]}"/>{categories}'
            f"<arxiv:comment>12 pages,\n  3 figures</arxiv:comment>"
            f'<link href="http://arxiv.org/abs/{id_}" rel="alternate" type="text/html"/>'
            f'<link title="pdf" href="{escape(link)}" rel="related" type="application/pdf"/></entry>'
        )


@dataclass(frozen=True, slots=True)
class Request:
    """One request that came, answered or not."""

    area: Area
    target: str
    headers: dict[str, str]
    """Names in lower case."""


@dataclass
class _Fault:
    status: int | None = None
    retry_after: str | None = None
    location: str | None = None
    html: bool = False
    empty: bool = False
    cut_at: int | None = None
    stall_at: int | None = None
    drop: bool = False


@dataclass
class _State:
    papers: dict[str, FakePaper] = field(default_factory=dict[str, FakePaper])
    faults: dict[str, deque[_Fault]] = field(default_factory=lambda: {"api": deque(), "pdf": deque()})
    requests: list[Request] = field(default_factory=list[Request])
    ranges: bool = True
    marks: bool = True
    lengths: bool = True
    wrong_ranges: bool = False
    conditions: bool = True
    down: bool = False
    held: str | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    answered: list[Area] = field(default_factory=list[Area])


class ArxivServer:
    """The service, in threads of its own, between `__enter__` and `__exit__`."""

    def __init__(self) -> None:
        state = self._state = _State()

        class Handler(_Handler):
            service = state

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.base = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(
        self,
        base: str,
        *,
        title: str = "A paper",
        authors: tuple[str, ...] = ("Ada Wall", "Ben Stone"),
        abstract: str = "We look at walls.",
        pdf: bytes | None = None,
        versions: int = 1,
        categories: tuple[str, ...] = ("cs.CL", "cs.AI"),
        pdf_link: str | None = None,
        withdrawn: bool = False,
    ) -> FakePaper:
        """Publish a paper; all its versions get the PDF, or a small one of their own."""
        pdfs = [
            None if withdrawn else pdf or make_pdf(f"{title}, version {number}")
            for number in range(1, versions + 1)
        ]
        paper = FakePaper(base, title, list(authors), abstract, pdfs, list(categories), pdf_link)
        self._state.papers[base] = paper
        return paper

    def pdf(self, base: str, version: int = 1) -> bytes:
        """The bytes of a version's PDF."""
        content = self._state.papers[base].pdfs[version - 1]
        assert content is not None
        return content

    def replace_pdf(self, base: str, content: bytes) -> None:
        """Put other bytes in the place of version 1."""
        self._state.papers[base].pdfs[0] = content

    def fail(self, area: Area, status: int, *, retry_after: str | None = None, times: int = 1) -> None:
        """Answer the next requests with an error."""
        self._plan(area, times, _Fault(status=status, retry_after=retry_after))

    def redirect(self, area: Area, location: str) -> None:
        """Send the next request elsewhere."""
        self._plan(area, 1, _Fault(status=302, location=location))

    def answer_html(self, area: Area, times: int = 1) -> None:
        """Answer the next requests with a page for people, status 200."""
        self._plan(area, times, _Fault(html=True))

    def answer_nothing(self, times: int = 1) -> None:
        """Answer the next queries with a feed without entries."""
        self._plan("api", times, _Fault(empty=True))

    def cut_at(self, size: int, times: int = 1) -> None:
        """Break the connection of the next PDF answers after so many bytes of each."""
        self._plan("pdf", times, _Fault(cut_at=size))

    def stall_at(self, size: int) -> None:
        """Stop the next PDF after so many bytes, until `release`."""
        self._state.go_on.clear()
        self._plan("pdf", 1, _Fault(stall_at=size))

    def drop(self, area: Area, times: int = 1) -> None:
        """Close the next connections without a word."""
        self._plan(area, times, _Fault(drop=True))

    def set(
        self,
        *,
        ranges: bool | None = None,
        marks: bool | None = None,
        lengths: bool | None = None,
        wrong_ranges: bool | None = None,
        conditions: bool | None = None,
        down: bool | None = None,
    ) -> None:
        """Switch abilities: ranges, entity tags, stated lengths, right offsets, `If-Range`; or go down."""
        for name, value in (
            ("ranges", ranges),
            ("marks", marks),
            ("lengths", lengths),
            ("wrong_ranges", wrong_ranges),
            ("conditions", conditions),
            ("down", down),
        ):
            if value is not None:
                setattr(self._state, name, value)

    def hold(self, match: str) -> None:
        """Keep requests whose target holds the text waiting until `release`."""
        self._state.held = match
        self._state.go_on.clear()

    def release(self) -> None:
        """Let those that wait go on."""
        self._state.held = None
        self._state.go_on.set()

    def answered(self, area: Area) -> int:
        """How many requests were answered."""
        return self._state.answered.count(area)

    def requests(self, area: Area) -> list[Request]:
        """What came, in order."""
        return [request for request in self._state.requests if request.area == area]

    def paths(self, area: Area) -> list[str]:
        """The targets of what came, in order."""
        return [request.target for request in self.requests(area)]

    def _plan(self, area: Area, times: int, fault: _Fault) -> None:
        self._state.faults[area].extend([fault] * times)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of callers who went away; they are part of the tests."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    service: _State

    def do_GET(self) -> None:
        """Answer a query or send a PDF."""
        path = urlsplit(self.path).path
        area: Area = "api" if path.startswith("/api/") else "pdf"
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.service.requests.append(Request(area, self.path, headers))
        if self.service.held and self.service.held in self.path:
            self.service.go_on.wait(30)
        faults = self.service.faults[area]
        fault = faults.popleft() if faults else _Fault()
        if fault.drop or self.service.down:
            self.close_connection = True
        elif fault.status is not None:
            self._error(fault)
        elif fault.html:
            self._send(200, b"<html><body>Please wait</body></html>" * 40, "text/html; charset=utf-8")
        elif area == "api":
            self._query(fault)
        else:
            self._pdf(unquote(path).removeprefix("/pdf/"), fault)
        self.service.answered.append(area)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def _query(self, fault: _Fault) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        ids = [each for each in asked.get("id_list", [""])[0].split(",") if each]
        words = asked.get("search_query", [""])[0].lower().split()
        if any(not re.fullmatch(r"[\w.-]+(?:/[0-9]{7})?(?:v[0-9]+)?", each) for each in ids) or ":::" in str(
            words
        ):
            self._error(_Fault(status=400))
            return
        if ids:
            entries = [entry for each in ids if (entry := self._entry(each)) is not None]
        else:
            entries = [
                paper.entry(len(paper.pdfs))
                for paper in self.service.papers.values()
                if all(word in f"{paper.title} {paper.abstract}".lower() for word in words)
            ]
        if fault.empty:
            entries = []
        start, size = int(asked["start"][0]), int(asked["max_results"][0])
        feed = (
            '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom" '
            'xmlns:arxiv="http://arxiv.org/schemas/atom" '
            'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
            f"<opensearch:totalResults>{len(entries)}</opensearch:totalResults>"
            f"<opensearch:startIndex>{start}</opensearch:startIndex>"
            f"{''.join(entries[start : start + size])}</feed>"
        )
        self._send(200, feed.encode(), "application/atom+xml; charset=utf-8")

    def _entry(self, id_: str) -> str | None:
        match = _ID.fullmatch(id_)
        paper = self.service.papers.get(match["base"]) if match else None
        if match is None or paper is None:
            return None
        version = int(match["version"] or len(paper.pdfs))
        return paper.entry(version) if version <= len(paper.pdfs) else None

    def _pdf(self, id_: str, fault: _Fault) -> None:
        match = _ID.fullmatch(id_)
        paper = self.service.papers.get(match["base"]) if match else None
        version = int((match and match["version"]) or (len(paper.pdfs) if paper else 0))
        content = paper.pdfs[version - 1] if paper and version <= len(paper.pdfs) else None
        if content is None:
            self._error(_Fault(status=404))
            return
        mark = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers = {"ETag": mark} if self.service.marks else {}
        wanted = re.fullmatch(r"bytes=([0-9]+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        changed = self.service.conditions and self.headers.get("If-Range", mark) != mark
        if changed or not self.service.ranges:
            wanted, start = None, 0
        if wanted and start >= len(content):
            self._send(416, b"", "text/plain", {"Content-Range": f"bytes */{len(content)}"})
            return
        if wanted:
            told = start + 7 if self.service.wrong_ranges else start
            headers["Content-Range"] = f"bytes {told}-{len(content) - 1}/{len(content)}"
        body = content[start:]
        self._send(206 if wanted else 200, body, "application/pdf", headers, fault)

    def _error(self, fault: _Fault) -> None:
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        if fault.location:
            headers["Location"] = fault.location
        self._send(fault.status or 500, b"no", "text/plain", headers)

    def _send(
        self,
        status: int,
        body: bytes,
        kind: str,
        headers: dict[str, str] | None = None,
        fault: _Fault | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        if self.service.lengths or not kind.endswith("pdf"):
            self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if fault is None or (fault.cut_at is None and fault.stall_at is None):
            self.wfile.write(body)
        elif fault.cut_at is not None:
            self.wfile.write(body[: fault.cut_at])
        else:
            self.wfile.write(body[: fault.stall_at])
            self.service.go_on.wait(60)
            self.wfile.write(body[fault.stall_at :])


def make_pdf(*pages: str, padding: int = 0) -> bytes:
    """A real PDF with one line of text per page, and `padding` bytes of nothing in its properties."""
    from reportlab.pdfgen.canvas import Canvas

    file = io.BytesIO()
    canvas = Canvas(file, invariant=True)
    for text in pages:
        for number, line in enumerate(text.splitlines() or [""]):
            canvas.drawString(72, 760 - 14 * number, line)
        canvas.showPage()
    canvas.setKeywords("x" * padding)
    canvas.save()
    return file.getvalue()
