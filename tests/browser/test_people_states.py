"""Screens of people while the server is slow, fails, refuses or is away, and when there is nothing to show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.checks import assert_accessible, assert_not_wider_than_the_screen, shoot
from tests.browser.people import PASSWORD, People, Person, choose, fill_in
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser
REQUEST_ID = "0123456789abcdef"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: OpenAIServer) -> Iterator[PerdureServer]:
    """One server for all: only browsers are disturbed here."""
    folder = tmp_path_factory.mktemp("states")
    started = PerdureServer(folder / "data", {**provider.environment(), "PERDURE_AUTH": "password"})
    started.start()
    try:
        yield started
    finally:
        started.kill()


@pytest.fixture(scope="module")
def people(server: PerdureServer, browser: Browser) -> People:
    return People(server, browser, server.data_dir)


@pytest.fixture(scope="module")
def ben(people: People) -> Person:
    return people.add("Ben Baker")


@pytest.fixture(scope="module")
def session_id(people: People, ben: Person) -> str:
    """A session of the administrator's, and one of Ben's that is shared with them."""
    theirs = ben.start_session("Harbour report")
    body = {"email": people.admin.email, "role": "view"}
    ben.call("POST", f"/api/sessions/{theirs}/shares", body)
    return people.admin.start_session("Ferry report")


@dataclass(frozen=True)
class Screen:
    """A screen, what it asks of the server, and how it looks with and without something to show."""

    path: str
    asks: str
    """Part of the address that is disturbed."""
    shows: str
    """What is there once the server has answered."""
    open: Callable[[Page], None] | None = None
    """What to do on the page to get there."""
    nothing: str | None = None
    """What is said when there is nothing; None where there is always something."""
    clear: Callable[[Page], None] | None = None
    """What to do so that nothing is found."""


def menu(entry: str) -> Callable[[Page], None]:
    return lambda page: choose(page, "More to do", entry)


def search(field: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_label(field).fill("zzz")


SCREENS = {
    "profile": Screen("/settings/profile", "/api/auth/sign-ins", "this one"),
    "keys": Screen("/settings/keys", "/api/auth/keys", "appear here", nothing="Keys that you make"),
    "secrets": Screen("/settings/secrets", "/api/secrets", "appear here", nothing="Secrets that you keep"),
    "people": Screen(
        "/settings/people",
        "/api/users",
        "never signed in|seen",
        nothing="Nobody matches “zzz”",
        clear=search("Search people"),
    ),
    "audit": Screen(
        "/settings/audit",
        "/api/audit",
        "session.create",
        nothing="No entry for “zzz”",
        clear=search("Action"),
    ),
    "share": Screen("/sessions/{id}", "/shares", "you, the owner", menu("Share…")),
    "links": Screen("/sessions/{id}", "/share-links", "Make a link", menu("Share…")),
    "session-audit": Screen("/sessions/{id}", "/audit", "session.create", menu("Who did what…")),
    "shared-with-me": Screen(
        "/sessions?whose=me",
        "/api/sessions",
        "Harbour report",
        nothing="Nothing",
        clear=search("Search"),
    ),
    "grants": Screen("/sessions/{id}?tab=config", "/grants", "Nothing. “Allow", nothing="Nothing. “Allow"),
}
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1360, "height": 900}},
    "dark-phone": {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
}


class Disturbed:
    """The answers to some questions of a page: held back, replaced, or let through."""

    def __init__(self, page: Page, asks: str) -> None:
        self._held: list[Route] = []
        self.how = "through"
        page.route(re.compile(re.escape(asks) + r"(\?|$)"), self._handle)

    def _handle(self, route: Route) -> None:
        if route.request.method != "GET" or self.how == "through":
            route.continue_()
        elif self.how == "held":
            self._held.append(route)
        elif self.how == "away":
            route.abort("connectionrefused")
        else:
            status, title = (403, "Forbidden") if self.how == "refused" else (500, "Failed")
            problem = {"type": "about:blank", "title": title, "status": status, "code": self.how}
            route.fulfill(
                status=status,
                headers={"X-Request-Id": REQUEST_ID, "Content-Type": "application/problem+json"},
                body=json.dumps({**problem, "detail": f"It is {self.how} by a test."}),
            )

    def release(self) -> None:
        """Let through what was held, and all that follows."""
        self.how = "through"
        while self._held:
            self._held.pop().continue_()


def check(page: Page, name: str) -> None:
    assert_accessible(page)
    assert_not_wider_than_the_screen(page)
    shoot(page, f"people-state-{name}")


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_says_how_it_stands_with_it(
    people: People, session_id: str, name: str, look: str, request: pytest.FixtureRequest
) -> None:
    screen = SCREENS[name]
    path = screen.path.format(id=session_id)
    with people.admin.page("/inbox", **LOOKS[look]) as page:
        disturbed = Disturbed(page, screen.asks)

        def open_it(how: str) -> None:
            disturbed.how = how
            page.goto(path)
            if screen.open:
                screen.open(page)

        there = page.locator("main, dialog[open]").get_by_text(re.compile(screen.shows)).first
        alert = page.get_by_role("alert")
        open_it("held")
        if name != "links":  # what makes links is there before the links are
            expect(page.locator("h1")).to_have_count(1)  # the screen itself is there
            expect(page.locator("[role=status][data-loading]").first).to_be_visible()
            expect(there).to_have_count(0)
            check(page, f"{name}-loading-{look}")
        disturbed.release()
        expect(there).to_be_visible()
        expect(page.locator("[data-loading]")).to_have_count(0)
        if screen.clear:
            screen.clear(page)
        if screen.nothing:
            expect(page.get_by_text(screen.nothing)).to_be_visible()
        check(page, f"{name}-{look}")

        open_it("refused")
        expect(alert).to_contain_text("It is refused by a test.")
        expect(alert).to_contain_text(REQUEST_ID)
        check(page, f"{name}-refused-{look}")
        if look != "light":
            return
        for how, words in (("failed", "It is failed by a test."), ("away", "The server cannot be reached.")):
            open_it(how)
            expect(alert).to_contain_text(words, timeout=15_000)
            disturbed.how = "through"
            alert.get_by_role("button", name="Retry").click()
            expect(alert).to_have_count(0)
            expect(there).to_be_visible()


def test_who_watches_comes_by_the_socket_while_it_cannot_be_asked(
    people: People, session_id: str, ben: Person
) -> None:
    """And the session is there with no word of it: nobody asked for that."""
    admin = people.admin
    admin.call("POST", f"/api/sessions/{session_id}/shares", {"email": ben.email, "role": "view"})
    with ben.page(f"/sessions/{session_id}"), admin.page("/inbox") as page:
        viewers = Disturbed(page, "/viewers")
        watching = page.get_by_role("img", name="Watching now: Ben Baker")
        for how in ("held", "refused", "away"):
            viewers.how = how
            with page.expect_request(re.compile("/viewers$")):
                page.goto(f"/sessions/{session_id}")
            expect(page.get_by_role("heading", name="Ferry report")).to_be_visible()
            expect(page.get_by_role("alert")).to_have_count(0)
            expect(page.locator("[data-loading]")).to_have_count(0)
            expect(watching).to_be_visible()
        check(page, "presence-away")


@pytest.mark.parametrize("look", LOOKS)
def test_the_way_in_says_how_it_stands_with_it(people: People, look: str) -> None:
    context = people.admin.context(**LOOKS[look])
    page = context.new_page()
    methods = Disturbed(page, "/api/auth/methods")
    methods.how = "held"
    page.goto("/inbox")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.locator("[role=status][data-loading]")).to_be_visible()
    check(page, f"sign-in-loading-{look}")
    methods.release()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    methods.how = "refused"
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("It is refused by a test.")
    check(page, f"sign-in-refused-{look}")
    methods.how = "through"
    page.get_by_role("button", name="Retry").click()

    page.route("**/api/auth/login", lambda route: route.abort("connectionrefused"))
    fill_in(page, people.admin.email)
    expect(page.get_by_role("alert")).to_have_text("The server cannot be reached. What you typed is kept.")
    expect(page.get_by_label("Password", exact=True)).to_have_value(PASSWORD)
    check(page, f"sign-in-away-{look}")
    page.unroute("**/api/auth/login")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    context.close()
