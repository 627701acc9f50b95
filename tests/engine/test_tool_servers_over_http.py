"""Tool servers at an address: a real one on this machine, called through the real client library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.tools import ToolCategory
from tests.engine.conftest import House
from tests.engine.test_standard_tools import asked, payloads, restart, use
from tests.fakes.mcp_http_server import HttpToolServer

pytestmark = pytest.mark.timeout(240)

FREELY = {"network": "auto_allow"}


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[HttpToolServer]:
    with HttpToolServer(tmp_path / "tools") as running:
        yield running


async def use_notes(house: House, notes: HttpToolServer, **changes: Any) -> None:
    """Start again with the tool server in the settings."""
    definition = {"url": notes.url, "headers": {"Authorization": f"Bearer {notes.key}"}, **changes}
    await restart(house, mcp_servers={"notes": definition})


async def test_its_tools_are_called_once_a_person_allows_the_network(
    house: House, notes: HttpToolServer
) -> None:
    await use_notes(house, notes)
    task = f"{use('notes_look_up', word='stop')} {use('notes_add', word='x')}"
    session, run = await house.submit("one-shot", task, mcp_servers=["notes"])

    question = await asked(house, run.id)
    assert (question.request_data["tool"], question.request_data["category"]) == ("notes_look_up", "network")
    assert question.request_data["arguments"] == {"word": "stop"}
    await house.app.approvals.answer(
        LOCAL_ACTOR, question.id, resolution="approve", answer={"scope": "session"}
    )
    await house.run(run.id, "completed")

    results = await payloads(house, session.id, "tool_result")
    assert [(each["tool"], each["ok"]) for each in results] == [("notes_look_up", True), ("notes_add", True)]
    assert "stop means pots" in results[0]["result"]
    assert notes.notes.read_text() == "x"
    events = await house.app.history.events(LOCAL_ACTOR, session.id, limit=1000)
    assert notes.key not in str([event.payload for event in events])


async def test_a_server_may_be_given_another_category_and_the_network_denied(
    house: House, notes: HttpToolServer
) -> None:
    await use_notes(house, notes)
    denied = {"network": "deny"}
    _, run = await house.submit(
        "one-shot", use("notes_add", word="x"), mcp_servers=["notes"], tool_permissions=denied
    )
    await house.run(run.id, "completed")
    assert "network is denied in the settings" in house.provider.calls[-1].text
    assert not notes.notes.exists()

    await use_notes(house, notes, category=ToolCategory.READ_ONLY)
    _, run = await house.submit(
        "one-shot", use("notes_look_up", word="stop"), mcp_servers=["notes"], tool_permissions=denied
    )
    await house.run(run.id, "completed")
    assert "stop means pots" in house.provider.calls[-1].text


async def test_what_a_tool_refuses_is_told_to_the_agent_and_the_run_goes_on(
    house: House, notes: HttpToolServer
) -> None:
    await use_notes(house, notes)
    task = f"{use('notes_fail')} {use('notes_look_up', word='stop')}"
    session, run = await house.submit("one-shot", task, mcp_servers=["notes"], tool_permissions=FREELY)
    await house.run(run.id, "completed")

    told = house.provider.calls[-1].text
    assert "the notes are full" in told
    assert "stop means pots" in told
    results = await payloads(house, session.id, "tool_result")
    assert [each["ok"] for each in results] == [False, True]


async def test_a_wrong_key_fails_the_run_plainly_and_is_not_shown(
    house: House, notes: HttpToolServer
) -> None:
    await use_notes(house, notes, headers={"Authorization": "Bearer wrong-key-of-mine"})
    session, run = await house.submit("one-shot", "Say hello", mcp_servers=["notes"])
    failed = await house.run(run.id, "failed", "completed")

    assert failed.error is not None
    assert "The tool server 'notes' cannot be used now" in failed.error["message"]
    events = await house.app.history.events(LOCAL_ACTOR, session.id, limit=1000)
    assert "wrong-key-of-mine" not in str([event.payload for event in events])


async def test_a_server_that_ends_in_the_middle_of_a_call_is_told_and_nothing_is_called_twice(
    house: House, notes: HttpToolServer, tmp_path: Path
) -> None:
    await use_notes(house, notes)
    mark = tmp_path / "called"
    after = use("notes_put", word="never")
    task = f"{use('notes_add', word='x')} {use('notes_hang', mark=str(mark))} {after}"
    session, run = await house.submit("one-shot", task, mcp_servers=["notes"], tool_permissions=FREELY)
    await house.until(mark.exists)
    notes.kill()
    ended = await house.run(run.id, "completed", "failed", "waiting")

    results = await payloads(house, session.id, "tool_result")
    assert [(each["tool"], each["ok"]) for each in results] == [
        ("notes_add", True),
        ("notes_hang", False),
        ("notes_put", False),
    ]
    assert (ended.status, ended.error) == ("completed", None)
    told = house.provider.calls[-1].text
    assert "The tool server 'notes' went away during the call; nothing says whether it took effect" in told
    assert notes.notes.read_text() == "x"

    notes.start()
    again, run = await house.submit(
        "one-shot", use("notes_look_up", word="stop"), mcp_servers=["notes"], tool_permissions=FREELY
    )
    await house.run(run.id, "completed")
    (result,) = await payloads(house, again.id, "tool_result")
    assert "pots" in result["result"]
