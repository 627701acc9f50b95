"""What else a person does with one session: follow its costs, times and retries, and keep to a part of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.checks import assert_accessible, assert_not_wider_than_the_screen, shoot
from tests.browser.console import Console
from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

PRICED = "openai-chat:gpt-4o-mini"


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, provider: OpenAIServer) -> Iterator[PerdureServer]:
    """One server for all: sessions do not disturb each other."""
    started = PerdureServer(tmp_path_factory.mktemp("more") / "data", provider.environment())
    started.start()
    try:
        yield started
    finally:
        provider.release()
        started.kill()


@pytest.fixture(autouse=True)
def _nothing_held(provider: OpenAIServer) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    yield
    provider.release()


@pytest.fixture(scope="module")
def eventful(server: PerdureServer, provider: OpenAIServer) -> str:
    """A session that was killed in its first step, paused after it, and went back over it."""
    provider.hold("YOUR STEP (1)", after_tokens=3)
    before = provider.count("YOUR STEP (1)")
    session_id = server.start_session("Write a briefing.", "planning-control", model=PRICED)
    provider.wait_until_held()
    server.kill()
    server.start()
    provider.wait_for(lambda each: each.count("YOUR STEP (1)") == before + 2)
    server.post(f"/api/sessions/{session_id}/suspend", {"when": "boundary"})
    provider.release()
    server.wait_for_run(session_id, "paused")
    provider.fail_next(1, 400)
    server.post(f"/api/sessions/{session_id}/resume", {"from_step": "step-1"})
    server.wait_for_run(session_id, "completed")
    return session_id


def of_axis(page: Page, share: float) -> tuple[float, float]:
    """Return the point on the timeline's axis that lies so far along it."""
    axis = page.get_by_role("group", name="Mark a stretch of time").bounding_box()
    assert axis is not None
    return axis["x"] + axis["width"] * share, axis["y"] + axis["height"] / 2


def shown_events(page: Page) -> tuple[int, int]:
    """Return the first and last event that the log keeps to, as its chip says."""
    chip = page.get_by_text(re.compile(r"only events"))
    expect(chip).to_be_visible()
    first, last = re.findall(r"\d+", (chip.text_content() or "").replace("\u202f", ""))[:2]
    return int(first), int(last)


def test_what_was_paid_twice_is_told_apart(page: Page, server: PerdureServer, eventful: str) -> None:
    page.goto(f"/sessions/{eventful}?tab=costs")
    ledger = server.get(f"/api/sessions/{eventful}/costs")
    again = ledger["made_again"]
    assert (again["calls"], again["unpriced_calls"]) == (2, 1)  # cut off by the kill; gone back over
    assert 0 < again["cost_usd"] < ledger["total_cost_usd"]
    panel = page.get_by_role("tabpanel", name="Costs")
    expect(panel.get_by_text("Of it spent again")).to_be_visible()
    expect(panel).to_contain_text("2 calls were made again after a crash")
    expect(panel).to_contain_text(f"Priced from {ledger['price_version']}.")
    rows = page.get_by_role("region", name="Costs by model").get_by_role("row")
    expect(rows).to_have_count(2)  # its heading and the one model, whichever name its calls go by
    expect(rows.nth(1)).to_contain_text("gpt-4o-mini")
    shoot(page, "costs-spent-again")
    assert_accessible(page)
    Console(page).open_tab("Overview")
    facts = page.get_by_role("region", name="Facts")
    for fact in ("Worked", "From start to end"):
        expect(facts.get_by_text(fact, exact=True)).to_be_visible()


def test_on_a_phone_the_costs_can_be_read(page: Page, eventful: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/sessions/{eventful}?tab=costs")
    table = page.get_by_role("region", name="Costs by model").get_by_role("table")
    name = table.get_by_role("rowheader").first
    expect(name).to_be_visible()
    box = name.bounding_box()
    assert box is not None
    assert box["width"] > 90, "names are not broken into letters"
    expect(table.get_by_text("Share of the cost")).to_be_hidden()
    assert_not_wider_than_the_screen(page)
    assert_accessible(page)
    shoot(page, "phone-costs-again")


def test_a_stretch_of_time_is_marked_and_every_view_keeps_to_it(page: Page, eventful: str) -> None:
    console = Console(page)
    page.goto(f"/sessions/{eventful}?tab=events&view=timeline")
    for band in ("paused", "server away"):
        expect(page.get_by_text(band, exact=True)).to_be_visible()
    bars = page.get_by_role("group", name="Timeline").get_by_role(
        "button", name=re.compile("^(Step|Pause|Outage)")
    )
    before = bars.count()
    page.mouse.move(*of_axis(page, 0.6))
    page.mouse.down()
    page.mouse.move(*of_axis(page, 0.8), steps=3)
    expect(page.get_by_role("status").filter(has_text="events marked")).to_be_visible()
    page.mouse.move(*of_axis(page, 1.0), steps=3)
    page.mouse.up()
    first, last = shown_events(page)
    expect(page).to_have_url(re.compile(f"span=.*{first}-{last}"))
    assert bars.count() < before
    shoot(page, "timeline-marked")
    assert_accessible(page)

    page.get_by_role("button", name="Table", exact=True).click()
    expect(page.get_by_text(re.compile(rf"^{last - first + 1} of "))).to_be_visible()
    console.open_tab("Console")
    assert shown_events(page) == (first, last)
    page.get_by_role("button", name="show all").click()
    expect(page).not_to_have_url(re.compile("span="))


def test_a_stretch_of_time_is_marked_with_the_keyboard(page: Page, eventful: str) -> None:
    page.goto(f"/sessions/{eventful}?tab=events&view=timeline")
    begin = page.get_by_role("slider", name="Begin of the stretch")
    begin.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(begin).to_have_attribute("aria-valuenow", re.compile("^[4-9]$"))
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show only these")).to_be_focused()
    page.keyboard.press("Enter")
    first, _ = shown_events(page)
    assert first > 4


def test_attempts_that_were_given_up_are_one_line_of_the_log(page: Page, eventful: str) -> None:
    page.goto(f"/sessions/{eventful}?tab=events")
    grid = page.get_by_role("grid", name="Events")
    expect(grid.get_by_role("row").filter(has_text="workflow_complete")).to_be_visible()
    grid.evaluate("box => { box.scrollTop = 0; }")
    folded = grid.get_by_role("row", name=re.compile("attempt 1 Read the text"))
    expect(folded).to_contain_text("gone back over")
    assert (
        grid.get_by_role("row").filter(has_text="step_started").filter(has_text="Read the text").count() <= 1
    )
    folded.get_by_role("button").press("Enter")
    expect(folded.get_by_role("button")).to_have_attribute("aria-expanded", "true")
    expect(grid.get_by_role("row").filter(has_text="step_completed").first).to_be_visible()
    shoot(page, "attempts-unfolded")
    assert_accessible(page)


def test_the_conversation_is_made_wider_and_stays_so(page: Page, eventful: str) -> None:
    page.goto(f"/sessions/{eventful}")
    line = page.get_by_role("separator", name="Width of the conversation")
    expect(line).to_have_attribute("aria-valuenow", "53")
    line.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(line).to_have_attribute("aria-valuenow", "47")
    box = line.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 7, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] - 100, box["y"] + 100, steps=3)
    page.mouse.up()
    expect(line).to_have_attribute("aria-valuenow", re.compile("^3[5-9]$"))
    narrow = line.get_attribute("aria-valuenow") or ""
    page.reload()
    expect(line).to_have_attribute("aria-valuenow", narrow)
    assert_not_wider_than_the_screen(page)
    line.dblclick()
    expect(line).to_have_attribute("aria-valuenow", "53")


def test_no_cost_is_claimed_before_a_call_has_ended(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    provider.hold("Nobody knows", after_tokens=2)
    session_id = server.start_session("Nobody knows the price", "one-shot")
    provider.wait_until_held()
    page.goto(f"/sessions/{session_id}?tab=costs")
    header = page.get_by_role("banner").or_(page.get_by_role("main"))
    expect(header.get_by_text("cost not known yet")).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Costs")).to_contain_text("1 call is under way")
    expect(page.get_by_text("$0.00")).to_have_count(0)
    provider.release()
    expect(page.get_by_text("cost unknown (unpriced model)")).to_be_visible()


def test_a_resume_says_that_prices_have_changed(page: Page, server: PerdureServer) -> None:
    session_id = server.start_session(
        "Write a briefing.", "planning-control", approval_mode="after_planning", model=PRICED
    )
    server.wait_for_run(session_id, "waiting")
    server.post(f"/api/sessions/{session_id}/suspend", {"when": "boundary"})
    now = server.get(f"/api/sessions/{session_id}/costs")["price_version"]

    def newer(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "price_version": "genai-prices 99.0"})

    page.route("**/costs", newer)
    page.goto(f"/sessions/{session_id}?resume=1")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"model prices: {now} → genai-prices 99.0")
    assert_accessible(page)


def test_a_long_absence_is_caught_up_with_a_count(page: Page, server: PerdureServer) -> None:
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Long talk"})["session_id"]
    sockets: list[WebSocketRoute] = []
    away = False
    held: list[str | bytes] = []
    holding = False

    def between(socket: WebSocketRoute) -> None:
        if away:
            socket.close()
            return
        behind = socket.connect_to_server()
        sockets.append(socket)

        def pass_on(message: str | bytes) -> None:
            if holding and '"sync"' not in str(message):
                held.append(message)
            else:
                socket.send(message)

        behind.on_message(pass_on)

    page.route_web_socket(re.compile("/ws/"), between)
    page.goto(f"/sessions/{session_id}")
    console = Console(page)
    expect(console.connection).to_have_text("live")
    away = True
    sockets[-1].close()
    expect(console.connection).not_to_have_text("live")
    said = [{"role": "user", "content": f"Message number {n}."} for n in range(1, 701)]
    server.send("PUT", f"/api/sessions/{session_id}/state", {"messages": said})
    holding, away = True, False
    progress = page.get_by_role("status", name="Catching up")
    expect(progress).to_have_text(re.compile(r"Catching up \d+ / 70\d"))
    shoot(page, "catching-up")
    assert_accessible(page)
    holding = False
    for message in held:
        sockets[-1].send(message)
    expect(progress).to_have_count(0)
    expect(page.get_by_role("status", name="Caught up")).to_contain_text(re.compile(r"^Back. 70\d events"))
    expect(console.messages.last).to_contain_text("Message number 700.")


def test_without_a_network_answers_and_words_wait_for_it(page: Page, server: PerdureServer) -> None:
    session_id = server.start_session(
        "Write a briefing of the quay.", "planning-control", approval_mode="after_planning"
    )
    server.wait_for_run(session_id, "waiting")
    page.goto(f"/sessions/{session_id}")
    console = Console(page)
    expect(console.connection).to_have_text("live")
    page.context.set_offline(True)
    expect(console.connection).to_contain_text("Offline. Showing what was saved at")
    approve = page.get_by_role("button", name="Approve", exact=True)
    expect(approve).to_be_disabled()
    expect(page.get_by_text("You are offline.")).to_be_visible()
    page.keyboard.press("a")
    box = page.get_by_role("textbox", name="Message")
    box.fill("Mention the pier.")
    box.press("Enter")
    expect(page.get_by_role("region", name="Conversation").get_by_role("alert")).to_contain_text(
        "cannot be reached"
    )
    shoot(page, "no-network")
    assert_accessible(page)
    page.context.set_offline(False)
    expect(console.connection).to_have_text("live")
    expect(page.get_by_text("You are offline.")).to_have_count(0)
    approve.click()
    console.expect_status("Done", within_s=60)
    expect(box).to_have_value("Mention the pier.")
    said = console.messages.filter(has_text="Mention the pier.")
    expect(said).to_have_count(0)
    box.press("Enter")
    expect(box).to_have_value("")
    expect(said.first).to_be_visible()
    messages = server.get(f"/api/sessions/{session_id}")["conversation_history"]
    assert sum(each["content"] == "Mention the pier." for each in messages) == 1


def test_that_somebody_looks_is_said_late_rather_than_never(page: Page, eventful: str) -> None:
    page.clock.install()
    page.goto(f"/sessions/{eventful}")
    console = Console(page)
    expect(console.connection).to_have_text("live")
    page.context.set_offline(True)
    expect(console.connection).to_contain_text("Offline.")
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/activity")):
        page.clock.fast_forward("05:00")
        page.clock.fast_forward("00:03")
    with page.expect_response(re.compile(f"/{eventful}/activity$")) as said:
        page.context.set_offline(False)
    assert said.value.ok


def test_a_session_that_takes_long_to_load_says_so_and_can_be_left(page: Page, eventful: str) -> None:
    waiting: list[Route] = []
    page.clock.install()
    page.route(f"**/api/sessions/{eventful}", lambda route: waiting.append(route))
    page.goto(f"/sessions/{eventful}")
    expect(page.locator("[data-loading]")).to_be_attached()
    page.clock.fast_forward(200)
    loading = page.get_by_role("status", name="Loading the session")
    expect(loading).to_be_visible()
    expect(loading.get_by_text("Still loading.")).to_have_count(0)
    page.clock.fast_forward(8_000)
    expect(loading.get_by_text("Still loading.")).to_be_visible()
    assert_accessible(page)
    loading.get_by_role("button", name="Cancel").click()
    expect(page).to_have_url(re.compile("/sessions$"))
    for route in waiting:
        route.abort()


def test_limits_changed_in_another_place_are_shown_beside_what_is_typed(
    page: Page, server: PerdureServer
) -> None:
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Limited"})["session_id"]
    console = Console(page)
    page.goto(f"/sessions/{session_id}?tab=config")
    panel = page.get_by_role("tabpanel", name="Config")
    console.press("Change limits")
    panel.get_by_label(re.compile("cost", re.IGNORECASE)).first.fill("2")
    server.send("PATCH", f"/api/sessions/{session_id}", {"resource_limits": {"max_steps": 7}})
    expect(page.get_by_role("group", name="Durability").get_by_text("v2", exact=True)).to_be_visible()
    console.press("Save")
    alert = panel.get_by_role("alert")
    expect(alert).to_contain_text("Changed in another place")
    expect(alert).to_contain_text("7")
    expect(panel.get_by_label(re.compile("cost", re.IGNORECASE)).first).to_have_value("2")
    shoot(page, "limits-changed-elsewhere")
    assert_accessible(page)
    console.press("Use mine")
    expect(alert).to_have_count(0)
    expect(page.get_by_text("limit $2.00")).to_be_visible()


def test_two_files_are_compared_line_by_line(page: Page, server: PerdureServer) -> None:
    session_id = server.post("/api/sessions", {"mode": "one-shot", "name": "Two drafts"})["session_id"]
    lines = [f"Sentence {n} of the draft." for n in range(1, 31)]
    server.put_file(session_id, "first.md", "\n".join(lines).encode())
    server.put_file(session_id, "second.md", "\n".join([*lines[:9], "Another one.", *lines[10:]]).encode())
    server.put_file(session_id, "picture.png", b"\x89PNG\r\n\x1a\n")
    page.goto(f"/sessions/{session_id}?tab=files")
    page.get_by_role("button", name=re.compile("second.md")).click()
    other = page.get_by_label("Compare with")
    expect(other.get_by_role("option")).to_have_count(2)  # none yet, and the other text
    other.select_option("first.md")
    compared = page.get_by_role("region", name="first.md and second.md compared")
    expect(compared.get_by_role("row").filter(has_text="Another one.")).to_contain_text("only here")
    expect(compared.get_by_role("row").filter(has_text="Sentence 10 ")).to_contain_text("only in the other")
    expect(compared).to_contain_text("17 lines the same")
    shoot(page, "files-compared")
    assert_accessible(page)


def test_code_of_an_answer_is_taken_with_one_press(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    provider.reply("Write the script", "Here it is:\n\n```python\nprint('a')\n```\n")
    session_id = server.start_session("Write the script", "one-shot")
    server.wait_for_run(session_id, "completed")
    page.goto(f"/sessions/{session_id}")
    message = Console(page).messages.last
    expect(message.get_by_text("python", exact=True)).to_be_visible()
    message.get_by_role("button", name="Copy the code").click()
    expect(message.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "print('a')\n"
    assert_accessible(page)


def test_a_failed_run_hands_on_a_report_and_a_node_shows_what_it_printed(
    page: Page, server: PerdureServer, provider: OpenAIServer
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    provider.hold("YOUR STEP (2)")
    session_id = server.start_session("Write a letter.", "planning-control")
    provider.wait_until_held()
    provider.fail_next(30, 400)
    provider.release()
    session = server.wait_for_run(session_id, "failed")
    provider.reset()
    page.goto(f"/sessions/{session_id}?tab=dag")
    Console(page).press("Copy report")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    report = page.evaluate("navigator.clipboard.readText()")
    assert session["current_run"]["run_id"] in report
    assert json.dumps(session["current_run"]["error"]["message"])[1:40] in json.dumps(report)
    page.get_by_label(re.compile("^Write the result: Failed")).click()
    printed = page.get_by_role("group", name="Printed by Write the result")
    expect(printed).to_contain_text("400")
    page.get_by_role("button", name=re.compile("console$")).click()
    expect(page.get_by_role("log", name=re.compile("^Console"))).to_contain_text("400")
    expect(page).to_have_url(re.compile(r"tab=console.*at=\d+"))
