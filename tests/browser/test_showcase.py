"""One morning with the console, as the documentation shows it; its pictures are the artefacts named `doc-…`."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.checks import (
    assert_accessible,
    assert_not_wider_than_the_screen,
    shoot,
    wait_until_settled,
)
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.documents import made
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

NOTES = """# Incident notes, ferry Aurelia, 3 March
06:40 port engine stops, eleven kilometres off Vell. 412 passengers, 63 vehicles. 06:52 Captain Okafor drops anchor.
09:15 tugs Marten and Stoat arrive. 13:30 alongside in Vell, nobody hurt. Worn coupling noted in January."""
TASK = "Write a one-page briefing from the notes: what happened, what it means, what is still open."
PLAN = {
    "steps": [
        {
            "name": "Read the incident notes",
            "goal": "List what happened, with times, in order.",
            "agent": "researcher",
            "points": ["Keep every time and number exact."],
        },
        {
            "name": "Weigh what it means",
            "goal": "Say what follows for passengers, hauliers and the operator.",
            "agent": "researcher",
        },
        {
            "name": "Write the briefing",
            "goal": "One page: what happened, what it means, what is still open.",
            "agent": "engineer",
        },
    ]
}
REVIEW = """The order is right. Two remarks:

- Step 2 should say **what had been known since January**, not only the cost.
- Keep times and distances exact; a briefing that rounds them loses trust."""
HAPPENED = """### What happened, by time

| time | event |
|---|---|
| 06:40 | the port engine of the *Aurelia* stops, eleven kilometres off Vell |
| 06:52 | Captain Ines Okafor drops anchor |
| 09:15 | the tugs *Marten* and *Stoat* reach the ferry |
| 13:30 | she lies in Vell harbour; no one is hurt |

On board were 412 passengers and 63 vehicles."""
MEANS = """Until the inquiry reports, the smaller *Linnea* serves the morning crossing: **180 passengers and no lorries**.
Hauliers on Vell put the cost of the detour at 38,000 euros a week. The worn coupling was noted in January and not
ordered, which the operator will have to explain."""
BRIEFING = """# The Aurelia: one page for the board

**What happened.** On 3 March at 06:40 the port engine of the *Aurelia* stopped eleven kilometres off Vell, with 412
passengers and 63 vehicles on board. Two tugs brought her in by 13:30. Nobody was hurt.

**What it means.** The smaller *Linnea* serves the morning crossing, without lorries; the detour costs hauliers about
38,000 euros a week.

**What is still open.** Why the coupling noted in January was not ordered, and when the *Aurelia* sails again."""


def script(provider: OpenAIServer) -> None:
    """Let the model say what belongs to the notes."""
    provider.reply("Write the final text", BRIEFING)
    provider.reply("of this plan for the task", REVIEW)
    provider.reply("Plan this task", json.dumps(PLAN))
    for number, text in enumerate((HAPPENED, MEANS, BRIEFING), 1):
        provider.reply(f"YOUR STEP ({number})", text)


def begin(
    server: PerdureServer, name: str, task: str = TASK, mode: str = "planning-control", **config: Any
) -> str:
    """Start a session with the notes in its folder."""
    body = {"mode": mode, "name": name, "config": config}
    session_id: str = server.post("/api/sessions", body)["session_id"]
    server.put_file(session_id, "notes.md", NOTES.encode())
    server.post(f"/api/sessions/{session_id}/messages", {"content": task})
    return session_id


def picture(page: Page, name: str) -> None:
    wait_until_settled(page)
    assert_accessible(page)
    assert_not_wider_than_the_screen(page)
    shoot(page, f"doc-{name}")


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"}


@pytest.fixture
def dark(browser: Browser, browser_context_args: dict[str, Any]) -> BrowserContext:
    return browser.new_context(**{**browser_context_args, "color_scheme": "dark"})


@pytest.fixture
def phone(browser: Browser, browser_context_args: dict[str, Any]) -> BrowserContext:
    return browser.new_context(**{**browser_context_args, "viewport": {"width": 390, "height": 844}})


def test_a_morning_with_the_console(
    page: Page, dark: BrowserContext, phone: BrowserContext, server: PerdureServer, provider: OpenAIServer
) -> None:
    console = Console(page)
    script(provider)
    page.goto("/")
    expect(page.get_by_role("radio", name="Planning and control")).to_be_visible()
    picture(page, "first-run")

    # what is over: one that was killed and paused on the way, a scan, one that failed
    provider.hold("YOUR STEP (1)", after_tokens=20)
    restarted = begin(server, "Briefing for the board")
    provider.wait_until_held()
    server.kill()
    server.start()
    provider.wait_for(lambda each: each.count("YOUR STEP (1)") == 2)
    server.post(f"/api/sessions/{restarted}/suspend", {"when": "boundary"})
    provider.release()
    server.wait_for_run(restarted, "paused")
    server.post(f"/api/sessions/{restarted}/resume")
    server.wait_for_run(restarted, "completed")
    scan = server.post("/api/sessions", {"mode": "ocr", "name": "Scan of the heat report", "config": {}})[
        "session_id"
    ]
    server.put_file(
        scan, "heat.pdf", made.scan([made.upper_part(each) for each in made.images_of(made.article())[:1]])
    )
    server.post(f"/api/sessions/{scan}/messages", {"content": "Convert my file."})
    server.wait_for_run(scan, "completed")
    provider.hold("YOUR STEP (2)")
    failed = begin(server, "Letter to the hauliers", "Write a letter to the hauliers on Vell.")
    provider.wait_until_held()
    provider.fail_next(30, 400)
    provider.release()
    server.wait_for_run(failed, "failed")
    provider.reset()
    script(provider)

    page.goto(f"/sessions/{restarted}?tab=events")
    page.get_by_role("button", name="Timeline").click()
    expect(page.get_by_text("server away", exact=True)).to_be_visible()
    picture(page, "timeline")
    console.open_tab("DAG")
    page.get_by_role("group", name="Bars show").get_by_role("button", name="Tokens").click()
    page.get_by_label("Weigh what it means: Done").click()
    expect(page.get_by_role("button", name="Fork from here")).to_be_visible()
    expect(page.get_by_label("Weigh what it means: Done")).to_contain_text("tokens")
    centred = (
        "() => { const n = document.querySelector('.react-flow__node.selected').getBoundingClientRect();"
    )
    centred += " const p = document.querySelector('[aria-label^=\"Details of\"]').getBoundingClientRect();"
    page.wait_for_function(centred + " return n.right < p.left; }")
    picture(page, "picture")
    page.goto(f"/sessions/{scan}?tab=files")
    page.get_by_role("button", name=re.compile("heat.md")).click()
    expect(page.get_by_text(made.TITLE, exact=True)).to_be_visible()
    page.get_by_text("Versions of heat.md").click()
    expect(page.get_by_role("list", name="Versions of ocr/heat.md")).to_be_visible()
    picture(page, "files")
    page.goto(f"/sessions/{failed}")
    console.expect_status("Failed")
    picture(page, "failed")

    # what goes on
    asked = begin(server, "Note for the harbour office", approval_mode="after_planning")
    server.wait_for_run(asked, "waiting")
    provider.hold("YOUR STEP (2)", after_tokens=30)
    running = begin(server, "Briefing for the crew")
    provider.wait_until_held()
    server.post(
        f"/api/sessions/{running}/messages",
        {"content": "Then translate it into French", "on_busy": "enqueue"},
    )
    page.goto(f"/sessions/{running}")
    expect(page.locator("article[data-open]")).to_contain_text("Hauliers")
    expect(page.get_by_role("list", name="Queue")).to_be_visible()
    picture(page, "session")
    page.goto("/sessions")
    expect(page.get_by_role("heading", name=re.compile("Failed"))).to_be_visible()
    picture(page, "sessions")
    page.goto(f"/sessions/{asked}")
    expect(page.get_by_role("heading", name=re.compile("Approve the plan"))).to_be_visible()
    picture(page, "approval")

    night = dark.new_page()
    night.goto(f"/sessions/{restarted}?tab=files")
    night.get_by_role("button", name=re.compile("report.md")).click()
    expect(night.get_by_role("region", name="Content of report.md")).to_contain_text("one page for the board")
    picture(night, "done-dark")
    night.goto("/inbox")
    expect(night.get_by_role("heading", name=re.compile("Approve the plan"))).to_be_visible()
    picture(night, "inbox-dark")
    dark.close()

    hand = phone.new_page()
    hand.goto(f"/sessions/{asked}")
    hand.get_by_role("textbox", name="Message").scroll_into_view_if_needed()
    expect(hand.get_by_role("region", name="Needs you")).to_be_visible()
    picture(hand, "approval-phone")
    hand.goto(f"/sessions/{running}")
    Console(hand).open_tab("Overview")
    expect(hand.get_by_role("list", name="Steps")).to_be_visible()
    picture(hand, "steps-phone")
    phone.close()
    provider.release()
    server.wait_for_run(running, "completed")
