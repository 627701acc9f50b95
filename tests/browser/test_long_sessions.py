"""A session that ran for hours, with twenty thousand events and three hundred steps, is as handy as a short one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from benchmarks.filling import fill
from perdure.store.store import Store
from tests.browser.checks import assert_accessible, shoot
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

EVENTS, STEPS = 20_000, 300
MOST_ELEMENTS = 6_000
MOST_ROWS = 150


@pytest.fixture
def server(tmp_path: Path, provider: OpenAIServer) -> Iterator[PerdureServer]:
    """A server on whose disk a long session lies already."""
    started = PerdureServer(tmp_path / "data", provider.environment())
    started.data_dir.mkdir()
    store = Store(f"sqlite:///{started.data_dir / 'perdure.db'}", key_file=started.data_dir / "secret.key")
    store.open()
    fill(store, events=EVENTS, steps=STEPS)
    store.close()
    started.start()
    try:
        yield started
    finally:
        started.kill()


@pytest.fixture
def session_id(server: PerdureServer) -> str:
    [session] = server.get("/api/sessions")["sessions"]
    assert server.get(f"/api/sessions/{session['session_id']}")["last_seq"] == EVENTS
    found: str = session["session_id"]
    return found


def elements(page: Page) -> int:
    found: int = page.evaluate("document.querySelectorAll('*').length")
    return found


def scroll_to(box: Locator, where: str) -> None:
    box.evaluate(f"box => {{ box.scrollTop = {where}; }}")


def test_every_view_of_a_long_session_opens_and_holds_only_what_is_looked_at(
    page: Page, session_id: str
) -> None:
    console = Console(page)
    page.goto(f"/sessions/{session_id}")
    console.expect_status("Failed")
    for tab, seen in (
        ("Overview", page.get_by_role("list", name="Steps").get_by_text("Document 299").first),
        ("Mission", page.get_by_role("list", name="Hops").get_by_text("Document 300").first),
        ("DAG", page.get_by_label("Document 299: Failed")),
        ("Console", page.get_by_text("the last line", exact=True)),
        ("Events", page.get_by_role("row").filter(has_text="workflow_failed")),
        ("Costs", page.get_by_text("Each call of a model appears here")),
        ("Files", page.get_by_text("Files that you add")),
        ("Config", page.get_by_role("tabpanel", name="Config")),
    ):
        console.open_tab(tab)
        expect(seen).to_be_visible()
        assert elements(page) < MOST_ELEMENTS, tab
        shoot(page, f"long-{tab.lower()}")


def test_the_whole_log_is_scrolled_through_to_its_first_event(page: Page, session_id: str) -> None:
    page.goto(f"/sessions/{session_id}?tab=events")
    grid = page.get_by_role("grid", name="Events")
    expect(grid.get_by_role("row").filter(has_text="workflow_failed")).to_be_visible()
    older = page.get_by_role("button", name="Load older")
    counted = page.get_by_role("status").filter(has_text="of")
    scroll_to(grid, "0")
    expect(counted).to_contain_text(re.compile("of 2.000"))
    page.goto(f"/sessions/{session_id}?tab=events&at=2")
    expect(page.get_by_role("region", name="Event 2", exact=True)).to_be_visible(timeout=60_000)
    expect(older).to_have_count(0)
    expect(counted).to_contain_text(re.compile("20.000 of 20.000"))
    assert grid.get_by_role("row").count() < MOST_ROWS
    for place in ("box.scrollHeight / 2", "box.scrollHeight", "0"):
        scroll_to(grid, place)
        expect(grid.get_by_role("row").first).to_be_visible()
        assert grid.get_by_role("row").count() < MOST_ROWS
    page.get_by_label("Search events").fill("document 150: line 7 was")
    expect(page.get_by_role("status").filter(has_text="found")).to_have_text("1 found")
    page.get_by_role("button", name="Timeline").click()
    expect(page.get_by_role("button", name=re.compile("Step Document 1 ")).first).to_be_visible()
    assert elements(page) < MOST_ELEMENTS


def test_what_was_printed_long_ago_comes_in_above(page: Page, session_id: str) -> None:
    page.goto(f"/sessions/{session_id}?tab=console")
    box = page.get_by_role("log", name=re.compile("^Console"))
    expect(page.get_by_text("the last line", exact=True)).to_be_visible()
    expect(box).to_have_accessible_name(re.compile("older ones on the server"))
    few = int(re.sub(r"\D", "", box.get_attribute("aria-label") or ""))
    assert 1000 < few < 8000
    shoot(page, "console-older")
    assert_accessible(page)
    scroll_to(box, "60")
    top = box.evaluate(
        """box => [...box.querySelectorAll('[data-index]')]
            .find(row => row.getBoundingClientRect().top >= box.getBoundingClientRect().top + 20).innerText"""
    )
    expect(box).not_to_have_accessible_name(re.compile(f"Console, {few} lines"))
    expect(box.get_by_text(top.split("\n")[-1][-30:])).to_be_in_viewport()
    page.get_by_role("button", name="Older lines").click()
    expect(box).to_have_accessible_name(re.compile("Console, [0-9]{4,5} lines"))
    page.goto(f"/sessions/{session_id}?tab=console&at=9")
    expect(box.locator("[data-marked]")).to_contain_text("document 1: line", timeout=60_000)
    expect(page.get_by_role("button", name="Older lines")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all").click()
    told = download.value.path().read_text().splitlines()
    assert "document 1: line 0 was read" in told[0]
    assert told[-1].endswith("log the last line")
    assert len(told) > EVENTS * 0.85


def test_a_search_covers_what_is_not_here_and_its_matches_can_be_gone_to(page: Page, session_id: str) -> None:
    page.goto(f"/sessions/{session_id}?tab=console")
    expect(page.get_by_text("the last line", exact=True)).to_be_visible()
    page.get_by_label("Search the console").fill("document 150: line 7 was")
    expect(page.get_by_text("1 further back; all of it was searched.")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="none here")).to_be_visible()
    shoot(page, "console-search-part")
    assert_accessible(page)
    page.get_by_role("button", name="Go to the nearest").click()
    box = page.get_by_role("log", name=re.compile("^Console"))
    expect(page.get_by_role("status").filter(has_text="1 of 1")).to_be_visible(timeout=60_000)
    expect(box.locator("[data-marked]")).to_contain_text("document 150: line 7 was")
    expect(box.locator("[data-marked]")).to_be_in_viewport()
    page.get_by_label("Search the console").fill("nowhere to be found")
    expect(page.get_by_text("None further back; all of it was searched.")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="no match")).to_be_visible()

    page.goto(f"/sessions/{session_id}?tab=events")
    page.get_by_label("Search events").fill("document 150: line 7 was")
    expect(page.get_by_text("1 found in the whole log")).to_be_visible()
    row = page.get_by_role("grid", name="Events").get_by_role("row")
    expect(row).to_contain_text("document 150: line 7")
    row.click()
    expect(page).to_have_url(re.compile(r"at=\d+"))
    shoot(page, "events-search")
    page.get_by_label("Search events").fill("")
    selected = page.get_by_role("row", selected=True)
    expect(selected).to_contain_text("document 150: line 7", timeout=60_000)
    expect(selected).to_be_in_viewport()


def test_the_hops_of_a_long_mission_are_folded(page: Page, session_id: str) -> None:
    page.goto(f"/sessions/{session_id}?tab=mission")
    hops = page.get_by_role("list", name="Hops")
    expect(hops.get_by_text("Document 299", exact=True)).to_be_visible()
    assert hops.get_by_role("listitem").count() < 30
    shoot(page, "mission-folded")
    assert_accessible(page)
    hops.get_by_role("button", name="Show 295 finished hops").click()
    expect(hops.get_by_text("Document 1", exact=True)).to_be_visible()
    expect(hops.get_by_role("listitem")).to_have_count(STEPS)


def test_messages_of_long_ago_come_with_their_tool_calls(page: Page, session_id: str) -> None:
    console = Console(page)
    page.goto(f"/sessions/{session_id}")
    expect(console.messages.last).to_contain_text("This one cannot be read.")
    before = console.messages.count()
    page.get_by_role("button", name="Older messages").click()
    expect(console.messages.nth(before)).to_be_attached()
    first = console.messages.nth(1)
    number = int(re.sub(r"\D", "", first.inner_text().split("about", 1)[0].rsplit("Document", 1)[-1]))
    calls = page.get_by_role("list", name="Tool calls").get_by_role("listitem")
    expect(calls.filter(has_text=f"archive/{number + 1}.md")).to_have_count(1)
