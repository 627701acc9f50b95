"""Signing in: by password, again when it ends, in several tabs; accounts, keys, and who may administer."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.browser.people import PASSWORD, WITHIN_MS, People, choose, fill_in
from tests.browser.server import PerdureServer

pytestmark = pytest.mark.browser


@pytest.fixture
def variables(request: pytest.FixtureRequest) -> dict[str, str]:
    return getattr(request, "param", {"PERDURE_AUTH": "password"})


@pytest.fixture
def people(server: PerdureServer, browser: Browser, tmp_path: Path) -> People:
    return People(server, browser, tmp_path / "data")


@pytest.mark.parametrize("variables", [{}], indirect=True)
def test_a_server_with_one_local_user_asks_nobody(page: Page, server: PerdureServer) -> None:
    page.goto("/settings")
    expect(page.get_by_role("heading", name="Server")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Account of"))).to_have_count(0)
    expect(page.get_by_role("navigation", name="Settings").get_by_role("link")).to_have_text(
        ["General", "Secrets", "Audit log"]
    )
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Mine alone"})["session_id"]
    page.goto(f"/sessions/{session_id}")
    page.get_by_role("button", name="More to do").click()
    expect(page.get_by_role("menuitem", name="Rename…")).to_be_visible()
    expect(page.get_by_role("menuitem", name=re.compile("Share|access"))).to_have_count(0)
    page.goto("/sign-in?next=/inbox")
    expect(page).to_have_url(re.compile("/inbox$"))


def test_somebody_signs_in_where_they_wanted_to_go_and_out_again(people: People) -> None:
    page = people.admin.context().new_page()
    page.goto("/sessions?sort=name")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_label("E-mail", exact=True)).to_be_focused()
    assert page.get_by_label("E-mail", exact=True).get_attribute("autocomplete") == "username"
    fill_in(page, people.admin.email, "not the password")
    expect(page.get_by_role("alert")).to_have_text("E-mail and password do not belong together.")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    fill_in(page, people.admin.email)
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/sessions\?sort=name$"))
    page.reload()
    expect(page.get_by_text("Nothing here yet")).to_be_visible()
    cookies = page.context.cookies()
    assert sorted(each.get("name") or "" for each in cookies) == ["perdure_access", "perdure_refresh"]
    assert all(each.get("httpOnly") and each.get("sameSite") == "Strict" for each in cookies)
    choose(page, "Account of Ada Admin", "Sign out")
    expect(page).to_have_url(re.compile("/sign-in$"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.context.cookies() == []
    page.goto("/sessions")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/sign-in?next=//evil.example/")
    fill_in(page, people.admin.email)
    expect(page.get_by_text("Nothing here yet")).to_be_visible()


def test_a_sign_in_that_ends_while_typing_is_renewed_over_the_page_and_the_draft_is_kept(
    people: People,
) -> None:
    ben = people.add("Ben Baker")
    session_id = ben.start_session("Long letter")
    with ben.page(f"/sessions/{session_id}") as page:
        box = page.get_by_role("textbox", name="Message")
        box.fill("Dear editor, ")
        box.press_sequentially("what I wanted to say")
        ben.call("POST", "/api/auth/logout-everywhere")
        again = page.get_by_role("dialog", name="Sign in again")
        expect(again).to_be_visible(timeout=WITHIN_MS)
        expect(again.get_by_label("E-mail", exact=True)).to_have_value(ben.email)
        expect(again.get_by_label("Password", exact=True)).to_be_focused()
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        expect(again).to_be_visible()
        again.get_by_label("Password", exact=True).fill("wrong")
        page.keyboard.press("Enter")
        expect(again.get_by_role("alert")).to_be_visible()
        again.get_by_label("Password", exact=True).fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(again).to_have_count(0)
        expect(page.get_by_role("status", name="Connection")).to_have_text("live")
        expect(box).to_have_value("Dear editor, what I wanted to say")
        expect(box).to_be_focused()
        page.keyboard.press("Enter")
        articles = page.get_by_role("log", name="Messages").get_by_role("article")
        expect(articles.first).to_contain_text("what I wanted to say")


def test_a_lapsed_access_token_is_renewed_in_silence_once_for_all_tabs(people: People) -> None:
    ben = people.add("Ben Baker")
    session_id = ben.start_session("Ferry report")
    with ben.page("/sessions") as first:
        second = first.context.new_page()
        second.goto(f"/sessions/{session_id}")
        expect(second.get_by_role("status", name="Connection")).to_have_text("live")
        asked: list[str] = []

        def note(request: Request) -> None:
            if request.url.endswith("/api/auth/refresh"):
                asked.append(request.url)

        first.context.on("request", note)
        first.context.clear_cookies(name="perdure_access")
        first.get_by_role("link", name="Inbox").click()
        second.get_by_role("textbox", name="Message").fill("Still here")
        second.get_by_role("button", name="Send").click()
        articles = second.get_by_role("log", name="Messages").get_by_role("article")
        expect(articles.first).to_contain_text("Still here")
        expect(first.get_by_role("heading", name="Inbox")).to_be_visible()
        for page in (first, second):
            page.reload()
            expect(page.get_by_role("navigation", name="Main")).to_be_visible()
            expect(page.get_by_role("heading", name="Sign in")).to_have_count(0)
        assert len(asked) == 1
        assert len(ben.call("GET", "/api/auth/sign-ins")["sign_ins"]) == 2  # the browser's and the program's


def test_signing_out_in_one_tab_signs_the_other_out(people: People) -> None:
    with people.admin.page("/sessions") as first:
        second = first.context.new_page()
        second.goto("/inbox")
        expect(second.get_by_role("heading", name="Inbox")).to_be_visible()
        choose(first, "Account of Ada Admin", "Sign out")
        expect(second.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(second.get_by_text("You signed out in another tab.")).to_be_visible()
        fill_in(second, people.admin.email)
        expect(second.get_by_role("heading", name="Inbox")).to_be_visible()


def test_somebody_changes_their_name_and_password_and_ends_another_sign_in(people: People) -> None:
    ben = people.add("Ben Baker")
    with ben.page("/settings/profile") as page, ben.page("/inbox") as other:
        page.get_by_role("textbox", name="Name").fill("Benjamin Baker")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("button", name="Account of Benjamin Baker")).to_be_visible()
        page.reload()
        rows = page.get_by_role("list", name="Sign-ins").get_by_role("listitem")
        expect(rows).to_have_count(2)
        expect(rows.filter(has_text="this one")).to_have_count(1)
        page.get_by_role("button", name=re.compile("End the sign-in of")).click()
        expect(rows).to_have_count(1)
        expect(other.get_by_role("dialog", name="Sign in again")).to_be_visible(timeout=WITHIN_MS)

        page.get_by_label("Current password", exact=True).fill("not it")
        page.get_by_label("New password", exact=True).fill("another long sentence")
        page.get_by_role("button", name="Change the password").click()
        expect(page.get_by_text("This is not your current password.")).to_be_visible()
        page.get_by_label("Current password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Change the password").click()
        expect(page.get_by_text("Changed. All your other sign-ins have ended.")).to_be_visible()
        fill_in(other, ben.email)
        expect(other.get_by_role("alert")).to_be_visible()
        fill_in(other, ben.email, "another long sentence")
        expect(other.get_by_role("dialog")).to_have_count(0)

        page.get_by_role("button", name="Sign out everywhere…").click()
        page.get_by_role("dialog").get_by_role("button", name="Sign out everywhere").click()
        expect(page).to_have_url(re.compile("/sign-in$"))
        expect(other.get_by_role("heading", name="Sign in")).to_be_visible(timeout=WITHIN_MS)


def test_an_administrator_makes_people_and_throws_one_out(people: People) -> None:
    with people.admin.page("/settings/people") as page:
        rows = page.get_by_role("list", name="People").get_by_role("listitem")
        expect(rows).to_have_count(2)  # the local user stays for a server without sign-in
        choose(page, "More for Ada Admin", "Make a member")
        expect(rows.get_by_role("alert")).to_contain_text("last administrator")

        page.get_by_role("button", name="New person").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill("Cleo Clerk")
        dialog.get_by_label("E-mail").fill("cleo@example.org")
        dialog.get_by_role("button", name="Make account").click()
        password = page.get_by_role("textbox", name="Password").input_value()
        assert re.fullmatch(r"(\w{5}-){3}\w{5}", password)
        page.get_by_role("button", name="Done").click()
        expect(rows).to_have_count(3)
        page.get_by_label("Search people").fill("cleo")
        expect(rows).to_have_count(1)

        cleo = people.admin.context().new_page()
        cleo.goto("/inbox")
        fill_in(cleo, "cleo@example.org", password)
        expect(cleo.get_by_role("heading", name="Inbox")).to_be_visible()
        cleo.goto("/settings/people")
        expect(cleo.get_by_text("People is for administrators of this server.")).to_be_visible()
        expect(cleo.get_by_role("navigation", name="Settings")).not_to_contain_text("People")

        choose(page, "More for Cleo Clerk", "Disable…")
        page.get_by_role("dialog").get_by_role("button", name="Disable").click()
        expect(cleo.get_by_role("dialog", name="Sign in again")).to_be_visible(timeout=WITHIN_MS)
        expect(rows).to_contain_text("disabled")
        fill_in(cleo, "cleo@example.org", password)
        expect(cleo.get_by_role("alert")).to_be_visible()
        choose(page, "More for Cleo Clerk", "Enable")
        expect(rows).not_to_contain_text("disabled")
        fill_in(cleo, "cleo@example.org", password)
        expect(cleo.get_by_role("dialog")).to_have_count(0)
        page.goto("/settings/audit")
        log = page.get_by_role("region", name="Audit log")
        expect(log.get_by_role("row").filter(has_text="Cleo Clerk")).not_to_have_count(0)
        expect(log.get_by_role("row").filter(has_text="Ada Admin")).not_to_have_count(0)


def test_a_key_is_made_shown_once_used_and_revoked(people: People, server: PerdureServer) -> None:
    ben = people.add("Ben Baker")
    ben.start_session("Ferry report")
    with ben.page("/settings/keys") as page:
        page.get_by_role("button", name="New key").click()
        page.get_by_label("Name", exact=True).fill("Nightly import")
        expect(page.get_by_role("radio", name=re.compile("administer"))).to_have_count(0)
        page.get_by_role("radio", name=re.compile("^read")).check()
        page.get_by_role("button", name="Make the key").click()
        key = page.get_by_role("textbox", name="The new key").input_value()
        assert key.startswith("pdk_")
        page.get_by_role("button", name="Done").click()
        row = page.get_by_role("list", name="API keys").get_by_role("listitem")
        expect(row).to_contain_text("never used")
        assert key not in page.content()

        def ask() -> httpx.Response:
            return httpx.get(
                f"{server.url}/api/sessions", headers={"Authorization": f"Bearer {key}"}, timeout=20
            )

        assert ask().json()["sessions"][0]["name"] == "Ferry report"
        page.reload()
        expect(row).to_contain_text("last used")
        page.get_by_role("button", name="Revoke Nightly import").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(page.get_by_text("Keys that you make for programs appear here.")).to_be_visible()
        assert ask().status_code == 401
