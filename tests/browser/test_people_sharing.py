"""Two people and one session: given to view, raised, taken away, by a link; and who watches."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.checks import SIZES, assert_accessible, look_at, shoot
from tests.browser.people import PASSWORD, WITHIN_MS, People, choose, fill_in
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser
EVERYBODY = re.compile("^Everybody.s$")
THEIRS = re.compile("Ben Baker.s · you can view")


@pytest.fixture
def variables() -> dict[str, str]:
    return {"PERDURE_AUTH": "password"}


@pytest.fixture
def people(server: PerdureServer, browser: Browser, tmp_path: Path) -> People:
    return People(server, browser, tmp_path / "data")


def share(page: Page, email: str) -> None:
    """Share the session on the page, to view."""
    choose(page, "More to do", "Share…")
    page.get_by_label("E-mail of a person").fill(email)
    page.get_by_role("dialog").get_by_role("button", name="Share", exact=True).click()


def test_a_session_is_given_to_view_raised_to_edit_and_taken_away_while_the_other_looks(
    people: People, provider: OpenAIServer
) -> None:
    ben, cleo = people.add("Ben Baker"), people.add("Cleo Clerk")
    session_id = ben.start_session("Ferry report")
    with ben.page(f"/sessions/{session_id}") as owner, cleo.page("/sessions") as guest:
        expect(guest.get_by_text("Nothing here yet")).to_be_visible()
        share(owner, "nobody@example.org")
        expect(owner.get_by_role("alert")).to_be_visible()
        owner.get_by_label("E-mail of a person").fill(cleo.email)
        owner.get_by_role("dialog").get_by_role("button", name="Share", exact=True).click()
        row = owner.get_by_role("list", name="People with access").get_by_role("listitem")
        expect(row.filter(has_text="Cleo Clerk")).to_be_visible()

        listed = guest.get_by_role("listitem").filter(has_text="Ferry report")
        expect(listed).to_contain_text(THEIRS)
        guest.get_by_role("button", name="My own").click()
        expect(listed).to_have_count(0)
        guest.get_by_role("button", name="Shared with me").click()
        expect(guest).to_have_url(re.compile("whose=me"))
        guest.get_by_role("link", name="Ferry report").click()
        expect(guest.get_by_role("note")).to_contain_text("Ben Baker shared this session with you to view")
        box = guest.get_by_role("textbox", name="Message")
        expect(box).to_be_disabled()
        expect(guest.get_by_role("button", name="Write")).to_have_count(0)
        guest.get_by_role("button", name="More to do").click()
        expect(guest.get_by_role("menuitem")).to_have_text(["Your access…", "Fork…", "Start one like this"])
        guest.keyboard.press("Escape")

        owner.get_by_label("Role of Cleo Clerk").select_option("edit")
        expect(box).to_be_enabled(timeout=WITHIN_MS)
        expect(guest.get_by_role("note")).to_have_count(0)
        box.fill("Written by the guest")
        guest.get_by_role("button", name="Send").click()
        owner.keyboard.press("Escape")
        articles = owner.get_by_role("log", name="Messages").get_by_role("article")
        expect(articles.first).to_contain_text("Written by the guest")
        expect(articles).to_have_count(2)
        heads = owner.get_by_role("log", name="Messages").locator("article > header")
        theirs = guest.get_by_role("log", name="Messages").locator("article > header")
        expect(heads.first.locator("strong")).to_have_text("Cleo Clerk")
        expect(theirs.first.locator("strong")).to_have_text("You")
        owner.get_by_role("textbox", name="Message").fill("Seen by the owner")
        owner.get_by_role("button", name="Send").click()
        expect(articles).to_have_count(4)
        expect(heads.nth(2)).to_contain_text(re.compile("Ben Baker.*you"))
        expect(heads.first).not_to_contain_text("you")
        expect(theirs.first).to_contain_text(re.compile("Cleo Clerk.*you"))
        expect(theirs.nth(2).locator("strong")).to_have_text("Ben Baker")
        shoot(owner, "people-authors")
        assert_accessible(owner)
        owner.reload()
        expect(heads.nth(2)).to_contain_text(re.compile("Ben Baker.*you"))

        choose(owner, "More to do", "Share…")
        owner.get_by_role("button", name="Remove Cleo Clerk").click()
        expect(guest.get_by_role("heading", name="You no longer have access")).to_be_visible(
            timeout=WITHIN_MS
        )
        guest.get_by_role("link", name="All sessions").click()
        expect(guest.get_by_text("Nothing here yet")).to_be_visible()
        owner.keyboard.press("Escape")
        choose(owner, "More to do", "Who did what…")
        log = owner.get_by_role("region", name="Audit log")
        expect(log.get_by_role("row").filter(has_text="share.delete")).to_contain_text("Ben Baker")


def test_how_long_somebody_has_it_is_changed_and_its_end_is_seen_on_both_sides(people: People) -> None:
    ben, cleo = people.add("Ben Baker"), people.add("Cleo Clerk")
    session_id = ben.start_session("Ferry report")
    shares = f"/api/sessions/{session_id}/shares"
    given = ben.call("POST", shares, {"email": cleo.email, "role": "edit"})
    with ben.page(f"/sessions/{session_id}") as owner, cleo.page(f"/sessions/{session_id}") as guest:
        choose(owner, "More to do", "Share…")
        row = owner.get_by_role("list", name="People with access").get_by_role("listitem")
        cleos = row.filter(has_text="Cleo Clerk")
        expect(cleos).not_to_contain_text("until")
        owner.get_by_label("How long Cleo Clerk has it").select_option("24")
        expect(cleos).to_contain_text("until")
        assert ben.call("GET", shares)["shares"][0]["expires_at"] is not None
        owner.get_by_label("How long Cleo Clerk has it").select_option("none")
        expect(cleos).not_to_contain_text("until")
        owner.get_by_label("Role of Cleo Clerk").select_option("view")
        expect(guest.get_by_role("note")).to_contain_text("shared this session with you to view")
        owner.keyboard.press("Escape")
        end = datetime.now(UTC) + timedelta(seconds=10)
        ben.call("PATCH", f"{shares}/{given['share_id']}", {"expires_at": end.isoformat()})
        choose(owner, "More to do", "Share…")
        expect(cleos).to_contain_text("ended", timeout=20_000)
        expect(owner.get_by_label("Role of Cleo Clerk")).to_have_count(0)
        lost = guest.get_by_role("heading", name="You no longer have access")
        expect(lost).to_be_visible(timeout=10_000 + WITHIN_MS)
        assert_accessible(guest)
        shoot(guest, "people-lost-access")
        owner.keyboard.press("Escape")
        choose(owner, "More to do", "Share…")
        expect(row).to_have_count(1)
        owner.get_by_label("E-mail of a person").fill(cleo.email)
        owner.get_by_role("dialog").get_by_role("button", name="Share", exact=True).click()
        expect(cleos).to_be_visible()
        expect(guest.get_by_role("heading", name="Ferry report")).to_be_visible(timeout=WITHIN_MS)


def test_a_viewer_reads_a_question_and_somebody_who_may_edit_answers_it(
    people: People, provider: OpenAIServer
) -> None:
    ben, cleo = people.add("Ben Baker"), people.add("Cleo Clerk")
    body = {"mode": "planning-control", "name": "Briefing", "config": {"approval_mode": "after_planning"}}
    session_id = ben.call("POST", "/api/sessions", body)["session_id"]
    ben.call("POST", f"/api/sessions/{session_id}/messages", {"content": "Write a briefing."})
    given = ben.call("POST", f"/api/sessions/{session_id}/shares", {"email": cleo.email, "role": "view"})
    with cleo.page(f"/sessions/{session_id}") as page:
        card = page.get_by_role("group", name=re.compile("Approve the plan"))
        expect(card).to_contain_text("It waits for somebody who may answer; you can view it.")
        expect(card.get_by_role("button", name="Approve")).to_have_count(0)
        expect(page.get_by_role("button", name=re.compile("^(Pause|Review)$"))).to_have_count(0)
        ben.call("PATCH", f"/api/sessions/{session_id}/shares/{given['share_id']}", {"role": "edit"})
        card.get_by_role("button", name="Approve").click(timeout=WITHIN_MS)
        expect(page.get_by_text(re.compile(r"Approved by Cleo Clerk \(you\)"))).to_be_visible()
        expect(page.get_by_role("status", name="Status", exact=True)).to_have_text("Done", timeout=60_000)


def test_a_link_lets_in_whoever_opens_it_until_it_is_revoked(people: People) -> None:
    ben, cleo, dora = (people.add(name) for name in ("Ben Baker", "Cleo Clerk", "Dora Dean"))
    session_id = ben.start_session("Ferry report")
    with ben.page(f"/sessions/{session_id}") as owner:
        choose(owner, "More to do", "Share…")
        owner.get_by_label("Role of the link").select_option("edit")
        owner.get_by_label("How long the link counts").select_option("24")
        owner.get_by_role("button", name="Make a link").click()
        address = owner.get_by_role("textbox", name="The new link").input_value()
        assert re.search(r"/join#\S{20,}$", address)
        links = owner.get_by_role("list", name="Links").get_by_role("listitem")
        expect(links).to_contain_text("can edit")

        guest = cleo.context().new_page()
        guest.goto(address)
        expect(guest.get_by_role("heading", name="Sign in to open what was shared with you")).to_be_visible()
        fill_in(guest, cleo.email)
        expect(guest).to_have_url(re.compile(f"/sessions/{session_id}$"))
        expect(guest.get_by_role("textbox", name="Message")).to_be_enabled()

        owner.get_by_role("button", name=re.compile("Revoke the link")).click()
        expect(links).to_have_count(0)
        with dora.page("/inbox") as late:
            late.goto(address)
            expect(late.get_by_text("This link does not count any more")).to_be_visible()
        expect(guest.get_by_role("textbox", name="Message")).to_be_enabled()
        choose(guest, "More to do", "Your access…")
        guest.get_by_role("button", name="Leave this session").click()
        expect(guest).to_have_url(re.compile("/sessions$"))
        expect(guest.get_by_text("Nothing here yet")).to_be_visible()


def test_an_administrator_finds_everybodys_sessions_when_they_ask_for_them(people: People) -> None:
    ben = people.add("Ben Baker")
    ben.start_session("Ferry report")
    with people.admin.page("/sessions") as page, ben.page("/sessions") as own:
        expect(page.get_by_text("Nothing here yet")).to_be_visible()
        page.get_by_role("button", name=EVERYBODY).click()
        page.get_by_role("link", name="Ferry report").click()
        expect(page.get_by_role("note")).to_contain_text("You see it because you administer this server")
        expect(own.get_by_role("link", name="Ferry report")).to_be_visible()
        expect(own.get_by_role("button", name=EVERYBODY)).to_have_count(0)


def test_who_watches_is_shown_and_goes_when_they_go(people: People) -> None:
    ben, cleo = people.add("Ben Baker"), people.add("Cleo Clerk")
    session_id = ben.start_session("Ferry report")
    ben.call("POST", f"/api/sessions/{session_id}/shares", {"email": cleo.email, "role": "view"})
    with ben.page(f"/sessions/{session_id}") as owner:
        expect(owner.get_by_role("status", name="Connection")).to_have_text("live")
        watching = owner.get_by_role("img", name="Watching now: Cleo Clerk")
        expect(watching).to_have_count(0)
        with cleo.page(f"/sessions/{session_id}") as guest:
            expect(watching).to_be_visible(timeout=WITHIN_MS)
            expect(watching.locator("span")).to_have_attribute("data-initials", "CC")
            expect(guest.get_by_role("img", name="Watching now: Ben Baker")).to_be_visible()
            guest.goto("/inbox")
            expect(watching).to_have_count(0, timeout=WITHIN_MS)
            guest.goto(f"/sessions/{session_id}")
            expect(watching).to_be_visible(timeout=WITHIN_MS)
        expect(watching).to_have_count(0, timeout=WITHIN_MS)


@pytest.mark.parametrize("size", SIZES)
def test_every_screen_of_several_people_is_accessible_and_fits(people: People, size: str) -> None:
    ben, cleo = people.add("Ben Baker"), people.add("Cleo Clerk")
    people.add("Dora Dean-Robertson of the Harbour Office")
    session_id = ben.start_session("Ferry report")
    options = {"viewport": SIZES[size]}

    def check(page: Page, name: str) -> None:
        look_at(page, f"people-{name}", size)

    context = ben.context(**options)
    page = context.new_page()
    page.goto(f"/sessions/{session_id}")
    expect(page.get_by_label("E-mail", exact=True)).to_be_visible()
    check(page, "sign-in")
    fill_in(page, ben.email, "wrong")
    expect(page.get_by_role("alert")).to_be_visible()
    check(page, "sign-in-wrong")
    fill_in(page, ben.email)
    expect(page.get_by_role("heading", name="Ferry report")).to_be_visible()
    page.get_by_role("button", name="Account of Ben Baker").click()
    expect(page.get_by_role("menuitem", name="Sign out")).to_be_visible()
    check(page, "menu")
    page.keyboard.press("Escape")

    with cleo.page("/inbox", **options) as guest:
        share(page, cleo.email)
        expect(page.get_by_label("How long Cleo Clerk has it")).to_be_visible()
        page.get_by_role("button", name="Make a link").click()
        expect(page.get_by_role("textbox", name="The new link")).to_be_visible()
        check(page, "share")
        page.keyboard.press("Escape")
        guest.goto("/sessions")
        expect(guest.get_by_text(THEIRS)).to_be_visible()
        check(guest, "shared-with-me")
        guest.goto(f"/sessions/{session_id}")
        expect(guest.get_by_role("note")).to_be_visible()
        expect(guest.get_by_role("img", name=re.compile("Watching"))).to_be_visible()
        check(guest, "viewer")
        choose(page, "More to do", "Who did what…")
        expect(page.get_by_role("region", name="Audit log")).to_be_visible()
        check(page, "audit-of-session")
        page.keyboard.press("Escape")
        page.goto("/join")
        expect(page.get_by_text("This link is not whole")).to_be_visible()
        check(page, "join")
        page.goto(f"/sessions/{session_id}")
        page.get_by_role("textbox", name="Message").fill("Half a sentence")
        ben.call("POST", "/api/auth/logout-everywhere")
        expect(page.get_by_role("dialog", name="Sign in again")).to_be_visible()
        expect(page.get_by_label("Password", exact=True)).to_be_focused()
        check(page, "sign-in-again")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("textbox", name="Message")).to_have_value("Half a sentence")
    context.close()

    with people.admin.page("/settings/people", **options) as page:
        expect(page.get_by_role("list", name="People")).to_contain_text("Dora")
        check(page, "people")
        page.get_by_role("button", name="New person").click()
        page.get_by_role("radio", name="Typed").check()
        check(page, "new-person")
        page.keyboard.press("Escape")
        page.goto("/settings/audit")
        expect(page.get_by_role("region", name="Audit log")).to_be_visible()
        check(page, "audit")
        page.goto(f"/sessions/{session_id}")
        expect(page.get_by_role("note")).to_contain_text("administer")
        check(page, "server-admin")


@pytest.mark.parametrize("size", SIZES)
def test_every_setting_of_a_person_is_accessible_and_fits(people: People, size: str) -> None:
    def check(page: Page, name: str) -> None:
        look_at(page, f"people-{name}", size)

    ben = people.add("Ben Baker")
    options = {"viewport": SIZES[size]}
    with ben.page("/inbox", **options) as page:
        page.goto("/settings/profile")
        expect(page.get_by_role("list", name="Sign-ins").get_by_role("listitem")).not_to_have_count(0)
        check(page, "profile")
        page.goto("/settings/keys")
        page.get_by_role("button", name="New key").click()
        page.get_by_label("Name", exact=True).fill("Nightly import")
        check(page, "new-key")
        page.get_by_role("button", name="Make the key").click()
        expect(page.get_by_role("textbox", name="The new key")).to_be_visible()
        check(page, "key-once")
        page.get_by_role("button", name="Done").click()
        expect(page.get_by_role("list", name="API keys")).to_be_visible()
        check(page, "keys")
        page.goto("/settings/secrets")
        page.get_by_role("button", name="New secret").click()
        page.get_by_label("Name", exact=True).fill("work")
        page.get_by_label("Value", exact=True).fill("sk-first-value-4711")
        check(page, "new-secret")
        page.get_by_role("button", name="Keep it").click()
        expect(page.get_by_role("list", name="Secrets")).to_be_visible()
        check(page, "secrets")
        page.goto("/new")
        page.locator("summary", has_text=re.compile("^Advanced")).click()
        page.get_by_label("API key: one of my secrets").select_option("work")
        page.get_by_role("button", name="Change API key").scroll_into_view_if_needed()
        check(page, "secret-chosen")
        page.goto("/settings/people")
        expect(page.get_by_text("People is for administrators of this server.")).to_be_visible()
        check(page, "not-allowed")
