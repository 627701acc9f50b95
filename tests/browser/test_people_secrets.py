"""Secrets by name: kept, chosen for a session, replaced and removed, with a value that never comes back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import assert_accessible, assert_not_wider_than_the_screen
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser
VALUE, OTHER = "sk-first-value-4711", "sk-second-value-4712"
ABOUT_ADVANCED = re.compile("^Advanced")
ABOUT_MODEL = re.compile("^Model")


CACHE = """() => {
  const root = document.querySelector("#root");
  const key = Object.keys(root).find((each) => each.startsWith("__reactContainer$"));
  const left = [root[key].stateNode.current];
  while (left.length) {
    const part = left.pop();
    const client = part.memoizedProps?.client;
    if (client?.getQueryCache) {
      const asked = client.getQueryCache().getAll().map((each) => [each.queryKey, each.state.data]);
      const done = client.getMutationCache().getAll().map((each) => [each.state.variables, each.state.data]);
      return JSON.stringify([asked, done]);
    }
    left.push(...[part.child, part.sibling].filter(Boolean));
  }
}"""
"""Everything that was asked of the server or sent to it and is kept in the page's memory."""


def assert_nowhere(page: Page, *values: str) -> None:
    """Fail when the page, what it keeps in memory, or what the browser keeps for it holds one of the values."""
    cache = page.evaluate(CACHE)
    assert "secrets" in cache
    kept = page.evaluate("() => JSON.stringify([{...localStorage}, {...sessionStorage}, history.state])")
    typed = page.evaluate("() => [...document.querySelectorAll('input, textarea')].map(each => each.value)")
    for value in values:
        assert value not in kept
        assert value not in cache
        assert value not in page.content()
        assert value not in typed


def keep(page: Page, name: str, value: str) -> None:
    """Add a secret on the page of secrets."""
    page.get_by_role("button", name="New secret").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Value", exact=True).fill(value)
    page.get_by_role("button", name="Keep it").click()


def test_a_secret_is_kept_used_by_a_session_replaced_and_removed(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    answers: list[str] = []
    page.on(
        "response",
        lambda answer: answers.append(answer.url) if "/api/secrets" in answer.url and answer.ok else None,
    )
    page.goto("/settings/secrets")
    expect(page.get_by_text("Secrets that you keep for your sessions appear here")).to_be_visible()
    keep(page, "Work Key", "short")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Lower-case letters, digits")).to_be_visible()
    expect(dialog.get_by_text("At least 8 characters.")).to_be_visible()
    assert_accessible(page)
    page.get_by_label("Name", exact=True).fill("work")
    field = page.get_by_label("Value", exact=True)
    field.fill(VALUE)
    expect(field).to_have_attribute("type", "password")
    page.get_by_role("button", name="Keep it").click()
    row = page.get_by_role("list", name="Secrets").get_by_role("listitem")
    expect(row).to_contain_text("work")
    expect(dialog).to_have_count(0)
    assert_nowhere(page, VALUE)
    keep(page, "work", OTHER)
    expect(dialog.get_by_text("There is a secret of this name")).to_be_visible()
    page.keyboard.press("Escape")
    page.reload()
    expect(row).to_contain_text("work")
    assert_nowhere(page, VALUE, OTHER)

    page.goto("/new")
    page.get_by_role("radio", name="One shot").check()
    page.get_by_label("What should be done?").fill("Say hello.")
    page.locator("summary", has_text=ABOUT_ADVANCED).click()
    page.get_by_label("API key", exact=True).fill("sk-typed-by-mistake")
    page.get_by_label("API key: one of my secrets").select_option("work")
    expect(page.get_by_text("work", exact=True)).to_be_visible()
    assert_nowhere(page, "sk-typed-by-mistake")
    assert_accessible(page)
    page.locator("summary", has_text=ABOUT_MODEL).click()
    page.get_by_label("Model", exact=True).fill("openai-chat:test")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url("**/sessions/*")
    console = Console(page)
    console.expect_status("Done")
    assert provider.calls[-1].key == VALUE
    console.open_tab("Config")
    expect(page.get_by_role("row", name="API key").get_by_text("work", exact=True)).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("[object")

    page.goto("/settings/secrets")
    page.get_by_role("button", name="Replace the value of work").click()
    page.get_by_label("New value").fill(OTHER)
    page.get_by_role("button", name="Replace", exact=True).click()
    expect(row).to_contain_text("replaced")
    assert_nowhere(page, VALUE, OTHER)
    page.get_by_role("button", name="Remove work").click()
    expect(dialog).to_contain_text("Sessions that refer to it fail")
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Secrets that you keep for your sessions appear here")).to_be_visible()
    assert len(answers) >= 5


def test_a_key_typed_into_a_session_is_shown_as_its_own_and_not_taken_along(
    page: Page, server: PerdureServer
) -> None:
    session_id = server.start_session("Say hello.", "one-shot", model="openai-chat:test", api_key=VALUE)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/sessions/{session_id}?tab=config")
    expect(page.get_by_text("a key of this session")).to_be_visible()
    assert_not_wider_than_the_screen(page)
    page.get_by_role("radio", name="As a command").or_(page.get_by_text("As a command")).first.click()
    expect(page.get_by_role("heading", name="HTTP")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("$secret")
    page.goto(f"/new?from={session_id}")
    page.locator("summary", has_text=ABOUT_ADVANCED).click()
    expect(page.get_by_label("API key", exact=True)).to_have_value("")


def test_what_was_allowed_for_a_session_is_listed_and_taken_back(page: Page, server: PerdureServer) -> None:
    marks = "".join(f'[[call write_file {{"path": "{n}.md", "content": "Part {n}"}}]]' for n in "ab")
    session_id = server.start_session(
        f"Write. {marks}", "one-shot", tool_permissions={"file_write": "prompt"}
    )
    console = Console(page)
    page.goto(f"/sessions/{session_id}?tab=config")
    section = page.get_by_role("region", name="Allowed for this session")
    expect(section).to_contain_text("Nothing.")
    console.press("Allow for this session")
    console.expect_status("Done")
    granted = page.get_by_role("list", name="Allowed for this session").get_by_role("listitem")
    expect(granted).to_contain_text("Write files of the session")
    assert_accessible(page)
    console.open_tab("Overview")
    expect(granted).to_contain_text("Write files of the session")
    page.get_by_role("button", name="Take back: Write files of the session").click()
    expect(section).to_have_count(0)
    assert server.get(f"/api/sessions/{session_id}/grants")["grants"] == []
    console.open_tab("Config")
    expect(section).to_contain_text("Nothing.")
