"""Expiry: never without its warning, and for all that are due, however many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.core.sessions import SessionStatus
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
