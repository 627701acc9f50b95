"""What the engine adds to a step: 100 durable steps that do nothing, against two rows of a bare journal each."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import ClassVar

from benchmarks import ours
from benchmarks.harness import Result, Scale, against
from perdure.bootstrap import build
from perdure.config import load_settings
from perdure.core.access import LOCAL_ACTOR
from perdure.core.runs import RunStatus
from perdure.modes.contract import ModeConfig, ModeSpec, RunContext, StepResult, StepSpec
from perdure.modes.registry import ModeRegistry

_ENDED = (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)


class StepsConfig(ModeConfig):
    """How many steps."""

    steps: int = 100


class EmptySteps:
    """A mode whose steps do nothing."""

    spec: ClassVar[ModeSpec] = ModeSpec(
        id="empty-steps",
        label="Empty steps",
        description="Steps that do nothing.",
        icon="clock",
        supports_resume=True,
        supports_hitl=False,
        config_model=StepsConfig,
    )
    spent: ClassVar[list[float]] = []

    async def run(self, ctx: RunContext) -> dict[str, object]:
        """Run the steps and note what each took."""
        config = ctx.config
        assert isinstance(config, StepsConfig)
        for number in range(config.steps):
            started = time.perf_counter()
            await ctx.step(StepSpec(f"step-{number}", f"Step {number}", "work"), _nothing)
            self.spent.append(time.perf_counter() - started)
        return {"summary": f"{config.steps} steps"}


async def _nothing() -> StepResult:
    return StepResult(checkpoint={"done": True})


def run(scale: Scale) -> list[Result]:
    """Measure whole runs, taking turns with the journal."""
    with ours.folder() as folder:
        return asyncio.run(_measure(scale, folder))


async def _measure(scale: Scale, folder: Path) -> list[Result]:
    rounds, steps = scale.of(5, 1), scale.of(100, 5)
    journal = sqlite3.connect(folder / "journal.db", isolation_level=None)
    journal.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
    journal.execute(
        "CREATE TABLE steps (run TEXT, key TEXT, status TEXT, result TEXT, PRIMARY KEY (run, key))"
    )
    perdure = build(
        load_settings(data_dir=folder, model="openai:none", cleanup_interval_seconds=3600),
        modes=ModeRegistry({"empty-steps": EmptySteps}),
    )
    await perdure.start()
    floor: list[float] = []
    mine: list[float] = []
    lost = 0
    try:
        for number in range(rounds):
            floor.append(_journal(journal, str(number), steps) / steps)
            EmptySteps.spent.clear()
            session, begun = await perdure.runs.submit(
                LOCAL_ACTOR, "Do nothing", {"mode": "empty-steps", "steps": steps}
            )
            async with asyncio.timeout(120):
                # A look now and then is what is measured here: how long until somebody outside sees the end.
                while (await perdure.runs.get(LOCAL_ACTOR, begun.id)).status not in _ENDED:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            done = await perdure.runs.steps(LOCAL_ACTOR, session.id)
            lost += steps - sum(1 for step in done if step.status == "completed")
            mine.append(sum(EmptySteps.spent) / steps)
    finally:
        await perdure.stop()
        journal.close()
    return [against("engine", f"one of {steps} empty steps", mine, floor, lost=lost)]


def _journal(db: sqlite3.Connection, run_id: str, steps: int) -> float:
    started = time.perf_counter()
    for number in range(steps):
        db.execute("INSERT INTO steps VALUES (?, ?, 'running', NULL)", (run_id, str(number)))
        db.execute(
            "UPDATE steps SET status = 'completed', result = '{}' WHERE run = ? AND key = ?",
            (run_id, str(number)),
        )
    return time.perf_counter() - started
