"""The clients against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from perdure.client import AsyncPerdure, Delta, Perdure, Reconnecting
from perdure.errors import (
    AlreadyAnswered,
    NotAllowedNow,
    NotFound,
    StaleVersion,
    UnknownConfigKey,
    UnknownMode,
)
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer

NOWHERE = "01900000-0000-7000-8000-000000000000"
PLAN = "planning-control"


def test_a_run_is_followed_to_its_result(client: Perdure) -> None:
    session = client.sessions.create("one-shot", name="First", tags=["t"], metadata={"k": 1})
    started = client.runs.start(session.session_id, "Write two lines")
    items = list(client.stream(session.session_id, until_idle=True, include_deltas=True))
    events = [item for item in items if not isinstance(item, Delta)]
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert events[-1].type in {"workflow_complete", "session_update"}
    run = client.runs.get(started.run_id or "")
    assert run.status == "completed"
    assert run.result
    spoken = [e for e in events if e.type == "agent_message" and e.data["role"] == "assistant"]
    streamed = "".join(item.text for item in items if isinstance(item, Delta))
    assert streamed == spoken[-1].data["content"]
    history = client.sessions.history(session.session_id)
    assert [m.role for m in history.messages] == ["user", "assistant"]
    assert client.sessions.events(session.session_id).events == events
    assert client.sessions.costs(session.session_id).calls == 1
    assert client.sessions.dag(session.session_id).nodes
    assert [s.status for s in client.sessions.steps(session.session_id).steps] == ["completed"]
    assert client.sessions.runs(session.session_id).runs[0].run_id == started.run_id


def test_sessions_move_through_their_life(client: Perdure) -> None:
    session_id = client.sessions.create("one-shot").session_id
    assert client.sessions.suspend(session_id).status == "suspended"
    assert client.sessions.resume(session_id).status == "active"
    with pytest.raises(NotAllowedNow) as caught:
        client.sessions.resume(session_id)
    assert caught.value.fields["current_status"] == "active"
    assert client.sessions.complete(session_id).status == "completed"
    assert client.sessions.archive(session_id).status == "archived"
    assert client.sessions.restore(session_id).status == "suspended"
    assert client.sessions.delete(session_id).status == "deleted"
    assert client.sessions.delete(session_id).status == "deleted"
    with pytest.raises(NotFound):
        client.sessions.get(session_id)


def test_state_and_changes_are_saved_with_their_version(client: Perdure) -> None:
    session = client.sessions.create("one-shot")
    saved = client.sessions.save_state(
        session.session_id, messages=[{"role": "user", "content": "Hello"}], context_variables={"a": 1}
    )
    assert saved.version == session.version + 1
    renamed = client.sessions.update(
        session.session_id, {"name": "New", "tags": ["x"]}, if_version=saved.version
    )
    assert renamed.name == "New"
    with pytest.raises(StaleVersion) as caught:
        client.sessions.update(session.session_id, {"name": "Late"}, if_version=saved.version)
    assert caught.value.fields["current_version"] == renamed.version
    detail = client.sessions.load(session.session_id)
    assert [m.content for m in detail.conversation_history] == ["Hello"]
    assert client.sessions.active().session_id == session.session_id
    assert session.session_id in [s.session_id for s in client.sessions.list(q="New").sessions]


def test_files_go_there_and_back(client: Perdure) -> None:
    session_id = client.sessions.create("one-shot").session_id
    client.files.upload(session_id, "notes/a b.md", "Grüße\n".encode())
    assert [f.path for f in client.files.list(session_id).files] == ["notes/a b.md"]
    assert client.files.read(session_id, "notes/a b.md").decode() == "Grüße\n"


def test_a_task_is_submitted_once(client: Perdure) -> None:
    first = client.runs.submit("Write a line", {"mode": "one-shot"}, task_id="task-1")
    list(client.stream(first.session_id, until_idle=True))
    assert client.runs.task("task-1").run_id == first.run_id


def test_a_question_is_answered_once(client: Perdure) -> None:
    session_id = client.sessions.create(PLAN, {"approval_mode": "after_planning"}).session_id
    client.runs.start(session_id, "Write the plan of the week")
    for event in client.stream(session_id, until_idle=True):
        if event.type == "approval_request":
            (waiting,) = client.approvals.list(session_id=session_id).approvals
            assert client.approvals.answer(waiting.approval_id, "approve").status == "approved"
            with pytest.raises(AlreadyAnswered):
                client.approvals.answer(waiting.approval_id, "reject")
    assert client.sessions.get(session_id).run_status == "completed"


def test_a_live_run_is_cancelled(client: Perdure, provider: OpenAIServer) -> None:
    session_id = client.sessions.create("one-shot").session_id
    provider.hold("unending")
    try:
        started = client.runs.start(session_id, "Write an unending text")
        provider.wait_until_held()
        client.runs.cancel(started.run_id or "")
        types = [event.type for event in client.stream(session_id, until_idle=True)]
    finally:
        provider.release()
    assert "workflow_cancelled" in types
    assert client.runs.get(started.run_id or "").status == "cancelled"


def test_the_servers_errors_arrive_as_themselves(client: Perdure) -> None:
    with pytest.raises(UnknownMode, match="planning-control"):
        client.sessions.create("planing-control")
    with pytest.raises(UnknownConfigKey):
        client.sessions.create("one-shot", {"modle": "x"})
    with pytest.raises(NotFound):
        client.sessions.get(NOWHERE)
    with pytest.raises(NotFound):
        next(client.stream(NOWHERE))


def test_the_server_says_what_it_offers_and_how_it_is(client: Perdure) -> None:
    assert {"one-shot", PLAN} <= {mode.id for mode in client.server.modes().modes}
    assert client.server.health().model_dump()["status"] == "ok"
    assert client.server.ready().model_dump()["ready"] is True
    assert client.server.stats().model_dump()


async def test_the_async_client_follows_many_sessions_at_once(server: PerdureServer) -> None:
    async def one(client: AsyncPerdure, number: int) -> list[int]:
        session = await client.sessions.create("one-shot", name=f"number {number}")
        await client.runs.start(session.session_id, f"Write line {number}")
        return [event.seq async for event in client.stream(session.session_id, until_idle=True)]

    async with AsyncPerdure(server.url) as client:
        logs = await asyncio.gather(*(one(client, number) for number in range(5)))
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in logs)


@pytest.mark.faults
@pytest.mark.parametrize("end", [PerdureServer.kill, PerdureServer.stop], ids=["killed", "stopped"])
def test_a_stream_survives_the_end_of_the_server(
    end: Callable[[PerdureServer], None], provider: OpenAIServer, tmp_path: Path
) -> None:
    notices: list[Reconnecting] = []
    seqs: list[int] = []
    provider.set_delay(0.005)
    with PerdureServer(tmp_path, provider.environment()) as server, Perdure(server.url) as client:
        session_id = client.sessions.create(PLAN).session_id
        client.runs.start(session_id, "Write the minutes")
        restarts = 0
        for event in client.stream(session_id, until_idle=True, on_reconnect=notices.append):
            seqs.append(event.seq)
            if event.type == "step_completed" and restarts < 2:
                restarts += 1
                end(server)
                server.start()
        assert client.sessions.get(session_id).run_status == "completed"
        assert seqs == list(range(1, client.sessions.get(session_id).head + 1))
    assert len(notices) >= 2
