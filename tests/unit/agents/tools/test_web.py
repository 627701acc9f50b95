"""Pages of a real server on loopback, allowed for the test, as an agent reads them."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from perdure.agents.tools.web import web_tools
from perdure.agents.web.fetch import AnswerTooLarge, FetchFailed, fetch
from perdure.agents.web.guard import OutgoingGuard
from perdure.core.tools import ToolCategory
from tests.fakes.tool_calls import call_tool
from tests.fakes.tool_context import RecordingToolContext
from tests.fakes.web_server import Page, WebServer, web_server

MIB = 1024 * 1024


@pytest.fixture
async def site() -> AsyncIterator[WebServer]:
    async with web_server() as server:
        yield server


@pytest.fixture
def context(tmp_path: Path) -> RecordingToolContext:
    return RecordingToolContext(tmp_path / "work")


async def told(site: WebServer, context: RecordingToolContext, path: str, **arguments: object) -> str:
    """What the model is told about a page."""
    group = web_tools(OutgoingGuard([site.host]))
    answer = await call_tool(group, context, "fetch_url", url=site.url(path), **arguments)
    return f"refused: {answer.content}" if answer.outcome == "retried" else str(answer.content)


async def test_html_becomes_text(site: WebServer, context: RecordingToolContext) -> None:
    site.pages["/"] = Page("<h1>Ünder</h1><a href=/x>link</a><script>no</script>".encode(), "text/html")

    assert await told(site, context, "/") == f"Address: {site.url('/')}\n\n# Ünder\n\nlink ({site.url('/x')})"


async def test_json_and_text_stay_as_they_are(site: WebServer, context: RecordingToolContext) -> None:
    body = json.dumps({"a": "<b>"}).encode()
    site.pages["/json"] = Page(body, "application/json")
    site.pages["/feed"] = Page(b"<feed/>", "application/atom+xml; charset=utf-8")

    assert (await told(site, context, "/json")).endswith('\n\n{"a": "<b>"}')
    assert (await told(site, context, "/feed")).endswith("\n\n<feed/>")


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/plain; charset=iso-8859-1", "é".encode("latin-1")),
        ("text/html", '<meta charset="windows-1252">é'.encode("cp1252")),
        ("text/plain; charset=utf-8", "é".encode()),
        ("text/plain; charset=punycode", "é".encode()),
        ("text/plain; charset=nonsense", "é".encode()),
        ("", "é".encode()),
    ],
)
async def test_charsets(site: WebServer, context: RecordingToolContext, media_type: str, body: bytes) -> None:
    site.pages["/"] = Page(body, media_type)

    assert (await told(site, context, "/")).endswith("é")


async def test_the_address_after_redirects_is_named(site: WebServer, context: RecordingToolContext) -> None:
    site.redirect("/a", "/b")
    site.pages["/b"] = Page(b"here")

    assert await told(site, context, "/a") == f"Address: {site.url('/b')}\n\nhere"


async def test_long_text_is_cut(site: WebServer, context: RecordingToolContext) -> None:
    site.pages["/"] = Page(b"x" * 500)

    answer = await told(site, context, "/", max_chars=100)

    assert "The first 100 of 500 characters:" in answer
    assert answer.endswith("\n\n" + "x" * 100)


@pytest.mark.parametrize(
    ("answered", "advice"),
    [
        (Page(b"%PDF-1.7", "application/pdf"), "read_pdf"),
        (Page(b"\x89PNG", "image/png"), "image/png, which is not text"),
        (Page(b"gone", status=404), "status 404"),
        (Page(b"x", headers={"Content-Encoding": "br"}), "packed as 'br'"),
        (Page(b"not gzip", headers={"Content-Encoding": "gzip"}), "no usable answer"),
    ],
)
async def test_what_cannot_be_shown_becomes_advice(
    site: WebServer, context: RecordingToolContext, answered: Page, advice: str
) -> None:
    site.pages["/"] = answered

    answer = await told(site, context, "/")

    assert answer.startswith("refused")
    assert advice in answer


async def test_a_refused_address_becomes_advice(context: RecordingToolContext) -> None:
    answer = await call_tool(
        web_tools(OutgoingGuard()), context, "fetch_url", url="http://169.254.169.254/latest"
    )

    assert answer.outcome == "retried"
    assert "not a public address" in str(answer.content)


async def test_saves_what_is_not_text(site: WebServer, context: RecordingToolContext) -> None:
    site.pages["/a.pdf"] = Page(b"%PDF-1.7", "application/pdf")

    answer = await told(site, context, "/a.pdf", save_as="papers/a.pdf")
    again = await told(site, context, "/a.pdf", save_as="papers/a.pdf")
    outside = await told(site, context, "/a.pdf", save_as="../a.pdf")

    assert answer == again == f"Saved {site.url('/a.pdf')} as papers/a.pdf (8 bytes, application/pdf)."
    assert context.workspace.read_bytes("papers/a.pdf") == b"%PDF-1.7"
    assert [info.path for info in context.changes] == ["papers/a.pdf"]
    assert outside.startswith("refused")


async def test_an_endless_answer_is_not_read_to_its_end(
    site: WebServer, context: RecordingToolContext
) -> None:
    site.pages["/"] = Page(b"x" * MIB, chunks=1000)

    assert "The first 20,000 of 5,242,880 characters:" in await told(site, context, "/")
    assert "more than 20,971,520 bytes" in await told(site, context, "/", save_as="x")
    assert context.workspace.list() == []


async def test_a_bomb_is_unpacked_no_further_than_the_limit(site: WebServer) -> None:
    bomb = gzip.compress(gzip.compress(b"\0" * 5 * MIB, 9) + b"\0" * 50 * MIB, 9)
    site.pages["/"] = Page(bomb, headers={"Content-Encoding": "gzip"})
    guard = OutgoingGuard([site.host])

    with pytest.raises(AnswerTooLarge):
        await fetch(guard, site.url("/"), max_bytes=MIB, timeout_s=30)
    cut = await fetch(guard, site.url("/"), max_bytes=MIB, timeout_s=30, cut=True)

    assert (len(cut.content), cut.truncated) == (MIB, True)


async def test_gzip_is_unpacked(site: WebServer) -> None:
    site.pages["/"] = Page(gzip.compress(b"hello"), headers={"Content-Encoding": "gzip"})

    found = await fetch(OutgoingGuard([site.host]), site.url("/"), max_bytes=5, timeout_s=30)

    assert (found.content, found.truncated) == (b"hello", False)


async def test_a_server_that_does_not_answer_is_left(site: WebServer) -> None:
    hold = asyncio.Event()
    site.pages["/"] = Page(hold=hold)

    with pytest.raises(FetchFailed, match=r"0\.2 seconds"):
        await fetch(OutgoingGuard([site.host]), site.url("/"), max_bytes=5, timeout_s=0.2)
    hold.set()


async def test_a_server_that_is_not_there_is_named(site: WebServer) -> None:
    with pytest.raises(FetchFailed):
        await fetch(OutgoingGuard(["127.0.0.1:1"]), "http://127.0.0.1:1/", max_bytes=5, timeout_s=10)


def test_reading_the_web_needs_the_permission_for_the_network() -> None:
    (tool,) = web_tools(OutgoingGuard()).tools

    assert (tool.name, tool.category, tool.repeatable) == ("fetch_url", ToolCategory.NETWORK, True)
