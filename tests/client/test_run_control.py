"""Forks, comparisons, the queue and steering through the client, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from perdure.client import AsyncPerdure, Perdure
from perdure.client.models import Run
from perdure.errors import InvalidInput, NotAllowedNow, NotFound
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer

_STEP_1 = "YOUR STEP (1)"


@pytest.fixture(autouse=True)
def _calm(provider: OpenAIServer) -> Iterator[None]:
    provider.reset()
    yield
    provider.release()


def _ended(client: Perdure, session_id: str) -> Run:
    """Follow a session until it is idle, and return its newest run."""
    for _ in client.stream(session_id, until_idle=True):
        pass
    return client.runs.get(client.sessions.runs(session_id).runs[0].run_id)


def _planned(client: Perdure, **config: Any) -> tuple[str, Run]:
    made = client.runs.submit("Write the minutes", {"mode": "planning-control", **config})
    return made.session_id, _ended(client, made.session_id)


def test_a_run_is_forked_followed_and_compared(client: Perdure, provider: OpenAIServer) -> None:
    session_id, run = _planned(client)
    provider.reset()
    forked = client.sessions.fork(session_id, from_step="step-3", name="Other", input="Rather a poem")
    assert (forked.forked_from_session, forked.name) == (session_id, "Other")
    branch = _ended(client, forked.session_id)
    assert (branch.run_id, branch.status, branch.task) == (forked.run_id, "completed", "Rather a poem")
    assert provider.count("Plan this task") == 0

    found = client.runs.diff(run.run_id, branch.run_id)
    assert found.first_difference is not None
    assert found.first_difference["key"] == "step-3"
    assert [step.same for step in found.steps][:3] == [True, True, True]
    assert not found.task["same"]

    again = client.runs.fork(run.run_id, from_step="step-1", config={"instructions": "Be brief."})
    assert _ended(client, again.session_id).status == "completed"
    assert provider.count("Be brief.") > 0
    with pytest.raises(NotFound):
        client.runs.fork(run.run_id, from_step="step-9")
    with pytest.raises(InvalidInput):
        client.sessions.fork(session_id, from_seq=100_000)


def test_the_queue_is_seen_changed_and_carried_out(client: Perdure, provider: OpenAIServer) -> None:
    provider.hold(_STEP_1)
    made = client.runs.submit("Write the minutes", {"mode": "planning-control"})
    session_id = made.session_id
    provider.wait_until_held()
    one, two, three = (client.sessions.enqueue(session_id, text) for text in ("one", "two", "three"))
    assert [item.content for item in client.sessions.queue(session_id).items] == ["one", "two", "three"]
    client.sessions.change_queued(session_id, one.queue_item_id, content="uno", config={"n_plan_reviews": 0})
    client.sessions.remove_queued(session_id, two.queue_item_id)
    ordered = client.sessions.reorder_queue(session_id, [three.queue_item_id, one.queue_item_id])
    assert [item.content for item in ordered.items] == ["three", "uno"]
    assert client.sessions.get(session_id).queue_length == 2

    assert client.runs.steer(session_id, "Think of the budget").status == "delivered"
    client.runs.cancel(made.run_id)
    provider.wait_for(lambda server: server.count("three") > 0)
    provider.release()
    for _ in client.stream(session_id, until_idle=True):
        pass
    tasks = [(run.task, run.status) for run in client.sessions.runs(session_id).runs]
    assert tasks == [
        ("uno", "completed"),
        ("three", "completed"),
        ("Write the minutes", "cancelled"),
    ]


def test_a_failed_run_is_tried_again_from_a_step(client: Perdure, provider: OpenAIServer) -> None:
    provider.reply("YOUR STEP (3)", "NOT DONE, it is dark.")
    session_id, run = _planned(client, max_attempts=1)
    assert run.status == "failed"
    provider.reset()
    with pytest.raises(NotFound):
        client.runs.retry(run.run_id, from_step="step-9")
    client.runs.retry(run.run_id, from_step="step-2")
    again = _ended(client, session_id)
    assert (again.run_id, again.status, again.attempt) == (run.run_id, "completed", 2)
    assert [provider.count(f"YOUR STEP ({n})") for n in (1, 2, 3)] == [0, 1, 1]
    assert provider.count("Plan this task") == 0
    with pytest.raises(NotAllowedNow):
        client.runs.retry(run.run_id, from_step="step-2")
    assert len(provider.calls) == 3


async def test_the_same_without_blocking(server: PerdureServer) -> None:
    async with AsyncPerdure(server.url) as client:
        session = await client.sessions.create("one-shot")
        started = await client.runs.start(session.session_id, "Say one")
        async for _ in client.stream(session.session_id, until_idle=True):
            pass
        forked = await client.runs.fork(started.run_id or "", input="Say two")
        async for _ in client.stream(forked.session_id, until_idle=True):
            pass
        found = await client.runs.diff(started.run_id or "", forked.run_id or "")
        assert (found.same, found.task["right"]) == (False, "Say two")
        assert (await client.sessions.queue(session.session_id)).total == 0
