"""Each way of working, from the form for a new session to its result on the screen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.checks import assert_accessible, shoot
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.documents import made
from tests.engine.asking import FINAL, script_ideas
from tests.fakes.arxiv_server import ArxivServer, make_pdf
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

PAPER = """On walls
Abstract
We measure 47.1 walls with WallSim on the Brick Survey.
1 Introduction
Walls stand for a long time, and this text is long enough to be a text layer of its own."""


@pytest.fixture
def arxiv() -> Iterator[ArxivServer]:
    with ArxivServer() as papers:
        papers.add("2401.00001", title="Walls and their ways", pdf=make_pdf(PAPER))
        yield papers


@pytest.fixture
def variables(request: pytest.FixtureRequest) -> dict[str, str]:
    """With the loopback arXiv where a test has one."""
    if "arxiv" not in request.fixturenames:
        return {}
    papers: ArxivServer = request.getfixturevalue("arxiv")
    return {
        "PERDURE_ARXIV_API_BASE": papers.base,
        "PERDURE_ARXIV_PDF_BASE": papers.base,
        "PERDURE_ARXIV_INTERVAL_S": "0",
    }


@pytest.fixture
def console(page: Page, server: PerdureServer) -> Console:
    assert server.url
    return Console(page)


def content_of(page: Page, name: str) -> None:
    """Open a file of the Files tab."""
    page.get_by_role("group", name="Files").get_by_role("button", name=re.compile(re.escape(name))).click()


def test_one_answer_is_had_from_one_agent(page: Page, console: Console) -> None:
    console.start("Sum up the text.", mode="One shot")
    console.expect_status("Done")
    expect(console.messages.last).to_contain_text("That is all that the text says about it.")
    expect(page.get_by_role("region", name="Result")).to_contain_text("to: Sum up the text.")


def test_a_plan_is_carried_out_to_its_report(page: Page, console: Console) -> None:
    console.start("Write a briefing from the text.", ask=False)
    console.expect_status("Done", within_s=60)
    expect(console.messages.last).to_contain_text("The text was read from beginning to end")
    console.open_tab("Files")
    content_of(page, "report.md")
    expect(page.get_by_role("region", name="Content of report.md")).to_contain_text("Three facts stand out")


def test_every_step_is_let_through_by_the_person(page: Page, console: Console) -> None:
    console.start("Write a briefing from the text.", mode="Step by step with you")
    expect(page.get_by_role("heading", name=re.compile("Approve the plan"))).to_be_visible()
    console.press("Approve")
    for number in (1, 2, 3):
        console.press("Start this step")
        expect(page.get_by_role("heading", name=re.compile(f"Step {number} is done"))).to_be_visible()
        console.press("Go on")
    console.expect_status("Done", within_s=60)
    expect(page.get_by_role("region", name="Result")).to_be_visible()


def test_a_conversation_is_answered_and_goes_on(page: Page, console: Console, provider: OpenAIServer) -> None:
    provider.reply("Choose one:", json.dumps({"reason": "a question", "route": "direct"}))
    console.start("How many passengers did the ferry carry?", mode="Copilot")
    console.expect_status("Ready")
    page.get_by_role("textbox", name="Message").fill("And when did the engine stop?")
    page.keyboard.press("Enter")
    expect(console.messages).to_have_count(4)
    console.expect_status("Ready")
    expect(console.messages.last).to_have_attribute("data-role", "assistant")


def test_ideas_are_weighed_and_the_chosen_one_is_written_up(
    page: Page, console: Console, provider: OpenAIServer
) -> None:
    script_ideas(provider)
    console.start("Ideas for fewer calls", mode="Ideas")
    heading = page.get_by_role("main").get_by_role("heading", name=re.compile("hoose|idea|Idea"))
    expect(heading.first).to_be_visible()
    shoot(page, "mode-ideas")
    console.expect_status("Done", within_s=60)
    console.open_tab("Files")
    content_of(page, "final_idea.md")
    expect(page.get_by_role("region", name="Content of final_idea.md")).to_contain_text(str(FINAL["title"]))


def test_a_scan_is_uploaded_and_its_text_is_read(page: Page, console: Console) -> None:
    scanned = made.scan([made.upper_part(image) for image in made.images_of(made.article())[:1]])
    page.goto("/new")
    page.get_by_label("Add files").set_input_files(
        FilePayload(name="heat.pdf", mimeType="application/pdf", buffer=scanned)
    )
    page.get_by_label("What should be done?").fill("Convert my file.")
    page.get_by_role("radio", name="PDF to text").check()
    console.press("Start")
    page.wait_for_url("**/sessions/*")
    console.expect_status("Done", within_s=120)
    expect(page.get_by_role("region", name="Result")).to_contain_text("Converted 1 PDF file (1 page).")
    console.open_tab("Files")
    content_of(page, "heat.md")
    text = page.get_by_role("region", name="Content of ocr/heat.md")
    expect(text.get_by_text(made.TITLE, exact=True)).to_be_visible()
    expect(text).to_contain_text("Heat that is collected in summer can be kept under ground until winter.")
    shoot(page, "mode-ocr")
    assert_accessible(page)


def test_the_papers_of_a_text_are_downloaded(page: Page, console: Console, arxiv: ArxivServer) -> None:
    console.start(
        "Get https://arxiv.org/abs/2401.00001 and arXiv:2401.99999.", mode="arXiv papers", source=""
    )
    console.expect_status("Done", within_s=60)
    expect(page.get_by_role("region", name="Result")).to_contain_text("1 downloaded")
    console.open_tab("Files")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download docs/2401.00001v1.pdf").click()
    assert download.value.path().read_bytes() == arxiv.pdf("2401.00001")
    shoot(page, "mode-arxiv")


def test_a_text_is_given_what_its_papers_say(
    page: Page, console: Console, arxiv: ArxivServer, provider: OpenAIServer, tmp_path: Path
) -> None:
    assert arxiv.base
    provider.reply(
        "Summarise this paper",
        json.dumps(
            {
                **dict.fromkeys(("title", "date", "abstract"), "?"),
                **{name: [] for name in ("authors", "keywords", "software", "data_sources", "data_sets")},
                "key_findings": ["47.1 walls stand."],
                "methods": ["counting"],
            }
        ),
    )
    console.start("Study walls with https://arxiv.org/abs/2401.00001", mode="Enhance input", source="")
    console.expect_status("Done", within_s=120)
    console.open_tab("Files")
    content_of(page, "enhanced_input.md")
    text = page.get_by_role("region", name="Content of enhanced_input.md")
    expect(text.get_by_text("[1] Walls and their ways", exact=True)).to_be_visible()
    expect(text).to_contain_text("47.1 walls stand.")
    shoot(page, "mode-enhance-input")
