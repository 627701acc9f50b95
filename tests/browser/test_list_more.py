"""The list, the start page and the inbox when there is much to show, when it changes, and when it comes slowly."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.checks import assert_accessible, assert_not_wider_than_the_screen, shoot
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser
MANY = 104


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: OpenAIServer) -> Iterator[PerdureServer]:
    """One server for all; each test looks for its own word."""
    started = PerdureServer(tmp_path_factory.mktemp("lists") / "data", provider.environment())
    started.start()
    try:
        yield started
    finally:
        provider.release()
        started.kill()


def make(server: PerdureServer, name: str) -> str:
    session_id: str = server.post("/api/sessions", {"mode": "one-shot", "name": name})["session_id"]
    return session_id


def asking(server: PerdureServer, task: str) -> str:
    """Start a session that waits for its plan to be approved."""
    session_id = server.start_session(task, "planning-control", approval_mode="after_planning")
    server.wait_for_run(session_id, "waiting")
    return session_id


def answer(server: PerdureServer, session_id: str) -> None:
    [open_] = server.get(f"/api/sessions/{session_id}")["approvals"]
    server.post(f"/api/approvals/{open_['approval_id']}", {"resolution": "approve"})
    server.wait_for_run(session_id, "completed")


def group(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=re.compile(f"^{name}"))


def chips(page: Page, *words: str) -> None:
    """Wait until the filter says these totals, one after another."""
    shown = page.get_by_role("group", name="Status", exact=True).get_by_role("button")
    expect(shown).to_have_text(list(words))


def test_totals_are_those_of_all_pages_and_what_needs_somebody_is_first_however_old(
    page: Page, server: PerdureServer
) -> None:
    waiting = asking(server, "Heron count for the board")
    ids = [make(server, f"Heron {number}") for number in range(MANY)]
    page.goto("/sessions?q=heron")
    chips(
        page, f"All {MANY + 1}", "Needs you 1", "Running 0", f"Ready {MANY}", "Paused 0", "Failed 0", "Done 0"
    )
    row = group(page, "Needs you").get_by_role("listitem")
    expect(row).to_contain_text("Heron count for the board")
    expect(row).to_contain_text(re.compile(r"Approve the plan with 3 steps\? · answer within \d+ h"))
    expect(group(page, "Ready").get_by_role("heading")).to_have_text(f"Ready {MANY}")
    expect(page.get_by_text(f"of {MANY + 1} are shown")).to_be_visible()
    shoot(page, "list-many")
    for session_id in ids[:2]:
        server.post(f"/api/sessions/{session_id}/suspend")
    answer(server, waiting)
    chips(
        page,
        f"All {MANY + 1}",
        "Needs you 0",
        "Running 0",
        f"Ready {MANY - 2}",
        "Paused 2",
        "Failed 0",
        "Done 1",
    )
    page.get_by_role("button", name="Paused 2").click()
    expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(2)
    expect(page).to_have_url(re.compile("status=paused"))


def test_a_row_says_how_far_its_plan_is_and_stays_where_it_is_under_the_pointer(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    still = make(server, "Kestrel at rest")
    provider.hold("YOUR STEP (2)", after_tokens=5)
    running = server.start_session("Kestrel survey", "planning-control", approval_mode="none")
    provider.wait_until_held()
    page.goto("/sessions?q=kestrel")
    row = page.get_by_role("listitem").filter(has_text="Kestrel survey")
    expect(row.get_by_title("1 of 3 steps are finished")).to_have_text("step 2/3")
    expect(row).to_contain_text("live")
    assert_accessible(page)
    page.get_by_role("link", name="Kestrel at rest").hover()
    server.post(f"/api/sessions/{still}/suspend")
    expect(page.get_by_role("button", name="1 change: show")).to_be_visible()
    expect(group(page, "Ready").get_by_role("link", name="Kestrel at rest")).to_be_visible()
    shoot(page, "list-held")
    page.get_by_role("button", name="1 change: show").click()
    expect(group(page, "Paused").get_by_role("link", name="Kestrel at rest")).to_be_visible()
    provider.release()
    server.wait_for_run(running, "completed")
    expect(row).to_contain_text("3 steps")


def test_a_session_is_renamed_and_deleted_where_it_stands_in_the_list(
    page: Page, server: PerdureServer
) -> None:
    session_id = make(server, "Bittern one")
    page.goto("/sessions?q=bittern")
    menu = page.get_by_role("button", name="More to do with Bittern one")
    menu.click()
    assert_accessible(page)
    page.get_by_role("menuitem", name="Rename").click()
    name = page.get_by_label("Name", exact=True)
    expect(name).to_be_focused()
    name.fill("Bittern never")
    name.press("Escape")
    expect(page.get_by_role("link", name="Bittern one")).to_be_focused()
    menu.click()
    page.get_by_role("menuitem", name="Rename").click()
    name.fill("Bittern mine")
    server.send("PATCH", f"/api/sessions/{session_id}", {"name": "Bittern theirs"})
    name.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("“Bittern theirs”")
    expect(name).to_have_value("Bittern mine")
    shoot(page, "list-renamed-elsewhere")
    assert_accessible(page)
    page.get_by_role("button", name="Use my name").click()
    expect(page.get_by_role("link", name="Bittern mine")).to_be_visible()
    assert server.get(f"/api/sessions/{session_id}")["name"] == "Bittern mine"

    page.get_by_role("button", name="More to do with Bittern mine").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_text("Nothing matches “bittern”")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Bittern mine")).to_be_visible()


def test_the_views_of_a_session_are_reached_by_name(page: Page, server: PerdureServer) -> None:
    page.goto(f"/sessions/{make(server, 'Curlew')}")
    expect(page.get_by_role("heading", name="Curlew")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search sessions and commands")).to_be_focused()
    page.keyboard.type("events of")
    expect(page.get_by_role("option", name="Events of this session")).to_have_attribute(
        "aria-selected", "true"
    )
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Events")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize(
    ("path", "asks", "label"),
    [
        ("/sessions", r"/api/sessions\?", "Loading sessions"),
        ("/inbox", r"/api/approvals\?", "Loading the inbox"),
        ("/", r"/api/sessions\?", "Loading"),
    ],
)
def test_what_loads_for_long_says_so_and_can_be_called_off(
    page: Page, server: PerdureServer, path: str, asks: str, label: str
) -> None:
    make(server, "Avocet")
    held: list[Route] = []
    page.clock.install()
    page.route(re.compile(asks), lambda route: held.append(route))
    page.goto(path)
    loading = page.get_by_role("status", name=label, exact=True)
    expect(loading).to_be_visible()
    expect(loading).not_to_contain_text("Still loading")
    page.clock.fast_forward(8_000)
    expect(loading).to_contain_text("Still loading.")
    shoot(page, f"still-loading-{label.split()[-1]}")
    assert_accessible(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Not loaded: it was called off.")).to_be_visible()
    assert held
    page.unroute_all(behavior="ignoreErrors")
    page.get_by_role("button", name="Load it").click()
    shown = page.get_by_text("Nothing waits for you") if path == "/inbox" else page.get_by_role("main")
    expect(shown).to_be_visible()
    expect(page.get_by_text("called off")).to_have_count(0)
    expect(page.locator("[data-loading]")).to_have_count(0)


def test_a_list_that_cannot_be_read_says_why_and_is_asked_again(page: Page, server: PerdureServer) -> None:
    make(server, "Dunlin")
    refusal = {
        "code": "storage-away",
        "detail": "The database cannot be reached; try again soon.",
        "status": 503,
    }
    page.route(
        re.compile(r"/api/sessions\?"),
        lambda route: route.fulfill(status=503, json=refusal, headers={"X-Request-ID": "0123456789abcdef"}),
    )
    page.goto("/sessions?q=dunlin")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The database cannot be reached", timeout=30_000)
    expect(alert).to_contain_text("storage-away · request 0123456789abcdef")
    shoot(page, "list-refused")
    assert_accessible(page)
    page.unroute_all()
    alert.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("link", name="Dunlin")).to_be_visible()


def test_a_switch_goes_on_after_the_page_was_loaded_again(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    provider.hold("Plover slowly", after_tokens=2)
    slow = server.start_session("Plover slowly, please", "one-shot")
    provider.wait_until_held()
    page.goto("/new")
    page.get_by_label("What should be done?").fill("Plover at once")
    page.get_by_role("radio", name=re.compile("One shot")).check()
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Pause it and go on").click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("Pausing…")
    page.reload()
    dialog = page.get_by_role("dialog", name="“Plover slowly, please” is being paused")
    expect(dialog.get_by_role("status")).to_contain_text("Pausing…")
    shoot(page, "switch-after-reload")
    assert_accessible(page)
    provider.release()
    rests = page.get_by_role("dialog", name="“Plover slowly, please” is paused")
    rests.get_by_role("button", name="Go on").click()
    expect(page.get_by_label("What should be done?")).to_have_value("Plover at once")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/sessions/*")
    expect(page.get_by_role("heading", name="Plover at once")).to_be_visible()
    server.wait_for_run(slow, "paused", "completed")
    server.wait_for_run(page.url.rsplit("/", 1)[-1], "completed")


def test_the_start_page_fits_a_phone_and_has_what_needs_somebody_first(
    page: Page, server: PerdureServer
) -> None:
    waiting = [asking(server, f"Sandpiper {number}") for number in (1, 2)]
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    first = page.get_by_role("region", name="Needs you")
    expect(first.get_by_role("link", name="Sandpiper 2")).to_be_visible()
    expect(first).to_contain_text("Approve the plan with 3 steps?")
    expect(first.get_by_role("link", name="All questions of 2 sessions")).to_be_visible()
    again = page.get_by_role("region", name="Continue").get_by_role("listitem").first
    expect(again).to_contain_text("Sandpiper 1")
    assert_not_wider_than_the_screen(page)
    inner = page.locator("main").evaluate("main => main.scrollWidth - main.clientWidth")
    assert inner <= 0
    shoot(page, "start-phone")
    assert_accessible(page)
    for session_id in waiting:
        answer(server, session_id)
    expect(first).to_have_count(0)
