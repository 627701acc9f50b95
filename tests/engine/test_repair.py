"""Runs that storage lost sight of: nobody executes them, and a sweep lets them go on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.core.runs import Run
from perdure.engine.runtime import EngineRuntime
from perdure.errors import StorageUnavailable
from perdure.services.progress import RunProgress
from tests.engine.conftest import WAIT_S, House


async def _away(*_given: Any, **_more: Any) -> Any:
    raise StorageUnavailable("The disk is full.")


async def _swept(house: House, run_id: str, *statuses: str) -> Run:
    """Sweep until the run has one of the statuses: the engine writes a moment later that it gave a run up."""
    async with asyncio.timeout(WAIT_S):
        while True:
            await house.app.sweeps.run_once()
            run = await house.run(run_id, "running", "queued", *statuses)
            if run.status in statuses:
                return run


async def test_a_run_whose_end_could_not_be_written_goes_on_without_repeating_a_step(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RunProgress, "finish", _away)
        patch.setattr(RunProgress, "fail", _away)
        session, run = await house.submit("one-shot")
        engine = house.app.engine
        assert engine is not None
        await house.until(lambda: len(house.provider.calls) == 1 and not engine.state()["active_runs"])
    assert (await house.run(run.id, "running")).status == "running"

    again = await _swept(house, run.id, "completed")

    assert again.attempt == 2
    assert len(house.provider.calls) == 1
    assert (await house.session(session.id)).status == "completed"


async def test_a_run_that_always_ends_so_is_given_up_after_a_few_attempts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunProgress, "finish", _away)
    monkeypatch.setattr(RunProgress, "fail", _away)
    _, run = await house.submit("one-shot")
    engine = house.app.engine
    assert engine is not None

    async with asyncio.timeout(WAIT_S):
        while (await house.run(run.id, "running", "queued")).attempt <= 3:
            await house.app.sweeps.run_once()
            await asyncio.sleep(0.02)
    await house.until(lambda: not engine.state()["active_runs"])

    for _ in range(5):
        await house.app.sweeps.run_once()
        await asyncio.sleep(0.05)
    assert (await house.run(run.id, "running")).attempt == 4


async def test_a_run_that_is_executed_is_not_begun_anew(house: House) -> None:
    house.provider.hold()
    _, run = await house.submit("one-shot")
    await house.held()

    await house.app.sweeps.run_once()
    house.provider.release()

    assert (await house.run(run.id, "completed")).attempt == 1


async def test_what_was_started_is_told_even_when_the_engine_cannot_be_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(EngineRuntime, "_wake", _away)
        _, run = await house.submit("one-shot")
    assert (await house.run(run.id, "queued")).attempt == 1

    assert (await _swept(house, run.id, "completed")).attempt == 1
