"""What a person does with one session: read it in every view, steer it, branch off from it."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import assert_accessible, shoot
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

TOOLS = (
    '[[call write_file {"path": "notes/facts.md", "content": "# Facts\\n\\nOne, two."}]]'
    '[[call read_file {"path": "nowhere.md"}]]'
)


def png(width: int = 40, height: int = 24) -> bytes:
    """Return a small picture."""
    rows = b"".join(
        b"\0" + bytes((x * 6 % 256, y * 9 % 256, 120)[c] for x in range(width) for c in range(3))
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_tool_calls_are_read_where_they_happened(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    session_id = server.start_session(f"Write it down. {TOOLS}", "one-shot")
    server.wait_for_run(session_id, "completed")
    page.goto(f"/sessions/{session_id}")
    calls = page.get_by_role("list", name="Tool calls").get_by_role("listitem")
    expect(calls).to_have_count(2)
    expect(calls.nth(1)).to_contain_text("failed")
    calls.nth(0).get_by_text("write_file").click()
    expect(calls.nth(0).get_by_role("group", name="Arguments")).to_contain_text("notes/facts.md")
    expect(calls.nth(0).get_by_role("group", name="Result")).to_be_visible()
    shoot(page, "tools-in-conversation")
    assert_accessible(page)


def test_the_log_is_read_in_three_views_and_an_event_has_an_address(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    session_id = server.start_session(f"Write it down. {TOOLS}", "planning-control")
    server.wait_for_run(session_id, "completed")
    console = Console(page)
    page.goto(f"/sessions/{session_id}?tab=events")
    grid = page.get_by_role("grid", name="Events")
    expect(grid.get_by_role("row").filter(has_text="workflow_complete")).to_be_visible()
    page.get_by_label("Search events").fill("nowhere")
    grid.get_by_role("row").filter(has_text="tool_call").first.click()
    expect(page).to_have_url(re.compile(r"at=\d+"))
    detail = page.get_by_role("region", name=re.compile(r"Event \d+"))
    expect(detail).to_contain_text("nowhere.md")
    address = page.url
    page.get_by_role("button", name="Next event").click()
    expect(page).not_to_have_url(address)
    page.goto(address)
    expect(detail).to_contain_text("nowhere.md")
    page.get_by_role("button", name="Timeline").click()
    expect(page.get_by_role("button", name=re.compile("Step Read the text"))).to_be_visible()
    shoot(page, "events-timeline")
    assert_accessible(page)
    page.get_by_role("button", name="Close the event").click()
    console.open_tab("Costs")
    page.get_by_role("button", name="Agent").click()
    expect(page.get_by_role("table").get_by_role("row").filter(has_text="engineer")).to_be_visible()


def test_a_session_is_forked_from_a_node_of_the_picture(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    session_id = server.start_session("Write a briefing.", "planning-control")
    server.wait_for_run(session_id, "completed")
    console = Console(page)
    page.goto(f"/sessions/{session_id}?tab=dag")
    page.get_by_label("Collect the facts: Done").click()
    expect(page.get_by_role("region", name="Details of Collect the facts")).to_be_visible()
    shoot(page, "picture-with-details")
    assert_accessible(page)
    console.press("Fork from here")
    page.get_by_label("Name", exact=True).fill("Another way")
    console.confirm("Fork")
    expect(page.get_by_role("heading", name="Another way")).to_be_visible()
    console.expect_status("Done", within_s=60)
    expect(page.get_by_role("link", name="another session")).to_have_attribute(
        "href", f"/sessions/{session_id}"
    )
    assert provider.count("YOUR STEP (1)") == 1
    assert provider.count("YOUR STEP (2)") == 2


def test_inputs_wait_in_a_queue_that_can_be_changed(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    provider.hold("Slowly", after_tokens=3)
    session_id = server.start_session("Slowly, please", "one-shot")
    provider.wait_until_held()
    page.goto(f"/sessions/{session_id}")
    box = page.get_by_role("textbox", name="Message")
    for text in ("First thing", "Second thing", "Third thing"):
        box.fill(text)
        expect(page.get_by_text("waits in the queue and starts")).to_be_visible()
        page.keyboard.press("Enter")
        expect(box).to_have_value("")
    queue = page.get_by_role("list", name="Queue").get_by_role("listitem")
    expect(queue).to_have_text([re.compile("First"), re.compile("Second"), re.compile("Third")])
    page.get_by_role("button", name="Earlier: Third thing").click()
    expect(queue).to_have_text([re.compile("First"), re.compile("Third"), re.compile("Second")])
    page.get_by_role("button", name="Take out: First thing").click()
    expect(queue).to_have_count(2)
    page.get_by_role("button", name="Change: Third thing").click()
    page.get_by_label("Waiting input").fill("Third thing, but shorter")
    page.get_by_role("button", name="Save").click()
    expect(queue.first).to_contain_text("but shorter")
    shoot(page, "queue")
    assert_accessible(page)
    provider.release()
    expect(queue).to_have_count(0, timeout=60_000)
    expect(Console(page).messages).to_have_count(6, timeout=60_000)
    assert provider.count("First thing") == 0


def test_a_run_is_steered_and_stopped(page: Page, server: PerdureServer, provider: OpenAIServer) -> None:
    provider.hold("YOUR STEP (1)", after_tokens=2)
    session_id = server.start_session("Write a briefing.", "planning-control")
    provider.wait_until_held()
    console = Console(page)
    page.goto(f"/sessions/{session_id}")
    page.get_by_role("textbox", name="Message").fill("Mention the tugs")
    page.get_by_role("button", name="Steer").click()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("The run gets it at its next step.")).to_be_visible()
    provider.hold("YOUR STEP (2)", after_tokens=2)
    provider.wait_for(lambda each: each.count("YOUR STEP (2)") > 0)
    assert provider.count("Mention the tugs") >= 1
    console.choose("Stop the run")
    console.expect_status("Ready")
    provider.release()


def test_older_messages_come_in_above(page: Page, server: PerdureServer) -> None:
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Long talk"})["session_id"]
    said = [
        {"role": "user" if n % 2 else "assistant", "content": f"Message number {n}."} for n in range(1, 171)
    ]
    server.send("PUT", f"/api/sessions/{session_id}/state", {"messages": said})
    console = Console(page)
    page.goto(f"/sessions/{session_id}")
    expect(console.messages.last).to_contain_text("Message number 170.")
    before = console.messages.count()
    assert before < 170
    console.messages.first.scroll_into_view_if_needed()
    expect(console.messages.nth(before)).to_be_attached()
    while (before := console.messages.count()) < 170:
        page.get_by_role("log", name="Messages").evaluate("box => { box.scrollTop = 0; }")
        expect(console.messages.nth(before)).to_be_attached()
    expect(page.get_by_role("button", name="Older messages")).to_have_count(0)
    expect(console.messages).to_have_count(170)
    expect(console.messages.first).to_contain_text("Message number 1.")


def test_files_are_added_and_looked_at(page: Page, server: PerdureServer, tmp_path: Path) -> None:
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Files"})["session_id"]
    page.goto(f"/sessions/{session_id}?tab=files")
    expect(page.get_by_text("Files that you add and that the agents write appear here.")).to_be_visible()
    uploads = {
        "picture.png": png(),
        "data.json": b'{"ferry": {"name": "Aurelia"}}',
        "paper.pdf": b"%PDF-1.4\n",
    }
    for name, content in uploads.items():
        (tmp_path / name).write_bytes(content)
    page.get_by_label("Add files").set_input_files([tmp_path / name for name in uploads])
    page.get_by_role("button", name=re.compile("picture.png")).click()
    expect(page.get_by_role("img", name="picture.png")).to_have_js_property("naturalWidth", 40)
    page.get_by_role("button", name=re.compile("data.json")).click()
    expect(page.get_by_role("region", name="Content of data.json")).to_contain_text("Aurelia")
    page.get_by_role("button", name=re.compile("paper.pdf")).click()
    expect(page.get_by_role("link", name="Download it to read it")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download data.json").click()
    assert download.value.path().read_bytes() == uploads["data.json"]
    shoot(page, "files")
    assert_accessible(page)


def test_a_change_in_another_place_is_told_and_nothing_typed_is_lost(
    page: Page, server: PerdureServer
) -> None:
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Before"})["session_id"]
    console = Console(page)
    page.goto(f"/sessions/{session_id}")
    console.choose("Rename…")
    page.get_by_label("Name", exact=True).fill("Mine")
    server.send("PATCH", f"/api/sessions/{session_id}", {"name": "Theirs"})
    console.press("Save")
    expect(page.get_by_role("alert")).to_contain_text("“Theirs”")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Mine")
    shoot(page, "changed-elsewhere")
    console.press("Use my name")
    expect(page.get_by_role("heading", name="Mine", exact=True)).to_be_visible()


def test_a_plan_is_accepted_on_the_mission_tab(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    session_id = server.start_session("Write a briefing.", "planning-control", approval_mode="after_planning")
    server.wait_for_run(session_id, "waiting")
    page.goto(f"/sessions/{session_id}?tab=mission")
    hops = page.get_by_role("list", name="Hops").get_by_role("listitem")
    expect(hops.filter(has_text="Read the text").first).to_be_visible()
    page.get_by_role("button", name="Accept", exact=True).click()
    Console(page).expect_status("Done", within_s=60)
    expect(page.get_by_role("list", name="Hops")).not_to_contain_text(re.compile("proposed", re.IGNORECASE))
    shoot(page, "mission-done")
    assert_accessible(page)


def test_the_console_is_searched_and_downloaded(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    code = "for n in range(300): print(f'line {n} of the log')"
    session_id = server.start_session(
        f'Count. [[call run_python {{"code": "{code}"}}]]',
        "one-shot",
        tool_permissions={"code": "auto_allow"},
    )
    server.wait_for_run(session_id, "completed")
    page.goto(f"/sessions/{session_id}?tab=console")
    expect(page.get_by_text("line 299 of the log", exact=True)).to_be_visible()
    page.get_by_label("Search the console").fill("line 42 of")
    expect(page.get_by_text("line 42 of the log", exact=True)).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="1 of 1")).to_be_visible()
    shoot(page, "console-search")
    assert_accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all").click()
    assert download.value.path().read_text().count("of the log") == 300


def test_a_huge_log_opens_at_its_newest_end(page: Page, server: PerdureServer) -> None:
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Huge"})["session_id"]
    for start in range(0, 5000, 500):
        said = [{"role": "user", "content": f"Entry {n}."} for n in range(start, start + 500)]
        server.send("PUT", f"/api/sessions/{session_id}/state", {"messages": said})
    last = server.get(f"/api/sessions/{session_id}")["last_seq"]
    assert last >= 5000
    page.goto(f"/sessions/{session_id}?tab=events")
    grid = page.get_by_role("grid", name="Events")
    expect(grid.get_by_text("Entry 4999.")).to_be_visible()
    assert grid.get_by_role("row").count() < 100
    page.goto(f"/sessions/{session_id}?tab=events&at=17")
    expect(page.get_by_role("region", name="Event 17")).to_be_visible(timeout=30_000)
    assert grid.get_by_role("row").count() < 100


def test_a_session_that_cannot_be_read_says_so_and_tries_again(page: Page, server: PerdureServer) -> None:
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Hidden"})["session_id"]
    page.route("**/costs", lambda route: route.abort())
    page.goto(f"/sessions/{session_id}")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    shoot(page, "session-unreadable")
    assert_accessible(page)
    page.unroute("**/costs")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("heading", name="Hidden")).to_be_visible()


def test_one_view_that_fails_leaves_the_others_alone(page: Page, server: PerdureServer) -> None:
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Partly"})["session_id"]
    httpx.put(
        f"{server.url}/api/sessions/{session_id}/files/a.txt", content=b"text", timeout=20
    ).raise_for_status()
    console = Console(page)
    page.goto(f"/sessions/{session_id}?tab=files")
    page.route("**/files/a.txt", lambda route: route.fulfill(status=503, body="{}"))
    page.get_by_role("button", name=re.compile("a.txt")).click()
    expect(page.get_by_role("alert")).to_be_visible(timeout=30_000)
    console.open_tab("Overview")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(console.connection).to_have_text("live")


def test_a_view_that_cannot_be_fetched_comes_with_the_next_try(page: Page, server: PerdureServer) -> None:
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Cut off"})["session_id"]
    console = Console(page)
    page.goto(f"/sessions/{session_id}")
    expect(console.connection).to_have_text("live")
    page.route("**/assets/CostsTab*", lambda route: route.abort())
    console.open_tab("Costs")
    expect(page.get_by_role("alert")).to_be_visible()
    page.unroute("**/assets/CostsTab*")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("Each call of a model appears here")).to_be_visible()
