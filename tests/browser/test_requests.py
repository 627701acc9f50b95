"""Every kind of question is asked, understood and answered where the person is."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import assert_accessible, shoot
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

WAYS = [
    {"title": "Quick", "description": "Answer at once from the text.", "way": "direct"},
    {"title": "Thorough", "description": "Plan it, and check every number.", "way": "plan"},
]
QUESTIONS = [
    {"question": "For whom is it?", "reason": "The tone depends on it.", "options": ["team lead", "board"]},
    {"question": "How long may it be?"},
]


def route(provider: OpenAIServer, **routed: object) -> None:
    """Let the copilot's router answer this for every message."""
    provider.reply("Choose one:", json.dumps({"reason": "a test", "route": "direct", **routed}))


def test_a_plan_is_rearranged_before_it_starts(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    console = Console(page)
    page.goto(
        f"/sessions/{server.start_session('Write a briefing.', 'planning-control', approval_mode='after_planning')}"
    )
    console.press("Edit the plan")
    page.get_by_label("Name of step 1").fill("Count the ships")
    console.press("Move step 1 down")
    expect(page.get_by_label("Name of step 2")).to_have_value("Count the ships")
    page.get_by_role("listitem", name="Step 2").get_by_role("button", name="Add a step here").click()
    expect(page.get_by_label("Name of step 3")).to_be_focused()
    page.get_by_label("Name of step 3").fill("Count the tugs")
    page.get_by_label("Goal of step 3").fill("Say how many tugs there are.")
    shoot(page, "request-plan-editing")
    assert_accessible(page)
    page.get_by_label("Name of step 4").fill("count the tugs")
    console.press("Start with this plan")
    expect(page.get_by_role("alert")).to_contain_text("Not accepted yet")
    expect(page.get_by_role("listitem", name="Step 4")).to_contain_text("named")
    expect(page.get_by_label("Name of step 4")).to_have_attribute("aria-invalid", "true")
    shoot(page, "request-plan-refused")
    page.reload()
    expect(page.get_by_label("Goal of step 3")).to_have_value("Say how many tugs there are.")
    page.get_by_label("Name of step 4").fill("Write it up")
    console.press("Start with this plan")
    console.expect_status("Done", within_s=60)
    assert provider.count("Say how many tugs there are.") >= 1


def test_a_tool_call_is_edited_denied_and_allowed_for_the_session(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    marks = "".join(f'[[call write_file {{"path": "{n}.md", "content": "Part {n}"}}]]' for n in "abcd")
    console = Console(page)
    session_id = server.start_session(
        f"Write. {marks}", "one-shot", tool_permissions={"file_write": "prompt"}
    )
    page.goto(f"/sessions/{session_id}")
    card = page.get_by_role("group", name="Allow write_file?")
    expect(card).to_be_visible()
    expect(page.get_by_text("writes files of this session")).to_be_visible()
    expect(card.get_by_text("a.md", exact=True)).to_be_visible()
    shoot(page, "request-tool")
    assert_accessible(page)
    console.press("Edit the call")
    page.get_by_label("Path").fill("")
    console.press("Allow as edited")
    expect(page.get_by_role("alert")).to_contain_text("Not accepted yet")
    page.get_by_label("Path").fill("better.md")
    shoot(page, "request-tool-editing")
    console.press("Allow as edited")
    expect(card.get_by_text("b.md", exact=True)).to_be_visible()
    console.press("Deny")
    page.get_by_label("Why not?").fill("Not that one.")
    console.press("Deny")
    expect(card.get_by_text("c.md", exact=True)).to_be_visible()
    console.press("Allow for this session")
    console.expect_status("Done", within_s=60)
    assert provider.count("Not that one.") >= 1
    files = {each["path"] for each in server.get(f"/api/sessions/{session_id}/files")["files"]}
    assert files == {"better.md", "c.md", "d.md"}


def test_an_agents_question_is_answered_with_a_suggestion_or_own_words(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    mark = '[[call ask_person {"question": "Which ship?", "options": ["Aurelia", "Linnea"]}]]'
    console = Console(page)
    page.goto(f"/sessions/{server.start_session(f'Describe a ship. {mark}', 'one-shot')}")
    expect(page.get_by_role("heading", name="Which ship?")).to_be_visible()
    console.press("Linnea")
    shoot(page, "request-question")
    assert_accessible(page)
    console.press("Send the answer")
    console.expect_status("Done", within_s=60)
    assert provider.count("Linnea") >= 1


def test_questions_before_the_work_are_fields_of_one_form(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    route(provider, route="clarify", questions=QUESTIONS)
    console = Console(page)
    page.goto(
        f"/sessions/{server.start_session('Write something.', 'copilot', approval_mode='after_planning')}"
    )
    expect(page.get_by_text("For whom is it?")).to_be_visible()
    page.get_by_role("radio", name="board").check()
    console.press("Send the answer")
    expect(page.get_by_text("This is needed.")).to_be_visible()
    shoot(page, "request-clarify-refused")
    assert_accessible(page)
    page.get_by_label("How long may it be?").fill("One page.")
    console.press("Send the answer")
    expect(page.get_by_text(re.compile("Answered by local"))).to_be_visible()
    expect(page.get_by_role("heading", name="2 questions")).to_have_count(0)


def test_one_of_several_ways_is_chosen(page: Page, server: PerdureServer, provider: OpenAIServer) -> None:
    route(provider, route="propose", approaches=WAYS)
    console = Console(page)
    page.goto(
        f"/sessions/{server.start_session('Write a report.', 'copilot', approval_mode='after_planning')}"
    )
    expect(page.get_by_role("radio", name=re.compile("Quick"))).to_be_checked()
    page.get_by_role("radio", name=re.compile("Thorough")).check()
    shoot(page, "request-selection")
    assert_accessible(page)
    console.press("Go with this one")
    expect(page.get_by_role("heading", name=re.compile("Approve the plan"))).to_be_visible(timeout=30_000)


def test_steps_are_let_through_one_by_one(page: Page, server: PerdureServer, provider: OpenAIServer) -> None:
    console = Console(page)
    page.goto(f"/sessions/{server.start_session('Write a briefing.', 'hitl-interactive')}")
    console.press("Approve")
    console.press("Edit the step")
    page.get_by_label("Goal").fill("Read only the first page.")
    shoot(page, "request-step-editing")
    console.press("Start as edited")
    expect(page.get_by_role("heading", name=re.compile("Step 1 is done"))).to_be_visible(timeout=30_000)
    shoot(page, "request-step-done")
    assert_accessible(page)
    console.press("Go on")
    console.press("Skip this step")
    console.press("Start this step")
    expect(page.get_by_role("heading", name=re.compile("Step 3 is done"))).to_be_visible(timeout=30_000)
    console.press("Go on")
    console.expect_status("Done", within_s=60)
    assert provider.count("Read only the first page.") >= 1


def test_a_step_that_failed_is_tried_again_from_the_question(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    console = Console(page)
    provider.reply("YOUR STEP (1)", "NOT DONE, the text is unreadable.")
    provider.reply("Slowly.", "Done, slowly.")
    config = {"variant": "error_recovery", "max_attempts": 1}
    page.goto(f"/sessions/{server.start_session('Write a briefing.', 'hitl-interactive', **config)}")
    expect(page.get_by_role("heading", name=re.compile("Step 1 failed"))).to_be_visible(timeout=30_000)
    shoot(page, "request-error")
    assert_accessible(page)
    console.press("Try again")
    page.get_by_label("Anything it should do differently?").fill("Slowly.")
    console.press("Try again")
    console.expect_status("Done", within_s=60)


def test_a_limit_that_is_reached_is_raised(page: Page, server: PerdureServer, provider: OpenAIServer) -> None:
    console = Console(page)
    limits = {"max_steps": 2}
    page.goto(
        f"/sessions/{server.start_session('Write a briefing.', 'planning-control', resource_limits=limits)}"
    )
    expect(page.get_by_role("heading", name=re.compile("Allow more"))).to_be_visible(timeout=30_000)
    shoot(page, "request-budget")
    assert_accessible(page)
    page.get_by_label("Max steps").fill("1")
    console.press("Allow more")
    expect(page.get_by_role("alert")).to_contain_text("Not accepted yet")
    page.get_by_label("Max steps").fill("20")
    console.press("Allow more")
    console.expect_status("Done", within_s=60)


def test_a_command_that_destroys_wants_its_first_word_typed(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    mark = '[[call run_shell {"command": "rm -rf build && echo gone"}]]'
    console = Console(page)
    page.goto(f"/sessions/{server.start_session(f'Tidy up. {mark}', 'one-shot')}")
    expect(page.get_by_role("group", name="Command")).to_have_text("rm -rf build && echo gone")
    console.press("Allow once")
    expect(page.get_by_role("button", name="Allow once", exact=True)).to_be_disabled()
    shoot(page, "request-destroys")
    assert_accessible(page)
    page.get_by_label("Type rm to allow it").fill("rm")
    console.press("Allow once")
    console.expect_status("Done", within_s=60)
    expect(page.get_by_role("list", name="Tool calls").last).to_contain_text("ran shell")
