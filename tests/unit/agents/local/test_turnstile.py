"""One at a time, in order, whatever happens to those who wait."""

from __future__ import annotations

import asyncio
import threading

import pytest

from perdure.agents.local.turnstile import Turnstile


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_serves_in_order_of_arrival_and_counts_who_waits() -> None:
    turnstile = Turnstile()
    served: list[int] = []
    go = asyncio.Event()

    async def come(number: int) -> None:
        async with turnstile.turn():
            await go.wait()
            served.append(number)

    visitors = [asyncio.create_task(come(number)) for number in range(3)]
    await settle()
    assert (turnstile.busy, turnstile.waiting) == (True, 2)
    go.set()
    await asyncio.gather(*visitors)

    assert served == [0, 1, 2]
    assert (turnstile.busy, turnstile.waiting) == (False, 0)


@pytest.mark.parametrize("gives_up", [0, 1, 2])
async def test_one_who_gives_up_holds_nobody(gives_up: int) -> None:
    turnstile = Turnstile()
    served: list[int] = []
    go = asyncio.Event()

    async def come(number: int) -> None:
        async with turnstile.turn():
            await go.wait()
            served.append(number)

    visitors = [asyncio.create_task(come(number)) for number in range(3)]
    await settle()
    visitors[gives_up].cancel()
    await settle()
    go.set()
    await asyncio.gather(*visitors, return_exceptions=True)

    assert served == [number for number in range(3) if number != gives_up]
    assert not turnstile.busy


async def test_works_across_event_loops() -> None:
    turnstile = Turnstile()
    served: list[str] = []

    async def come() -> None:
        async with turnstile.turn():
            served.append("other")

    other = threading.Thread(target=lambda: asyncio.run(come()))
    async with turnstile.turn():
        other.start()
        async with asyncio.timeout(5):
            while not turnstile.waiting:  # noqa: ASYNC110 - a count has no event
                await asyncio.sleep(0.01)
        served.append("first")
    await asyncio.to_thread(other.join)

    assert served == ["first", "other"]
