"""Expiry: never without its warning, and for all that are due, however many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.core.sessions import SessionStatus
from perdure.services import open_runs
from perdure.store import sessions
from perdure.store.transaction import Tx
from tests import factories
from tests.factories import OWNER, Clock, Services

_WARNING = "expires soon"


async def _reasons(services: Services, session_id: str) -> list[str]:
    events = await services.history.events(OWNER, session_id, types=["session_update"])
    return [e.payload["reason"] for e in events]


async def test_a_session_that_no_sweep_warned_in_time_is_warned_first(
    services: Services, clock: Clock
) -> None:
    session = await services.session()
    clock.move(days=3)

    late = await services.sweeps.run_once()

    assert (late["warned"], late["expired"]) == (1, 0)
    put_off = (await services.sessions.get(OWNER, session.id)).session
    assert put_off.expires_at == clock.now + timedelta(hours=1)
    warning = (await services.history.events(OWNER, session.id))[-1]
    assert (warning.payload["reason"], warning.payload["status"]) == (_WARNING, "active")
    assert warning.payload["expires_at"] == "2026-03-04T13:00:00.000000Z"
    clock.move(minutes=59)
    assert (await services.sweeps.run_once())["expired"] == 0
    clock.move(minutes=1)
    assert (await services.sweeps.run_once())["expired"] == 1
    assert await _reasons(services, session.id) == ["created", _WARNING, "idle for too long"]


@pytest.mark.parametrize("left", [timedelta(minutes=5), timedelta(seconds=1), timedelta(hours=1)])
async def test_a_warning_that_comes_late_leaves_all_the_time_it_promises(
    services: Services, clock: Clock, left: timedelta
) -> None:
    session = await services.session()
    clock.now += timedelta(hours=24) - left

    assert (await services.sweeps.run_once())["warned"] == 1
    promised = (await services.sessions.get(OWNER, session.id)).session.expires_at
    assert promised == clock.now + timedelta(hours=1)
    clock.move(minutes=59)
    again = await services.sweeps.run_once()
    assert (again["warned"], again["expired"]) == (0, 0)
    clock.move(minutes=1)
    assert (await services.sweeps.run_once())["expired"] == 1


async def test_inputs_that_wait_in_a_completed_session_are_not_started_by_a_sweep(services: Services) -> None:
    session, run = await services.running()
    await services.runs.start(OWNER, session.id, "And then this", on_busy="enqueue")
    await services.sessions.complete(OWNER, session.id)
    await services.progress.stopped(run)

    services.engine.enqueued.clear()
    await services.sweeps.run_once()

    assert services.engine.enqueued == []
    assert await services.status(session.id) == "completed"
    assert [item["content"] for item in await services.queue.list(OWNER, session.id)] == ["And then this"]


async def test_a_sweep_tells_the_engine_of_every_queued_run_however_many(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_runs, "PAGE", 2)
    started: list[str] = []
    for _ in range(5):
        session = await services.session()
        result = await services.runs.start(OWNER, session.id, "Write a report")
        assert result.run is not None
        started.append(result.run.id)
    services.engine.enqueued.clear()
    assert (await services.sweeps.run_once())["runs_enqueued"] == 5
    assert sorted(services.engine.enqueued) == sorted(started)


async def test_a_warning_counts_only_for_the_expiry_it_was_given_for(open_store: Any, clock: Clock) -> None:
    services = Services(open_store("sqlite://"), factories.Limits(suspended_ttl=timedelta(days=2)))
    session = await services.session()
    clock.move(hours=23)
    await services.sweeps.run_once()
    await services.sessions.suspend(OWNER, session.id)

    clock.move(hours=47)
    assert (await services.sweeps.run_once())["warned"] == 1
    clock.move(hours=1)
    assert (await services.sweeps.run_once())["expired"] == 1

    assert (await _reasons(services, session.id)).count(_WARNING) == 2


async def test_activity_after_a_late_warning_takes_it_back(services: Services, clock: Clock) -> None:
    session = await services.session()
    clock.move(days=3)
    await services.sweeps.run_once()
    await services.sessions.touch(OWNER, [session.id])
    clock.move(hours=2)

    assert (await services.sweeps.run_once())["expired"] == 0
    assert await services.status(session.id) == "active"


@pytest.mark.parametrize("number", [1203])
async def test_one_sweep_reaches_all_that_are_due(services: Services, clock: Clock, number: int) -> None:
    def fill(tx: Tx) -> None:
        for _ in range(number):
            sessions.insert_session(tx, factories.session())

    services.store.write_now(fill)
    busy, _ = await services.running()
    clock.move(hours=23)
    assert (await services.sweeps.run_once())["warned"] == number
    clock.move(hours=1)
    assert (await services.sweeps.run_once())["expired"] == number
    clock.move(days=7)
    assert (await services.sweeps.run_once())["archived"] == number

    counts = services.store.read_now(lambda tx: sessions.count_by_status(tx, OWNER.user_id))
    assert (counts[SessionStatus.ARCHIVED], counts[SessionStatus.ACTIVE]) == (number, 1)
    assert await services.status(busy.id) == "active"


async def test_a_repair_that_fails_holds_up_none_of_the_others(
    services: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await services.session()
    queued = await services.runs.start(OWNER, (await services.session()).id, "Write a report")
    clock.move(hours=23, minutes=30)
    services.engine.enqueued.clear()

    async def broken() -> int:
        raise OSError("The folder cannot be read.")

    monkeypatch.setattr(services.approvals, "expire_overdue", broken)
    with pytest.raises(OSError, match="cannot be read"):
        await services.sweeps.run_once()

    assert await _reasons(services, session.id) == ["created", _WARNING]
    assert queued.run is not None
    assert services.engine.enqueued == [queued.run.id]
