"""Many sessions at once: finding, starting, answering, tidying up, with the mouse or without."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import assert_accessible, shoot
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser


def make(server: PerdureServer, *names: str) -> list[str]:
    """Create empty sessions, and return their ids."""
    return [server.post("/api/sessions", {"mode": "one-shot", "name": name})["session_id"] for name in names]


def test_sessions_are_deleted_and_had_back(page: Page, server: PerdureServer) -> None:
    make(server, "Keep me", "Old one", "Older one")
    page.goto("/sessions")
    for name in ("Old one", "Older one"):
        page.get_by_label(f"Select {name}").check()
    toolbar = page.get_by_role("toolbar", name="Selected sessions")
    expect(toolbar).to_contain_text("2 selected")
    shoot(page, "list-selected")
    assert_accessible(page)
    toolbar.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="Old one")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="Old one")).to_be_visible()
    page.get_by_label("Select Old one").check()
    toolbar.get_by_role("button", name="Delete").click()
    page.goto("/sessions?status=deleted")
    expect(page.get_by_role("link", name="Old one")).to_be_visible()
    expect(page.get_by_role("link", name="Keep me")).to_have_count(0)
    shoot(page, "trash")
    assert_accessible(page)
    page.get_by_role("button", name="Restore: Old one").click()
    page.goto("/sessions")
    expect(page.get_by_role("link", name="Old one")).to_be_visible()


def test_sessions_are_filtered_by_status_and_mode(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    make(server, "Idle")
    done = server.start_session("Finished work", "one-shot")
    server.wait_for_run(done, "completed")
    page.goto("/sessions")
    page.get_by_role("group", name="Status").get_by_role("button", name=re.compile("Done")).click()
    expect(page).to_have_url(re.compile("status=done"))
    expect(page.get_by_role("link", name="Finished work")).to_be_visible()
    expect(page.get_by_role("link", name="Idle")).to_have_count(0)
    page.get_by_label("Mode").select_option("copilot")
    expect(page.get_by_text("There is nothing in Done")).to_be_visible()
    shoot(page, "list-nothing")
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("link", name="Idle")).to_be_visible()


def test_starting_beside_a_running_session_asks_first(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    provider.hold("Slowly", after_tokens=2)
    slow = server.start_session("Slowly, please", "one-shot")
    provider.wait_until_held()
    page.goto("/new")
    page.get_by_label("What should be done?").fill("Something else")
    page.get_by_role("radio", name=re.compile("One shot")).check()
    page.get_by_role("button", name="Start", exact=True).click()
    dialog = page.get_by_role("dialog", name="“Slowly, please” is running")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    shoot(page, "another-is-running")
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_label("What should be done?")).to_have_value("Something else")
    page.get_by_role("button", name="Start", exact=True).click()
    dialog.get_by_role("radio", name=re.compile("Pause it now")).check()
    dialog.get_by_role("button", name="Pause it and go on").click()
    page.wait_for_url("**/sessions/*")
    Console(page).expect_status("Done", within_s=60)
    assert server.get(f"/api/sessions/{slow}")["status"] == "suspended"


def test_questions_of_all_sessions_are_answered_in_the_inbox(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    page.goto("/inbox")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    shoot(page, "inbox-empty")
    for task in ("Write the first briefing", "Write the second briefing"):
        server.wait_for_run(
            server.start_session(task, "planning-control", approval_mode="after_planning"), "waiting"
        )
    questions = page.get_by_role("list", name="Questions").locator("> li")
    expect(questions).to_have_count(2)
    expect(page.get_by_role("link", name=re.compile("Inbox"))).to_contain_text("2")
    expect(page).to_have_title("(2) Inbox · Perdure")
    shoot(page, "inbox")
    assert_accessible(page)
    page.get_by_role("heading", name="Inbox").click()
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(questions.first).to_contain_text("Approved by local")
    expect(page).to_have_title("(1) Inbox · Perdure")
    questions.get_by_role("button", name="Reject").click()
    questions.get_by_label("Why not?").fill("Not now.")
    questions.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Nothing more waits for you")).to_be_visible()
    expect(questions.last).to_contain_text("Rejected by local")
    expect(questions).to_have_count(2)
    expect(page).to_have_title("Inbox · Perdure")
    shoot(page, "inbox-answered")
    assert_accessible(page)
    page.get_by_role("link", name="Sessions", exact=True).first.click()
    expect(page.get_by_role("heading", name="Sessions")).to_be_visible()
    page.get_by_role("link", name=re.compile("Inbox")).click()
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()


def test_a_session_is_started_with_options_and_mistakes_are_shown_at_the_field(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    page.goto("/new")
    page.get_by_label("What should be done?").fill("Write a briefing.")
    page.get_by_role("radio", name=re.compile("Planning and control")).check()
    page.get_by_label("Max plan steps").fill("99")
    page.get_by_text("Limits", exact=True).click()
    page.get_by_label("Max tokens").fill("100000")
    page.get_by_text("What tools may do").click()
    page.get_by_label("Shell").select_option("deny")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_label("Max plan steps")).to_have_attribute("aria-invalid", "true")
    shoot(page, "new-session-refused")
    assert_accessible(page)
    page.get_by_label("Max plan steps").fill("4")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/sessions/*")
    expect(page.get_by_role("heading", name=re.compile("Approve the plan"))).to_be_visible(timeout=30_000)
    session = server.get(f"/api/sessions/{page.url.rsplit('/', 1)[-1]}")
    assert session["config"]["approval_mode"] == "after_planning"
    assert session["config"]["max_plan_steps"] == 4
    assert session["config"]["tool_permissions"] == {"shell": "deny"}
    assert session["resource_limits"] == {"max_tokens": 100000}


def test_a_key_that_was_typed_is_not_written_down_in_the_browser(page: Page, server: PerdureServer) -> None:
    page.goto("/new")
    page.get_by_role("radio", name=re.compile("One shot")).check()
    page.get_by_text("Advanced", exact=True).click()
    page.get_by_label("Base url").fill("http://localhost:11434/v1")
    key = page.get_by_label("Api key")
    key.fill("sk-not-for-others")
    expect(key).to_have_attribute("type", "password")
    kept = "JSON.stringify(localStorage) + JSON.stringify(sessionStorage)"
    page.wait_for_function(f"() => ({kept}).includes('11434')")
    assert "sk-not" not in page.evaluate(kept)
    page.reload()
    page.get_by_text(re.compile("^Advanced")).click()
    expect(page.get_by_label("Base url")).to_have_value("http://localhost:11434/v1")
    expect(key).to_have_value("")


def test_everything_is_reached_by_name_and_by_key(page: Page, server: PerdureServer) -> None:
    make(server, "Harbour survey", "Ferry report")
    page.goto("/")
    expect(page.get_by_role("heading", name="New", exact=True)).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search sessions and commands")).to_be_focused()
    page.keyboard.type("harb")
    expect(page.get_by_role("option", name=re.compile("Harbour survey"))).to_have_attribute(
        "aria-selected", "true"
    )
    shoot(page, "palette")
    assert_accessible(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Harbour survey")).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_role("tab", name="DAG")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page.get_by_role("link", name="Ferry report")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_role("toolbar", name="Selected sessions")).to_contain_text("1 selected")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("toolbar", name="Selected sessions")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Harbour survey")).to_be_visible()
    page.go_forward()
    page.get_by_label("Search sessions").fill("gs")
    expect(page).to_have_url(re.compile("q=gs"))


def test_settings_are_kept(page: Page, server: PerdureServer) -> None:
    page.goto("/settings")
    page.get_by_label("Single keys do things").uncheck()
    page.get_by_role("button", name="Dark", exact=True).click()
    shoot(page, "settings")
    assert_accessible(page)
    page.reload()
    expect(page.get_by_label("Single keys do things")).not_to_be_checked()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    page.keyboard.press("?")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_have_accessible_name("Search or jump")


def test_the_list_stays_readable_while_the_server_is_away(page: Page, server: PerdureServer) -> None:
    make(server, "Still here")
    page.goto("/sessions")
    expect(page.get_by_role("link", name="Still here")).to_be_visible()
    server.kill()
    expect(page.get_by_text("not connected")).to_be_visible(timeout=30_000)
    page.get_by_label("Search sessions").fill("still")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached", timeout=30_000)
    expect(page.get_by_role("link", name="Still here")).to_be_visible()
    shoot(page, "list-offline")
    assert_accessible(page)
    server.start()
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("alert")).to_have_count(0, timeout=30_000)


def test_who_comes_back_finds_what_needs_them_first(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    make(server, "Something else")
    server.wait_for_run(
        server.start_session("Write a briefing", "planning-control", approval_mode="after_planning"),
        "waiting",
    )
    page.goto("/")
    section = page.get_by_role("region", name="Needs you")
    expect(section.get_by_role("link", name="Write a briefing")).to_be_visible()
    shoot(page, "start")
    assert_accessible(page)
    section.get_by_role("link", name="Review").click()
    expect(page.get_by_role("heading", name=re.compile("Approve the plan"))).to_be_visible()
    page.get_by_role("button", name="More to do").click()
    page.get_by_role("menuitem", name="Start one like this").click()
    expect(page.get_by_label("What should be done?")).to_have_value("Write a briefing")
