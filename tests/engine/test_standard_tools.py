"""The tools that every agent mode has, through a whole server: what is asked, what is logged, what is ended."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from perdure.agents.sandbox.sandbox import Isolation
from perdure.core.access import LOCAL_ACTOR
from perdure.core.approvals import Approval
from perdure.errors import InvalidInput, StartupError
from tests.engine.conftest import House
from tests.engine.papers import read_text
from tests.fakes import mcp_server
from tests.fakes.programs import processes_with
from tests.fakes.web_server import Page, web_server


def use(tool: str, **arguments: Any) -> str:
    return f"[[call {tool} {json.dumps(arguments)}]]"


async def asked(house: House, run_id: str) -> Approval:
    await house.run(run_id, "waiting")
    found, _ = await house.app.approvals.list(LOCAL_ACTOR)
    return next(a for a in found if a.run_id == run_id)


async def payloads(house: House, session_id: str, type_: str) -> list[dict[str, Any]]:
    events = await house.app.history.events(LOCAL_ACTOR, session_id, limit=1000, types=[type_])
    return [event.payload for event in events]


async def restart(house: House, **settings: Any) -> None:
    await house.app.stop()
    house.settings = house.settings.model_copy(update=settings)
    await house.start()


async def test_a_program_is_asked_about_run_and_logged(house: House, machine_isolation: Isolation) -> None:
    code = "print('sum', 1 + 1)\nopen('sum.txt', 'w').write('2')"
    session, run = await house.submit("one-shot", use("run_python", code=code))
    approval = await asked(house, run.id)
    assert approval.request_data["arguments"]["code"] == code
    assert await payloads(house, session.id, "code_execution") == []

    await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="approve")
    await house.run(run.id, "completed")

    (execution,) = await payloads(house, session.id, "code_execution")
    assert (execution["language"], execution["exit_status"], execution["output"]) == ("python", 0, "sum 2")
    assert execution["isolation"] == machine_isolation.value
    lines = [
        each["lines"] for each in await payloads(house, session.id, "console") if each["stream"] == "stdout"
    ]
    assert lines == [["sum 2"]]
    (update,) = await payloads(house, session.id, "file_update")
    assert (update["path"], update["change"], update["size"]) == ("sum.txt", "created", 1)
    (result,) = await payloads(house, session.id, "tool_result")
    assert result["ok"]
    assert "Exit status 0" in house.provider.calls[-1].text
    assert await read_text(house, session.id, "sum.txt") == "2"


async def test_a_removed_file_is_logged(house: House) -> None:
    task = f"{use('write_file', path='list', content='a')} {use('run_shell', command='rm list')}"
    session, run = await house.submit("one-shot", task, tool_permissions={"shell": "auto_allow"})
    await house.run(run.id, "completed")

    changes = [(each["path"], each["change"]) for each in await payloads(house, session.id, "file_update")]
    assert changes == [("list", "created"), ("list", "removed")]


async def test_a_cancelled_run_leaves_no_program(house: House) -> None:
    mark = f"perdure-run-{os.getpid()}"
    command = f"(setsid sh -c 'trap \"\" TERM; : > up; sleep 600; : {mark}' &) ; sleep 600"
    session, run = await house.submit(
        "one-shot", use("run_shell", command=command), tool_permissions={"shell": "auto_allow"}
    )
    workspace = house.settings.data_dir / "workspaces" / session.id
    await house.until(lambda: any(workspace.rglob("up")) and bool(processes_with(mark)))

    await house.app.runs.cancel(LOCAL_ACTOR, run.id)
    await house.run(run.id, "cancelled")

    await house.until(lambda: not processes_with(mark))


async def test_a_person_is_asked_and_the_answer_goes_on(house: House) -> None:
    session, run = await house.submit(
        "one-shot", use("ask_person", question="Which colour?", options=["red", "blue"])
    )
    approval = await asked(house, run.id)
    assert (approval.request_type, approval.title) == ("question", "Which colour?")

    await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="answer", answer="blue")
    await house.run(run.id, "completed")

    assert "blue" in house.provider.calls[-1].text
    (result,) = await payloads(house, session.id, "tool_result")
    assert (result["tool"], result["ok"]) == ("ask_person", True)


async def test_the_web_is_read_as_far_as_the_settings_allow(house: House) -> None:
    async with web_server() as allowed, web_server() as forbidden:
        allowed.pages["/"] = Page(b"the page says hello")
        await restart(house, allowed_private_hosts=[allowed.host])
        for site in (allowed, forbidden):
            _, run = await house.submit(
                "one-shot", use("fetch_url", url=site.url("/")), tool_permissions={"network": "auto_allow"}
            )
            await house.run(run.id, "completed", "failed")
            told = house.provider.calls[-1].text
            assert ("the page says hello" in told) is (site is allowed)
            assert ("is not one of" in told or "not a public address" in told) is (site is forbidden)
        assert forbidden.asked == []


async def test_tools_of_a_server_that_the_session_names(house: House, tmp_path: Any) -> None:
    notes = tmp_path / "notes"
    server = {"command": sys.executable, "args": [mcp_server.__file__], "env": {"NOTES_FILE": str(notes)}}
    await restart(house, mcp_servers={"notes": server})
    task = f"{use('notes_look_up', word='stop')} {use('notes_add', word='x')}"

    session, run = await house.submit("one-shot", task, mcp_servers=["notes"])
    approval = await asked(house, run.id)
    assert (approval.request_data["tool"], approval.request_data["category"]) == ("notes_look_up", "shell")
    await house.app.approvals.answer(
        LOCAL_ACTOR, approval.id, resolution="approve", answer={"scope": "session"}
    )
    await house.run(run.id, "completed")

    results = await payloads(house, session.id, "tool_result")
    assert [(each["tool"], each["ok"]) for each in results] == [("notes_look_up", True), ("notes_add", True)]
    assert "pots" in results[0]["result"]
    assert await asyncio.to_thread(notes.read_text) == "x"


async def test_without_naming_it_a_session_has_no_tools_of_a_server(house: House) -> None:
    await restart(house, mcp_servers={"notes": {"command": sys.executable, "args": [mcp_server.__file__]}})
    _, run = await house.submit("one-shot", "Say hello")
    await house.run(run.id, "completed")

    assert not [tool for tool in house.provider.calls[-1].tools if tool.startswith("notes_")]


def test_readiness_says_what_is_in_force(house: House, machine_isolation: Isolation) -> None:
    state = house.app.readiness()["sandbox"]

    assert state == house.app.sandbox.state()
    assert state["isolation"] == machine_isolation.value


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"allowed_private_hosts": ["http://x/"]}, "PERDURE_ALLOWED_PRIVATE_HOSTS"),
        ({"mcp_servers": {"x": {"cmd": "y"}}}, "PERDURE_MCP_SERVERS"),
    ],
)
async def test_a_setting_that_means_nothing_stops_the_start(
    house: House, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(StartupError, match=says):
        await restart(house, **settings)


async def test_a_server_that_does_not_exist_is_named_with_the_nearest(house: House) -> None:
    await restart(house, mcp_servers={"notes": {"command": sys.executable, "args": [mcp_server.__file__]}})
    with pytest.raises(InvalidInput, match="did you mean 'notes'"):
        await house.submit("one-shot", "Say hello", mcp_servers=["note"])


@pytest.mark.parametrize("server", [{"command": "/no/such/program"}, {"url": "http://127.0.0.1:1/mcp"}])
async def test_a_server_that_does_not_answer_fails_the_run_plainly(
    house: House, server: dict[str, str]
) -> None:
    await restart(house, mcp_servers={"notes": server})
    _, run = await house.submit("one-shot", "Say hello", mcp_servers=["notes"])

    failed = await house.run(run.id, "failed", "completed")

    assert failed.error is not None
    assert "The tool server 'notes' cannot be used now" in failed.error["message"]
