"""A server that stops in the instant a run is enqueued: nothing is lost, and nobody is told of it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from dbos import DBOS

from tests.engine.conftest import House


async def test_a_run_that_is_being_enqueued_is_so_before_the_engine_ends(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("dbos").addHandler(caplog.handler)
    begun, go = asyncio.Event(), asyncio.Event()
    enqueue = DBOS.enqueue_workflow_async

    async def slow(*args: Any, **named: Any) -> Any:
        begun.set()
        await go.wait()
        return await enqueue(*args, **named)

    monkeypatch.setattr(DBOS, "enqueue_workflow_async", slow)
    submitting = asyncio.create_task(house.submit("one-shot", "Say one"))
    await begun.wait()
    stopping = asyncio.create_task(house.app.stop())
    await asyncio.wait({stopping}, timeout=0.5)  # far enough to destroy the engine, if it did not wait
    go.set()
    _, run = await submitting
    await stopping
    monkeypatch.undo()
    for name, value in house.provider.environment().items():
        monkeypatch.setenv(name, value)
    await house.start()

    await house.run(run.id, "completed")
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


async def test_runs_that_are_submitted_while_it_stops_go_on_at_the_next_start(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("dbos").addHandler(caplog.handler)
    ids = [(await house.submit("one-shot", f"Say {number}"))[1].id for number in range(4)]
    await house.app.stop()
    await house.start()
    for run_id in ids:
        await house.run(run_id, "completed")
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []
