"""Every screen in both themes and on a phone: readable for everybody, nothing outside the screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.checks import SIZES, look_at, wait_until_settled
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def screen(browser: Browser, server: PerdureServer, size: str) -> Iterator[Page]:
    context = browser.new_context(base_url=server.url, viewport=SIZES[size], locale="en-GB")
    yield context.new_page()
    context.close()


def test_every_screen_is_accessible_and_fits(
    screen: Page, size: str, server: PerdureServer, provider: OpenAIServer
) -> None:
    def check(name: str) -> None:
        wait_until_settled(screen)
        look_at(screen, f"screen-{name}", size)

    screen.goto("/")
    expect(screen.get_by_text("Nothing here yet")).to_be_visible()
    check("first-run")

    console = Console(screen)
    done = console.start("Sum up the text in five sentences. Keep every number exact.", mode="One shot")
    console.expect_status("Done")
    check("done")

    waiting = console.start(
        "Write a one-page briefing from the text: what happened, what it means, what is still open."
    )
    expect(screen.get_by_role("heading", name=re.compile("Approve the plan"))).to_be_visible()
    check("approval")

    provider.hold("YOUR STEP (2)", after_tokens=20)
    running = console.start("Collect the facts.", ask=False)
    provider.wait_until_held()
    console.expect_status("Running")
    check("running")
    for tab in ("Overview", "Mission", "DAG", "Console", "Events", "Costs", "Files", "Config"):
        console.open_tab(tab)
        check(f"running-{tab.lower()}")

    screen.goto("/sessions")
    for group in ("Needs you", "Running", "Done"):
        expect(screen.get_by_role("heading", name=re.compile(group))).to_be_visible()
    check("list")
    links = screen.get_by_role("main").get_by_role("link")
    addresses = links.evaluate_all("all => all.map(each => each.getAttribute('href'))")
    assert {f"/sessions/{each}" for each in (done, waiting, running)} <= set(addresses)

    for path, name, words in (
        ("/", "start", "Approve the plan"),
        ("/inbox", "inbox", "Approve the plan"),
        ("/settings", "settings", "Version"),
    ):
        screen.goto(path)
        expect(screen.get_by_role("main").get_by_text(words).first).to_be_visible()
        check(name)
    for key, title in (("Control+k", "Search or jump"), ("?", "Keyboard")):
        screen.keyboard.press(key)
        expect(screen.get_by_role("dialog", name=title)).to_be_visible()
        check(title.lower().replace(" ", "-"))
        screen.keyboard.press("Escape")
    screen.goto("/new")
    screen.get_by_label("What should be done?").fill("Wait for your turn.")
    expect(screen.get_by_role("button", name="Start", exact=True)).to_be_in_viewport(ratio=1)
    check("new")
    console.press("Start")
    expect(screen.get_by_role("dialog", name=re.compile("is running"))).to_be_visible()
    look_at(screen, "screen-switch", size)  # its button waits for the answer
    console.confirm("Cancel")

    server.post(f"/api/sessions/{running}/suspend", {"when": "now"})
    server.wait_for_run(running, "paused")
    screen.goto(f"/sessions/{running}")
    console.expect_status("Paused")
    check("paused")
    console.press("Resume")
    expect(screen.get_by_role("dialog", name=re.compile("Resume “"))).to_be_visible()
    check("resume")
    provider.release()
    provider.fail_next(30, 400)
    failed = server.start_session("Fail at once.", "one-shot")
    server.wait_for_run(failed, "failed")
    screen.goto(f"/sessions/{failed}")
    console.expect_status("Failed")
    check("failed")
    server.send("DELETE", f"/api/sessions/{done}")
    screen.goto("/sessions?status=deleted")
    expect(screen.get_by_role("main").get_by_role("link", name=re.compile("Sum up"))).to_be_visible()
    check("trash")

    screen.goto("/sessions/00000000-0000-7000-8000-00000000dead")
    expect(screen.get_by_text("There is no session at this address")).to_be_visible()
    check("gone")


def test_the_list_moves_by_itself(page: Page, server: PerdureServer, provider: OpenAIServer) -> None:
    provider.hold("Slowly")
    page.goto("/sessions")
    session = server.post("/api/sessions", {"mode": "one-shot", "name": "From elsewhere"})
    server.post(f"/api/sessions/{session['session_id']}/messages", {"content": "Slowly, please"})
    row = page.get_by_role("listitem").filter(has_text="From elsewhere")
    expect(row).to_contain_text("Running")
    provider.wait_until_held()
    provider.release()
    expect(row).to_contain_text("Done")


def test_search_asks_the_server_and_says_when_nothing_matches(page: Page, server: PerdureServer) -> None:
    for name in ("Ferry report", "Harbour survey"):
        server.post("/api/sessions", {"mode": "one-shot", "name": name})
    page.goto("/sessions")
    expect(page.get_by_role("link", name="Ferry report")).to_be_visible()
    page.get_by_label("Search sessions").fill("harbour")
    expect(page.get_by_role("link", name="Ferry report")).to_have_count(0)
    expect(page.get_by_role("link", name="Harbour survey")).to_be_visible()
    expect(page).to_have_url(re.compile(r"q=harbour"))
    page.get_by_label("Search sessions").fill("zzz")
    expect(page.get_by_text("Nothing matches “zzz”")).to_be_visible()
    page.get_by_role("button", name="Clear search").click()
    expect(page.get_by_role("link", name="Ferry report")).to_be_visible()


def test_a_word_far_down_the_list_is_found_and_the_rest_of_it_can_be_shown(
    page: Page, server: PerdureServer
) -> None:
    first = server.post("/api/sessions", {"mode": "one-shot", "name": "Harbour survey"})["session_id"]
    said = [{"role": "user", "content": "The pilot was called Quillfeather."}]
    server.send("PUT", f"/api/sessions/{first}/state", {"messages": said})
    for number in range(210):
        server.post("/api/sessions", {"mode": "one-shot", "name": f"Note {number}"})
    page.goto("/sessions?status=ready")
    rows = page.get_by_role("main").get_by_role("listitem")
    expect(rows).to_have_count(100)
    expect(page.get_by_role("link", name="Harbour survey")).to_have_count(0)
    page.get_by_label("Search sessions").fill("quillfeather")
    expect(rows).to_have_count(1)
    expect(page.get_by_role("link", name="Harbour survey")).to_be_visible()
    page.get_by_label("Search sessions").fill("")
    expect(rows).to_have_count(100)
    for shown in (200, 211):
        page.get_by_role("button", name="Show more").click()
        expect(rows).to_have_count(shown)
    expect(page.get_by_role("link", name="Harbour survey")).to_have_count(1)
    expect(page.get_by_role("button", name="Show more")).to_have_count(0)


def test_the_theme_is_chosen_and_kept_without_a_flash(page: Page, server: PerdureServer) -> None:
    page.goto("/sessions")
    page.get_by_role("button", name="Use the dark theme").click()
    page.reload(wait_until="commit")
    page.wait_for_selector("html[data-mantine-color-scheme=dark]", state="attached")
    expect(page.get_by_role("button", name="Use the light theme")).to_be_visible()


def test_a_session_is_started_with_the_keyboard_alone(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    page.goto("/new")
    page.get_by_label("What should be done?").focus()
    page.keyboard.type("Sum up the text.")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/sessions/*")
    expect(page.get_by_role("heading", name=re.compile("Approve the plan"))).to_be_visible()
    page.get_by_role("button", name="Review").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Approve", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    Console(page).expect_status("Done", within_s=60)
