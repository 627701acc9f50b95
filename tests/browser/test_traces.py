"""What a run left behind: what its steps took, when it stood still, which versions its files had."""

from __future__ import annotations

import io
import re
import zipfile

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import assert_accessible, shoot
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

SAME_FILE_TWICE = (
    '[[call write_file {"path": "facts.md", "content": "# Facts\\n\\nOne."}]]'
    '[[call write_file {"path": "facts.md", "content": "# Facts\\n\\nOne, two and three."}]]'
)


def test_the_greedy_steps_stand_out_in_the_picture(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    session_id = server.start_session("Write a briefing.", "planning-control")
    server.wait_for_run(session_id, "completed")
    page.goto(f"/sessions/{session_id}?tab=dag")
    step = page.get_by_label("Collect the facts: Done")
    expect(step).to_contain_text(re.compile(r"\d s$"))
    measures = page.get_by_role("group", name="Bars show")
    measures.get_by_role("button", name="Tokens").click()
    expect(step).to_contain_text(re.compile(r"\d tokens$"))
    expect(page.locator("[data-degree=hot]").first).to_be_visible()
    shoot(page, "picture-tokens")
    assert_accessible(page)
    measures.get_by_role("button", name="Cost").click()
    expect(page.get_by_text("no known cost yet")).to_be_visible()
    page.reload()
    expect(measures.get_by_role("button", name="Cost")).to_have_attribute("aria-pressed", "true")
    measures.get_by_role("button", name="Tokens").click()
    page.get_by_role("button", name="List", exact=True).click()
    row = page.get_by_role("list", name="Nodes").get_by_role("button").filter(has_text="Collect the facts")
    expect(row).to_contain_text("tokens")


def test_pauses_and_a_restart_of_the_server_are_seen_in_the_timeline(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    provider.hold("YOUR STEP (1)", after_tokens=3)
    session_id = server.start_session("Write a briefing.", "planning-control")
    provider.wait_until_held()
    server.kill()
    server.start()
    provider.wait_for(lambda each: each.count("YOUR STEP (1)") == 2)
    server.post(f"/api/sessions/{session_id}/suspend", {"when": "boundary"})
    provider.release()
    server.wait_for_run(session_id, "paused")
    server.post(f"/api/sessions/{session_id}/resume")
    server.wait_for_run(session_id, "completed")
    page.goto(f"/sessions/{session_id}?tab=events")
    page.get_by_role("button", name="Timeline").click()
    timeline = page.get_by_role("group", name="Timeline")
    expect(timeline.get_by_text("server away", exact=True)).to_be_visible()
    expect(timeline.get_by_text("paused", exact=True)).to_be_visible()
    expect(timeline.get_by_role("button", name=re.compile("Pause Paused"))).to_be_visible()
    expect(page.get_by_title(re.compile("The server was away for"))).to_be_visible()
    expect(page.get_by_title(re.compile("Paused for"))).to_be_visible()
    shoot(page, "timeline-bands")
    assert_accessible(page)
    timeline.get_by_role("button", name=re.compile("Outage Server away")).click()
    expect(page.get_by_role("region", name=re.compile(r"Event \d+"))).to_contain_text("restart")


def test_the_versions_of_a_file_are_told_and_all_files_taken_along(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    session_id = server.start_session(f"Write it down. {SAME_FILE_TWICE}", "one-shot")
    server.wait_for_run(session_id, "completed")
    httpx.put(f"{server.url}/api/sessions/{session_id}/files/in/a.txt", content=b"given").raise_for_status()
    page.goto(f"/sessions/{session_id}?tab=files")
    page.get_by_role("group", name="Files").get_by_role("button", name=re.compile("facts.md")).click()
    page.get_by_text("Versions of facts.md").click()
    versions = page.get_by_role("list", name="Versions of facts.md").get_by_role("listitem")
    expect(versions).to_have_count(2)
    expect(versions.nth(0)).to_contain_text(re.compile(r"changed.*28 B \(\+15 B\)"))
    expect(versions.nth(1)).to_contain_text(re.compile("created.*13 B"))
    shoot(page, "file-versions")
    assert_accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all").click()
    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
        assert set(archive.namelist()) == {"facts.md", "in/a.txt"}
        assert archive.read("facts.md").endswith(b"One, two and three.")
    versions.nth(1).get_by_role("button", name="created").click()
    expect(page.get_by_role("region", name=re.compile(r"Event \d+"))).to_contain_text("file_update")


def test_an_unknown_price_is_not_mixed_up_with_the_limit(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    session_id = server.start_session("Sum up.", "one-shot", limits={"max_cost_usd": 2})
    server.wait_for_run(session_id, "completed")
    page.goto(f"/sessions/{session_id}")
    Console(page).expect_status("Done")
    expect(page.get_by_role("banner").or_(page.locator("header"))).to_contain_text(
        ["Perdure", "cost unknown (unpriced model) · limit $2.00"]
    )


def test_a_call_under_way_is_counted_once_when_it_ends(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    provider.hold("Slowly", after_tokens=2)
    session_id = server.start_session("Slowly, please", "one-shot")
    provider.wait_until_held()
    console = Console(page)
    page.goto(f"/sessions/{session_id}?tab=costs")
    expect(page.get_by_role("status").filter(has_text="1 call is under way")).to_be_visible()
    shoot(page, "call-under-way")
    provider.release()
    console.expect_status("Done")
    expect(page.get_by_text("under way")).to_have_count(0)
    calls = server.get(f"/api/sessions/{session_id}/costs")["calls"]
    assert calls == 1
    console.open_tab("Overview")
    expect(page.get_by_role("region", name="Facts")).to_contain_text(
        re.compile(rf"Model calls\s*{calls}\s*Tokens")
    )
