"""Every viewer sees each event once and in order, whatever happens to its connection."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from perdure.client import AsyncPerdure, Perdure
from tests.fakes.perdure_server import PerdureServer
from tests.faults.cutting_proxy import CuttingProxy

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

_EVENTS = 2_000
_CUTS = 50


async def _write(client: AsyncPerdure, session_id: str, messages: int) -> None:
    batch = 19
    for start in range(0, messages, batch):
        size = min(batch, messages - start)
        entries = [{"role": "user", "content": f"message {start + n} " + "x" * 3_500} for n in range(size)]
        await client.sessions.save_state(session_id, messages=entries)
        await asyncio.sleep(0.02)


async def _watch(url: str, session_id: str, last: int) -> list[Any]:
    seen: list[Any] = []
    async with AsyncPerdure(url) as client:
        async for event in client.stream(session_id, after=0):
            seen.append(event)
            if event.seq >= last:
                return seen
    return seen


async def _raw(server: PerdureServer, session_id: str, after: int, last: int) -> list[str]:
    address = f"{server.url.replace('http', 'ws')}/ws/sessions/{session_id}?after={after}"
    frames: list[str] = []
    async with asyncio.timeout(30), connect(address, max_size=None) as socket:
        while after < last:
            text = str(await socket.recv())
            frame = json.loads(text)
            if "seq" in frame and "data" in frame:
                frames.append(text)
                after = frame["seq"]
    return frames


async def test_a_viewer_cut_fifty_times_has_all_events_once_and_in_order(server: PerdureServer) -> None:
    async with (
        CuttingProxy(server.port, cuts=_CUTS, seed=7) as proxy,
        AsyncPerdure(server.url) as client,
    ):
        session = await client.sessions.create("one-shot")
        watcher = asyncio.create_task(_watch(proxy.url, session.session_id, _EVENTS))
        await _write(client, session.session_id, _EVENTS)
        seen = await asyncio.wait_for(watcher, 120)

        assert proxy.cuts >= _CUTS
        assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
        assert len(seen) >= _EVENTS


async def test_a_reconnect_at_every_sequence_number_gets_exactly_the_rest(server: PerdureServer) -> None:
    with Perdure(server.url) as client:
        submitted = client.runs.submit("Summarise the notes", {"mode": "planning-control"})
        last = 0
        for event in client.stream(submitted.session_id, after=0, until_idle=True):
            last = event.seq
    whole = await _raw(server, submitted.session_id, 0, last)
    assert len(whole) == last

    for after in range(last):
        assert await _raw(server, submitted.session_id, after, last) == whole[after:], f"after {after}"


async def test_a_replay_after_a_restart_is_byte_identical(server: PerdureServer) -> None:
    async with AsyncPerdure(server.url) as client:
        session = await client.sessions.create("one-shot")
        await _write(client, session.session_id, 200)
        last = (await client.sessions.get(session.session_id)).model_dump()["last_seq"]
    before = await _raw(server, session.session_id, 0, last)

    server.kill()
    server.start()

    assert await _raw(server, session.session_id, 0, last) == before
