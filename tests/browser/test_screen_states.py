"""Screens of one person's work while the server is slow, refuses or is away, and as they are once it answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.checks import assert_accessible, assert_not_wider_than_the_screen, shoot
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser
REQUEST_ID = "0123456789abcdef"
CODE = "refused_by_a_test"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: OpenAIServer) -> Iterator[PerdureServer]:
    """One server for all: only browsers are disturbed here."""
    started = PerdureServer(tmp_path_factory.mktemp("states") / "data", provider.environment())
    started.start()
    try:
        yield started
    finally:
        started.kill()


@pytest.fixture(scope="module")
def session_id(server: PerdureServer) -> str:
    """A session that asks about its plan and has a file, beside one that is done."""
    done = server.start_session("Sum up the harbour report", "one-shot")
    asks = server.start_session("Ferry briefing", "planning-control", approval_mode="after_planning")
    server.wait_for_run(done, "completed")
    server.wait_for_run(asks, "waiting")
    server.put_file(asks, "notes.md", b"The ferry lay eleven kilometres off Vell.")
    return asks


@dataclass(frozen=True)
class Screen:
    """A screen, what it asks of the server, and what it says once that is answered."""

    path: str
    asks: str
    """What the address that is disturbed ends with."""
    shows: str
    open: Callable[[Page], None] | None = None
    """What is done on the page to get there, and disturbed no sooner than that."""
    waits: bool = True
    """Its place says that something is on its way."""
    kept: str | None = None
    """A field that was filled in before, and is still."""


def tab(name: str) -> Callable[[Page], None]:
    return lambda page: Console(page).open_tab(name)


def costs_in_the_picture(page: Page) -> None:
    Console(page).open_tab("DAG")
    page.get_by_role("group", name="Bars show").get_by_role("button", name="Tokens").click()


def file(page: Page) -> None:
    page.get_by_role("button", name=re.compile("notes.md")).click()


TASK = "What should be done?"
SCREENS = {
    "start": Screen("/", "/api/sessions", "Ferry briefing"),
    "list": Screen("/sessions", "/api/sessions", "Ferry briefing"),
    "inbox": Screen("/inbox", "/api/approvals", "Approve the plan"),
    "new": Screen("/new", "/modes/list", "One shot", kept=TASK),
    "settings": Screen("/settings", "/ready", "Version"),
    "session": Screen("/sessions/{id}", "/steps", "Ferry briefing"),
    "events": Screen("/sessions/{id}", "/events", "approval_request", tab("Events")),
    "costs": Screen("/sessions/{id}", "/costs", "Model calls", tab("Costs")),
    "mission": Screen("/sessions/{id}", r"/api/missions/[\w-]+", "Read the text", tab("Mission")),
    "config": Screen("/sessions/{id}", "/modes/list", "Approval mode", tab("Config")),
    "dag": Screen("/sessions/{id}", "/costs", "tokens", costs_in_the_picture, waits=False),
    "files": Screen("/sessions/{id}?tab=files", "/files/notes.md", "eleven kilometres", file),
}


class Disturbed:
    """The answers to some questions of a page: held back, replaced, or let through."""

    def __init__(self, page: Page, asks: str) -> None:
        self._held: list[Route] = []
        self.how = "through"
        page.route(re.compile(asks + r"(\?|$)"), self._handle)

    def _handle(self, route: Route) -> None:
        if route.request.method != "GET" or route.request.resource_type == "document":
            route.continue_()
        elif self.how == "held":
            self._held.append(route)
        elif self.how == "away":
            route.abort("connectionrefused")
        elif self.how == "refused":
            problem = {"type": "about:blank", "title": "Refused", "status": 403, "code": CODE}
            headers = {"X-Request-Id": REQUEST_ID, "Content-Type": "application/problem+json"}
            route.fulfill(status=403, headers=headers, json={**problem, "detail": "It is refused by a test."})
        else:
            route.continue_()

    def release(self) -> None:
        """Let through what was held, and all that follows."""
        self.how = "through"
        while self._held:
            self._held.pop().continue_()


def hurry(page: Page, awaited: Locator) -> None:
    """Let the page's clock run ahead until something is there: nobody waits for repeated questions here."""
    for _ in range(40):
        if awaited.is_visible():
            return
        page.clock.run_for(500)
    expect(awaited).to_be_visible()


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_says_how_it_stands_with_it(page: Page, session_id: str, name: str) -> None:
    screen = SCREENS[name]
    page.clock.install()
    disturbed = Disturbed(page, screen.asks)
    main = page.get_by_role("main")
    place = page.get_by_role("tabpanel") if screen.open else main
    there = place.get_by_text(re.compile(screen.shows)).first
    alert = main.get_by_role("alert").first

    def open_it(how: str) -> None:
        disturbed.how = "through" if screen.open else how
        page.goto(screen.path.format(id=session_id))
        if screen.open:
            expect(page.get_by_role("heading", name="Ferry briefing")).to_be_visible()
            disturbed.how = how
            screen.open(page)

    open_it("held")
    if screen.kept:
        page.get_by_label(screen.kept).fill("Write it down")
    if screen.waits:
        loading = main.locator("[role=status][data-loading]").first
        hurry(page, loading)
        hurry(page, loading.get_by_text("Still loading."))
        expect(there).to_have_count(0)
        shoot(page, f"state-{name}-still-loading")
    disturbed.release()
    expect(there).to_be_visible()
    expect(main.locator("[data-loading]")).to_have_count(0)

    open_it("refused")
    expect(alert).to_contain_text("It is refused by a test.")
    expect(alert).to_contain_text(f"{CODE} · request {REQUEST_ID}")
    assert_accessible(page)
    shoot(page, f"state-{name}-refused")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    assert_accessible(page)
    assert_not_wider_than_the_screen(page)
    shoot(page, f"state-{name}-refused-phone")
    page.set_viewport_size({"width": 1360, "height": 900})

    open_it("away")
    hurry(page, alert.get_by_text("The server cannot be reached."))
    disturbed.how = "through"
    alert.get_by_role("button", name="Retry").click()
    expect(alert).to_have_count(0)
    expect(there).to_be_visible()
    if screen.kept:
        expect(page.get_by_label(screen.kept)).to_have_value("Write it down")
