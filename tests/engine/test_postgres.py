"""The same engine on PostgreSQL: runs, questions, pauses, and a run that another server takes over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.store import approvals as approval_rows
from tests.engine.conftest import House
from tests.engine.test_tools import Probe, give, use
from tests.fakes.openai_server import OpenAIServer

_STEP_1 = "YOUR STEP (1)"


@pytest.fixture
async def house(
    provider: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready_postgres_url: str
) -> AsyncIterator[House]:
    for name, value in provider.environment().items():
        monkeypatch.setenv(name, value)
    built = House(provider, tmp_path, ready_postgres_url)
    await built.start()
    yield built
    provider.release()
    await built.app.stop()


async def test_a_planned_run_asks_pauses_and_completes(house: House) -> None:
    house.provider.hold(_STEP_1)
    session, run = await house.submit(approval_mode="after_planning")
    await house.run(run.id, "waiting")
    found, _ = await house.app.approvals.list(LOCAL_ACTOR)
    await house.app.approvals.answer(LOCAL_ACTOR, found[0].id, resolution="approve")
    await house.held()
    await house.app.sessions.suspend(LOCAL_ACTOR, session.id)
    house.provider.release()
    await house.run(run.id, "paused")
    await house.app.sessions.resume(LOCAL_ACTOR, session.id)
    await house.run(run.id, "completed")

    assert max(house.provider.counts.values()) == 1
    events = await house.app.history.events(LOCAL_ACTOR, session.id, limit=1000)
    assert [e.seq for e in events] == list(range(1, len(events) + 1))


async def test_the_next_server_takes_over_what_the_last_one_left(house: House) -> None:
    house.provider.hold(_STEP_1)
    session, run = await house.submit()
    await house.held()

    await house.app.stop()
    house.provider.release()
    await house.start()
    await house.run(run.id, "completed")

    assert await house.steps(session.id, "step_completed") == ["plan", "step-1", "step-2", "step-3", "report"]
    assert max(house.provider.counts.values()) <= 2


async def test_calls_side_by_side_get_their_own_results_again(house: House) -> None:
    probe = Probe()
    give(house, probe)
    looks = " ".join(use("look", at=f"p{number}") for number in range(8))
    house.provider.hold("p0 is there")
    _, run = await house.submit(task=f"[[at once]] {looks}")
    await house.held()

    await house.app.stop()
    house.provider.release()
    await house.start()
    give(house, probe)
    await house.run(run.id, "completed")

    assert max(house.provider.counts.values()) == 2  # what was cut off is asked again in the same words


async def test_sweeps_of_several_servers_do_not_disturb_each_other(house: House) -> None:
    for _ in range(3):
        _, run = await house.submit(approval_mode="after_planning")
        await house.run(run.id, "waiting")
    waiting, _ = await house.app.approvals.list(LOCAL_ACTOR)
    for question in waiting:
        await house.app.store.write(
            partial(approval_rows.settle_approval, approval=question, deadline=question.created_at)
        )

    expired = await asyncio.gather(*(house.app.approvals.expire_overdue() for _ in range(6)))

    assert sum(expired) == 3


async def test_an_answer_with_characters_that_no_database_takes_is_kept_without_them(house: House) -> None:
    house.provider.reply("Say it", "It is \x00 here, and half a face: \ud83d")
    session, run = await house.submit("one-shot", "Say it")
    done = await house.run(run.id, "completed", "failed")

    assert done.error is None
    page = await house.app.history.messages(LOCAL_ACTOR, session.id, limit=10)
    assert page.messages[-1].text == "It is \ufffd here, and half a face: \ufffd"
