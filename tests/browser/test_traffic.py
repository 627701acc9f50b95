"""A page hears what happens; it does not keep asking."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

WORDS, PACE_S = 66, 0.25


def test_a_live_run_is_watched_over_one_socket_without_a_single_request(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    provider.reply("Slowly", " ".join(f"word{number}" for number in range(WORDS)))
    provider.set_delay(PACE_S)
    provider.hold("Slowly", after_tokens=WORDS - 2)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    session_id = server.start_session("Slowly, please", "one-shot")
    page.goto(f"/sessions/{session_id}")
    growing = page.locator("article[data-open]")
    expect(growing).to_contain_text("word4")
    page.wait_for_load_state("networkidle")

    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(f"{request.method} {request.url}")

    page.on("request", note)
    begun = time.monotonic()
    expect(growing).to_contain_text(f"word{WORDS - 3}", timeout=60_000)
    assert time.monotonic() - begun > 10, "the run was too short to show anything"
    page.remove_listener("request", note)
    assert asked == []
    assert len(sockets) == 1

    provider.release()
    expect(growing).to_have_count(0)
    page.get_by_role("link", name="Sessions", exact=True).first.click()
    expect(page.get_by_role("listitem").filter(has_text="Slowly, please")).to_contain_text("Done")
    page.get_by_role("link", name=re.compile("Inbox")).click()
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Slowly, please").click()
    expect(page.get_by_role("status", name="Connection")).to_have_text("live")
    assert len(sockets) == 1


def test_opening_a_very_long_talk_reads_its_newest_part_only(page: Page, server: PerdureServer) -> None:
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Long talk"})["session_id"]
    for start in range(0, 30_000, 1000):
        said = [{"role": "user", "content": f"Entry {n}."} for n in range(start, start + 1000)]
        server.send("PUT", f"/api/sessions/{session_id}/state", {"messages": said})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/sessions/{session_id}")
    expect(page.get_by_role("log", name="Messages").get_by_role("article").last).to_contain_text(
        "Entry 29999."
    )
    page.wait_for_load_state("networkidle")
    assert len([url for url in asked if "/events?" in url]) <= 12
    assert len([url for url in asked if "/api/" in url]) < 30
