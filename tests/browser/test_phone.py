"""A session in one hand: every view from the bar at the bottom, every question in reach of a thumb."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import (
    assert_accessible,
    assert_not_wider_than_the_screen,
    shoot,
    wait_until_settled,
)
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_context_args, "viewport": {"width": 390, "height": 844}, "has_touch": True}


def test_a_question_stays_in_reach_wherever_one_looks(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    session_id = server.start_session("Write a briefing.", "planning-control", approval_mode="after_planning")
    server.wait_for_run(session_id, "waiting")
    console = Console(page)
    page.goto(f"/sessions/{session_id}")
    pinned = page.get_by_role("region", name="Needs you")
    page.get_by_role("textbox", name="Message").scroll_into_view_if_needed()
    expect(pinned).to_contain_text("Approve the plan")
    shoot(page, "phone-pinned")
    assert_accessible(page)
    assert_not_wider_than_the_screen(page)
    for button in pinned.get_by_role("button").all()[1:]:
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["width"] > 150
    pinned.get_by_role("button", name=re.compile("Approve the plan")).tap()
    expect(pinned).to_have_count(0)
    expect(page.get_by_role("button", name="Edit the plan")).to_be_in_viewport()
    page.get_by_role("textbox", name="Message").scroll_into_view_if_needed()
    pinned.get_by_role("button", name="Reject…").tap()
    expect(page.get_by_label("Why not?")).to_be_focused()
    page.get_by_role("button", name="Back", exact=True).tap()
    page.get_by_role("textbox", name="Message").scroll_into_view_if_needed()
    pinned.get_by_role("button", name="Approve", exact=True).tap()
    console.expect_status("Done", within_s=60)
    expect(pinned).to_have_count(0)


def test_every_view_is_reached_with_a_thumb(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    session_id = server.start_session("Write a briefing.", "planning-control")
    server.wait_for_run(session_id, "completed")
    page.goto(f"/sessions/{session_id}")
    bar = page.get_by_role("navigation", name="Session", exact=True)
    expect(bar.get_by_role("button")).to_have_text(["Chat", "Steps", "Console", "More"])
    expect(page.get_by_role("navigation", name="Main")).to_have_count(0)
    expect(bar.get_by_role("button", name="Chat")).to_have_attribute("aria-current", "page")
    bar.get_by_role("button", name="Steps").tap()
    expect(page.get_by_role("list", name="Steps")).to_be_visible()
    shoot(page, "phone-steps")
    for view in ("Mission", "DAG", "Events", "Costs", "Files", "Config"):
        bar.get_by_role("button", name="More").tap()
        if view == "DAG":
            shoot(page, "phone-more")
            assert_accessible(page)
        bar.get_by_role("menuitem", name=view).tap()
        expect(page.get_by_role("region", name=view, exact=True)).to_be_visible()
        expect(bar.get_by_role("button", name=f"More, now {view}")).to_be_visible()
        wait_until_settled(page)
        assert_not_wider_than_the_screen(page)
        shoot(page, f"phone-{view.lower()}")
    bar.get_by_role("button", name="More").tap()
    bar.get_by_role("menuitem", name="All sessions").tap()
    expect(page.get_by_role("heading", name="Sessions", exact=True)).to_be_visible()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
