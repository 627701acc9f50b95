"""A whole Perdure in the test's process, with the loopback provider as its model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from perdure.bootstrap import Perdure, build
from perdure.config import load_settings
from perdure.core.access import LOCAL_ACTOR
from perdure.core.runs import Run
from perdure.core.sessions import Session
from perdure.modes.registry import ModeRegistry
from tests.fakes.openai_server import MODEL, OpenAIServer
from tests.provision.databases import new_database

TASK = "Summarise the notes for a team lead, saved as brief.md"
WAIT_S = 30.0


class House:
    """Starts Perdure on one data directory, as often as a test wants."""

    def __init__(self, provider: OpenAIServer, data_dir: Path, database_url: str | None = None) -> None:
        self.provider = provider
        self.settings = load_settings(
            data_dir=data_dir, database_url=database_url, model=MODEL, cleanup_interval_seconds=3600
        )
        self.modes: ModeRegistry | None = None
        """Other modes than those installed; from the next start on."""
        self.app: Perdure = build(self.settings)

    async def start(self) -> Perdure:
        """Start a fresh Perdure on the same data."""
        self.app = build(self.settings, modes=self.modes)
        await self.app.start()
        return self.app

    async def submit(
        self, mode: str = "planning-control", task: str = TASK, **config: object
    ) -> tuple[Session, Run]:
        """Start a task in a new session."""
        return await self.app.runs.submit(LOCAL_ACTOR, task, {"mode": mode, **config})

    async def run(self, run_id: str, *statuses: str) -> Run:
        """Wait until the run has one of the statuses."""
        pause_s = 0.02
        async with asyncio.timeout(WAIT_S):
            while True:
                run = await self.app.runs.get(LOCAL_ACTOR, run_id)
                if run.status in statuses:
                    return run
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 1.5, 0.1)  # asking takes the processor from what is waited for

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something outside holds."""
        async with asyncio.timeout(WAIT_S):
            while not condition():  # noqa: ASYNC110 - the provider lives in another thread
                await asyncio.sleep(0.01)

    async def held(self) -> None:
        """Wait until the provider holds a call."""
        await self.until(lambda: self.provider.waiting > 0)

    async def session(self, session_id: str) -> Session:
        """Return the session as it is now."""
        return (await self.app.sessions.get(LOCAL_ACTOR, session_id)).session

    async def types(self, session_id: str) -> list[str]:
        """Return the event types of the session's log."""
        return [e.type for e in await self.app.history.events(LOCAL_ACTOR, session_id, limit=1000)]

    async def steps(self, session_id: str, type_: str) -> list[str]:
        """Return the step keys of all events of one type."""
        events = await self.app.history.events(LOCAL_ACTOR, session_id, limit=1000, types=[type_])
        return [e.payload["key"] for e in events]


@pytest.fixture
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
async def house(
    provider: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    for name, value in provider.environment().items():
        monkeypatch.setenv(name, value)
    new_database(tmp_path / "perdure.db")
    built = House(provider, tmp_path)
    await built.start()
    yield built
    provider.release()
    await built.app.stop()
