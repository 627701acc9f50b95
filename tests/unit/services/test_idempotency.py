"""Claims of keys: who is cancelled or too slow neither does the work twice nor takes another's claim."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from perdure.core.access import Actor
from perdure.core.sessions import Session
from perdure.errors import Conflict, InvalidInput
from perdure.services.idempotency import Claim, KeptAnswer, answering, outliving
from perdure.store.sessions import SessionQuery
from perdure.store.transaction import Tx
from tests.factories import OWNER, Clock, Services

_PATIENCE_S = 10


async def claim(services: Services) -> Claim:
    claimed = await services.idempotency.begin(OWNER, "k", "f")
    assert isinstance(claimed, Claim)
    return claimed


async def count(services: Services) -> int:
    return (await services.sessions.list(OWNER, SessionQuery())).total


async def create(services: Services) -> None:
    with answering(201, lambda session: {"id": session.id}):
        await services.session()


async def test_what_a_cancelled_request_has_under_way_keeps_its_key(
    services: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, create_in = threading.Event(), threading.Event(), services.sessions.create_in

    def slowly(tx: Tx, actor: Actor, **values: Any) -> Session:
        begun.set()
        go_on.wait(_PATIENCE_S)
        return create_in(tx, actor, **values)

    monkeypatch.setattr(services.sessions, "create_in", slowly)
    claimed = await claim(services)

    async def request() -> None:
        with services.idempotency.carrying_out(claimed):
            await create(services)

    asked = asyncio.create_task(request())
    assert await asyncio.to_thread(begun.wait, _PATIENCE_S)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    go_on.set()
    await services.store.write(lambda _tx: None)  # comes after it
    assert await count(services) == 1

    clock.move(minutes=5)
    again = await services.idempotency.begin(OWNER, "k", "f")
    assert isinstance(again, KeptAnswer)
    assert again.status == 201


async def test_work_that_outlives_its_request_keeps_the_key(services: Services, clock: Clock) -> None:
    claimed, go_on = await claim(services), asyncio.Event()

    async def work() -> None:
        with outliving():
            await go_on.wait()
            await create(services)

    async def background() -> None:
        await go_on.wait()
        await create(services)

    with services.idempotency.carrying_out(claimed):
        kept, other = asyncio.create_task(work()), asyncio.create_task(background())
        await asyncio.sleep(0)
    go_on.set()
    await kept
    await other
    clock.move(minutes=5)
    again = await services.idempotency.begin(OWNER, "k", "f")
    assert isinstance(again, KeptAnswer)
    assert again.status == 201


async def test_of_a_slow_request_and_its_repeat_one_does_the_work(services: Services, clock: Clock) -> None:
    slow = await claim(services)
    clock.move(minutes=2)
    repeat = await claim(services)

    with services.idempotency.carrying_out(slow), pytest.raises(Conflict, match="took over"):
        await create(services)
    await services.idempotency.finish(slow, 500, None)  # does not free what is another's
    with pytest.raises(Conflict, match="still being carried out"):
        await services.idempotency.begin(OWNER, "k", "f")

    with services.idempotency.carrying_out(repeat):
        await create(services)
    await services.idempotency.finish(slow, 200, {"not": "this"})
    again = await services.idempotency.begin(OWNER, "k", "f")
    assert isinstance(again, KeptAnswer)
    assert (again.status, set[Any](again.body)) == (201, {"id"})
    assert await count(services) == 1


async def test_a_server_error_and_an_abandoned_request_free_their_key(
    services: Services, clock: Clock
) -> None:
    await services.idempotency.finish(await claim(services), 503, {})
    await claim(services)
    clock.move(minutes=2)
    await claim(services)
    for key in ("", "x" * 256):
        with pytest.raises(InvalidInput):
            await services.idempotency.begin(OWNER, key, "f")


async def test_a_key_whose_work_was_done_is_not_claimed_again_however_late(
    services: Services, clock: Clock
) -> None:
    claimed = await claim(services)
    with services.idempotency.carrying_out(claimed):
        session = await services.session()
        await services.sessions.complete(OWNER, session.id)
        beside = asyncio.create_task(services.session())  # begun by the request, and not the request
    await beside
    clock.move(hours=2)
    with pytest.raises(Conflict, match="was carried out") as found:
        await claim(services)
    made = [(act["action"], act["id"]) for act in found.value.fields["made"]]
    assert made == [("session.create", session.id), ("session.complete", session.id)]
    await services.idempotency.finish(claimed, 503, None)
    with pytest.raises(Conflict, match="was carried out"):
        await claim(services)
