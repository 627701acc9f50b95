"""Pictures that a run made: seen where they are spoken of, under the call that made them, and among the files."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.checks import (
    assert_accessible,
    assert_not_wider_than_the_screen,
    shoot,
    wait_until_settled,
)
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

DRAW = """import struct, zlib
from pathlib import Path
W, H = 320, 160
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
dots = lambda y: b"".join(bytes((30, 90, 160) if y > H - 20 - x * x // 800 else (240, 240, 232)) for x in range(W))
rows = b"".join(b"\\0" + dots(y) for y in range(H))
head = struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 0)
Path("plots").mkdir(exist_ok=True)
Path("plots/speed over time.png").write_bytes(
    b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
Path("plots/broken.png").write_bytes(b"<svg onload='window.pwned=1'>")
Path("plots/notes.md").write_text("# Speed\\n\\n![From the notes](<speed over time.png>)\\n")
print("drawn")"""
ANSWER = """The ferry gained speed after 09:15.

![Speed of the ferry](<plots/speed over time.png>)

No picture: ![Broken](plots/broken.png), ![Missing](plots/missing.png), ![Above](../../secret.png),
![Elsewhere](http://127.0.0.1:9/far.png)"""
WIDTH = "image => image.complete ? image.naturalWidth : 0"


def expect_drawn(picture: Locator) -> None:
    """Wait until a browser has read the picture and made sense of it."""
    expect(picture).to_be_visible()
    picture.page.wait_for_function(f"image => ({WIDTH})(image) === 320", arg=picture.element_handle())


def test_a_picture_that_a_run_drew_is_seen_where_it_belongs(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    broken: list[str] = []
    page.on("console", lambda said: broken.append(said.text) if "Content Security" in said.text else None)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    provider.reply("Draw the speed", ANSWER)
    task = f"Draw the speed of the ferry. [[call run_python {json.dumps({'code': DRAW})}]]"
    session_id = server.start_session(task, "one-shot", tool_permissions={"code": "auto_allow"})
    server.wait_for_run(session_id, "completed")

    page.goto(f"/sessions/{session_id}")
    talk = page.get_by_role("log", name="Messages")
    inline = talk.get_by_role("article").last.get_by_role("img", name="Speed of the ferry")
    expect_drawn(inline)
    for words in ("Image: Broken (it cannot be shown)", "Image: Missing", "Image: Above", "Image: Elsewhere"):
        expect(talk.get_by_text(words).first).to_be_visible()
    made = talk.get_by_role("list", name="Pictures it made")
    expect(made).to_have_count(1)  # under the call, and not again under the program that the call ran
    thumbnail = made.get_by_role("img", name="plots/speed over time.png")
    expect_drawn(thumbnail)
    assert_accessible(page)
    shoot(page, "pictures-in-conversation")

    thumbnail.click()
    shown = page.get_by_role("region", name="Content of plots/speed over time.png")
    expect_drawn(shown.get_by_role("img"))
    page.reload()
    expect_drawn(shown.get_by_role("img"))
    assert_accessible(page)
    shoot(page, "pictures-in-files")
    page.get_by_role("button", name="notes.md").click()
    notes = page.get_by_role("region", name="Content of plots/notes.md")
    expect_drawn(notes.get_by_role("img", name="From the notes"))
    page.get_by_role("button", name="broken.png").click()
    expect(page.get_by_text("These bytes are no picture.")).to_be_visible()

    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/sessions/{session_id}")
    expect_drawn(inline)
    wait_until_settled(page)
    assert_not_wider_than_the_screen(page)
    assert_accessible(page)
    shoot(page, "pictures-on-a-phone")
    assert page.evaluate("window.pwned") is None
    assert broken == []
    assert all(url.startswith((server.url, f"blob:{server.url}", "data:")) for url in asked)
