"""Runs that are to go on while their workflow executes, has ended, or is about to leave memory."""

from __future__ import annotations

import asyncio

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.runs import Run, RunStatus
from perdure.services.progress import RunProgress
from perdure.store import runs
from perdure.store.transaction import Tx
from tests.engine.conftest import House


async def test_a_queued_run_whose_workflow_has_ended_goes_on_in_a_new_attempt(house: House) -> None:
    session, run = await house.submit("one-shot")
    done = await house.run(run.id, "completed")
    calls = len(house.provider.calls)
    # What a server leaves behind that gave a workflow up for good.
    await house.app.store.write(lambda tx: runs.change_run(tx, done, status=RunStatus.QUEUED))

    await house.app.sweeps.run_once()

    again = await house.run(run.id, "completed")
    assert again.attempt == 2
    assert len(house.provider.calls) == calls
    assert (await house.session(session.id)).status == "completed"


async def test_a_run_that_is_found_paused_and_resumed_before_its_first_boundary_completes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.provider.hold("YOUR STEP (1)")
    session, run = await house.submit()
    await house.held()
    await house.app.sessions.suspend(LOCAL_ACTOR, session.id)

    def stopped(tx: Tx) -> None:
        runs.change_run(tx, runs.get_run(tx, run.id), status=RunStatus.PAUSED, active_since=None)

    # The server ends after it wrote that the run is paused, and before the workflow has left.
    await house.app.store.write(stopped)
    await house.app.stop()
    house.provider.release()
    began, go = asyncio.Event(), asyncio.Event()
    begin = RunProgress.begin

    async def slow(self: RunProgress, run_id: str, default_model: str | None = None) -> Run:
        taken = await begin(self, run_id, default_model)
        began.set()
        await go.wait()
        return taken

    monkeypatch.setattr(RunProgress, "begin", slow)
    await house.start()
    await began.wait()
    await house.app.sessions.resume(LOCAL_ACTOR, session.id)
    go.set()

    done = await house.run(run.id, "completed", "failed")

    assert done.error is None
    assert done.status == "completed"
    assert done.active_since is None
    assert (await house.steps(session.id, "step_completed")).count("step-1") == 1
