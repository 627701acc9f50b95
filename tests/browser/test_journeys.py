"""Goals of a person, from the first click to the result, with everything in between that can go wrong."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.checks import shoot
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

APPROVE = re.compile("Approve the plan with 3 steps")


def test_a_planned_task_is_approved_and_survives_a_kill(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    provider.hold("YOUR STEP (2)", after_tokens=3)
    console = Console(page)
    session_id = console.start("Write a briefing from the text.")

    expect(page.get_by_role("heading", name=APPROVE)).to_be_visible()
    expect(page.get_by_role("list", name="Plan").get_by_text("Collect the facts").first).to_be_visible()
    console.expect_status("Needs you")
    expect(page).to_have_title(re.compile(r"^\(1\) Write a briefing"))
    shoot(page, "1-plan-to-approve")
    console.press("Approve")

    expect(page.get_by_text(re.compile("Approved by local"))).to_be_visible()
    expect(console.step("Read the text")).to_contain_text("Done")
    expect(console.step("Collect the facts")).to_contain_text("Running")
    expect(console.step("Write the result")).to_contain_text("Waiting")
    provider.wait_until_held()
    shoot(page, "2-second-step-runs")

    server.kill()
    expect(console.connection).to_contain_text("Reconnecting")
    expect(console.step("Read the text")).to_contain_text("Done")
    shoot(page, "3-server-killed")

    provider.release()
    server.start()
    expect(console.connection).to_have_text("live")
    console.expect_status("Done", within_s=60)
    for name in ("Read the text", "Collect the facts", "Write the result", "Final report"):
        expect(console.step(name)).to_have_count(1)
        expect(console.step(name)).to_contain_text("Done")

    console.open_tab("Files")
    page.get_by_role("button", name=re.compile("report.md")).click()
    expect(page.get_by_role("region", name="Content of report.md")).to_contain_text("Three facts stand out")
    shoot(page, "4-finished-after-restart")

    shown = console.message_ids()
    assert len(shown) == len(set(shown))
    stored = server.get(f"/api/sessions/{session_id}/history?limit=200")["messages"]
    assert shown == [message["message_id"] for message in stored]
    assert provider.count("YOUR STEP (1)") == 1
    assert provider.count("YOUR STEP (2)") == 2
    assert provider.count("YOUR STEP (3)") == 1


def test_a_run_is_paused_and_goes_on(page: Page, server: PerdureServer, provider: OpenAIServer) -> None:
    provider.hold("YOUR STEP (1)", after_tokens=2)
    console = Console(page)
    session_id = console.start("Collect the facts of the text.", ask=False)
    provider.wait_until_held()
    console.expect_status("Running")

    console.press("Pause")
    console.expect_status("Pausing")
    shoot(page, "pausing")
    provider.hold("YOUR STEP (2)")
    console.expect_status("Paused")
    expect(page.get_by_text("resuming does not repeat them")).to_be_visible()
    expect(console.step("Read the text")).to_contain_text("Done")
    shoot(page, "paused")
    assert provider.count("YOUR STEP (2)") == 0

    page.goto("about:blank")
    server.put_file(session_id, "notes.md", b"Put in while it was paused.")
    provider.release()
    page.goto("/")
    current = page.get_by_role("region", name="Current session")
    expect(current).to_contain_text("Paused")
    current.get_by_role("link", name="Resume").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 finished steps")
    expect(dialog).to_contain_text(re.compile(r"Changed since\s*the file notes\.md"))
    dialog.get_by_label("Anything to add?").fill("Mention the harbour.")
    shoot(page, "resume-preview")
    console.confirm("Resume")
    console.expect_status("Done", within_s=60)
    assert provider.count("YOUR STEP (1)") == 1
    assert provider.count("Mention the harbour.") >= 1


def test_what_is_sent_while_the_server_is_away_is_kept_and_said_once(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    console = Console(page)
    page.goto(f"/sessions/{server.start_session('Sum up the text.', 'one-shot')}")
    console.expect_status("Done")
    server.kill()
    expect(console.connection).not_to_have_text("live")
    box = page.get_by_role("textbox", name="Message")
    box.fill("And once more, shorter.")
    page.keyboard.press("Enter")
    alert = page.get_by_role("region", name="Conversation").get_by_role("alert")
    expect(alert).to_contain_text("cannot be reached")
    expect(box).to_have_value("And once more, shorter.")
    shoot(page, "sent-while-away")
    server.start()
    expect(console.connection).to_have_text("live")
    box.press("Enter")
    expect(box).to_have_value("")
    expect(console.messages).to_have_count(4)
    console.expect_status("Done")
    assert provider.count("And once more, shorter.") == 1


def test_two_tabs_are_live_on_two_sessions_and_do_not_mix(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    provider.hold("Slowly", after_tokens=2)
    slow = server.start_session("Slowly, please", "one-shot")
    provider.wait_until_held()
    asked = server.start_session("Write a briefing.", "planning-control", approval_mode="after_planning")
    server.wait_for_run(asked, "waiting")
    first, second = Console(page), Console(page.context.new_page())
    page.goto(f"/sessions/{slow}")
    second.page.goto(f"/sessions/{asked}")
    page.get_by_role("textbox", name="Message").fill("For the slow one")
    second.page.get_by_role("textbox", name="Message").fill("For the other one")
    for console, word in ((first, "Running"), (second, "Needs you")):
        console.expect_status(word)
        expect(console.connection).to_have_text("live")
        expect(console.page.get_by_role("link", name=re.compile("Inbox"))).to_contain_text("1")
    second.press("Approve")
    second.expect_status("Done", within_s=60)
    expect(page.get_by_role("link", name=re.compile("Inbox"))).not_to_contain_text("1")
    first.expect_status("Running")
    provider.release()
    first.expect_status("Done")
    for console, text in ((first, "For the slow one"), (second, "For the other one")):
        console.page.reload()
        expect(console.page.get_by_role("textbox", name="Message")).to_have_value(text)
    second.page.close()


def test_a_reload_in_the_middle_of_an_answer_loses_and_repeats_nothing(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    provider.hold("Sum up", after_tokens=14)
    console = Console(page)
    console.start("Sum up the text.", mode="One shot")
    growing = page.locator("article[data-open]")
    paragraphs = growing.locator("p")
    expect(paragraphs).to_have_count(2)
    provider.wait_until_held()
    expect(paragraphs.last).to_have_text("The text was read from beginning to")
    before = growing.inner_text()
    shoot(page, "answer-half-written")

    page.reload()
    expect(paragraphs).to_have_count(2)
    assert growing.inner_text() == before

    provider.release()
    expect(growing).to_have_count(0)
    expect(console.messages).to_have_count(2)
    expect(console.messages.last).to_contain_text("That is all that the text says about it.")
    console.expect_status("Done")
    assert console.messages.last.inner_text().count("The text was read from beginning to end") == 1


def test_a_plan_that_somebody_else_answered_first_is_said_kindly(
    page: Page, server: PerdureServer, provider: OpenAIServer, browser: Browser
) -> None:
    console = Console(page)
    session_id = console.start("Write a briefing.")
    expect(page.get_by_role("heading", name=APPROVE)).to_be_visible()
    deaf = browser.new_context(base_url=server.url, viewport={"width": 1360, "height": 900})
    other = deaf.new_page()
    other.route_web_socket("**/ws/**", lambda _: None)
    other.goto(f"/sessions/{session_id}")
    expect(other.get_by_role("heading", name=APPROVE)).to_be_visible()

    console.press("Reject")
    page.get_by_label("Why not?").fill("Too long.")
    console.press("Reject")
    expect(page.get_by_text(re.compile("Rejected by local"))).to_be_visible()

    other.get_by_role("button", name="Approve", exact=True).click()
    expect(other.get_by_text(re.compile("already rejected by local"))).to_be_visible()
    expect(other.get_by_role("alert")).to_have_count(0)
    shoot(other, "answered-elsewhere")
    deaf.close()
    page.get_by_text(re.compile("Rejected by local")).click()
    expect(page.get_by_text("“Too long.”")).to_be_visible()


def test_a_plan_is_edited_and_carried_out_as_edited(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    console = Console(page)
    console.start("Write a briefing.")
    console.press("Edit the plan")
    page.get_by_label("Name of step 1").fill("Count the ships")
    page.get_by_label("Goal of step 1").fill("Count the ships in the text.")
    console.press("Remove step 3")
    shoot(page, "plan-edited")
    console.press("Start with this plan")
    console.expect_status("Done", within_s=60)
    expect(console.step("Count the ships")).to_contain_text("Done")
    expect(console.step("Write the result")).to_have_count(0)
    assert provider.count("Count the ships in the text.") >= 1


def test_a_plan_is_sent_back_with_what_to_change(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    console = Console(page)
    console.start("Write a briefing.")
    console.press("Ask for changes")
    page.get_by_label("What should be different?").fill("Mention the tugs.")
    console.press("Send this")
    expect(page.get_by_text(re.compile("Changes asked for by local"))).to_be_visible()
    console.press("Approve")
    console.expect_status("Done", within_s=60)
    assert provider.count("Mention the tugs.") >= 1


def test_a_failed_run_is_retried_after_what_was_done(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    console = Console(page)
    provider.hold("YOUR STEP (2)")
    console.start("Write a briefing.", ask=False)
    provider.wait_until_held()
    provider.fail_next(30, 400)
    provider.release()
    console.expect_status("Failed", within_s=60)
    shoot(page, "failed")
    provider.reset()
    console.press("Retry from step 3")
    console.expect_status("Done", within_s=60)
    assert provider.count("YOUR STEP (1)") == 0
    assert provider.count("YOUR STEP (2)") == 0
    assert provider.count("YOUR STEP (3)") == 1


def test_a_follow_up_is_answered_in_the_same_session(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    console = Console(page)
    console.start("Sum up the text.", mode="One shot")
    console.expect_status("Done")
    box = page.get_by_role("textbox", name="Message")
    box.fill("Now in one sentence.")
    page.keyboard.press("Enter")
    expect(console.messages).to_have_count(4)
    console.expect_status("Done")
    expect(box).to_have_value("")
    expect(console.messages.nth(2)).to_contain_text("Now in one sentence.")


def test_what_was_typed_survives_a_reload(page: Page, server: PerdureServer) -> None:
    page.goto("/new")
    page.get_by_label("What should be done?").fill("A long thought")
    page.goto("/sessions")
    page.get_by_role("link", name="New session", exact=True).first.click()
    expect(page.get_by_label("What should be done?")).to_have_value("A long thought")
    page.reload()
    expect(page.get_by_label("What should be done?")).to_have_value("A long thought")
