"""Purged sessions leave nothing behind in the engine's database either."""

from __future__ import annotations

import asyncio

from dbos import DBOS

from perdure.core.access import LOCAL_ACTOR
from tests.engine.conftest import WAIT_S, House


async def _kept(run_id: str) -> bool:
    return await DBOS.get_workflow_status_async(f"{run_id}:1") is not None


async def test_a_sweep_removes_the_checkpoints_of_purged_sessions_and_no_others(house: House) -> None:
    gone, gone_run = await house.submit("one-shot")
    _, kept_run = await house.submit("one-shot")
    await house.run(gone_run.id, "completed")
    await house.run(kept_run.id, "completed")
    await house.app.sweeps.run_once()
    assert await _kept(gone_run.id)

    await house.app.sessions.purge(LOCAL_ACTOR, gone.id)

    async with asyncio.timeout(WAIT_S):  # the engine writes the end of a workflow a moment after the run's
        while await _kept(gone_run.id):
            await house.app.sweeps.run_once()
    assert await DBOS.list_workflow_steps_async(f"{gone_run.id}:1") == []
    assert await _kept(kept_run.id)
    assert await DBOS.list_workflow_steps_async(f"{kept_run.id}:1") != []


async def test_checkpoints_of_another_database_are_left_alone(house: House) -> None:
    session, run = await house.submit("one-shot")
    await house.run(run.id, "completed")
    await house.app.sessions.delete(LOCAL_ACTOR, session.id)
    assert house.app.engine is not None
    assert await house.app.engine.forget() == 0
    assert await _kept(run.id)
