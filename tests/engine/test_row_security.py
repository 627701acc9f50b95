"""The engine on a database that checks rows: it works for whoever asked, with the server's rights."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from perdure.config import load_settings
from perdure.core.access import LOCAL_ACTOR, LOCAL_USER_ID
from perdure.core.acting import NOBODY, acting_as
from perdure.errors import NotFound
from perdure.store import row_security
from tests.engine.conftest import House
from tests.fakes.openai_server import MODEL, OpenAIServer
from tests.provision.row_security import ROLE, as_role


@pytest.fixture
async def house(
    provider: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready_postgres_url: str
) -> AsyncIterator[House]:
    for name, value in provider.environment().items():
        monkeypatch.setenv(name, value)
    row_security.enable(ready_postgres_url, ROLE)
    built = House(provider, tmp_path, as_role(ready_postgres_url))
    built.settings = load_settings(
        data_dir=tmp_path,
        database_url=as_role(ready_postgres_url),
        model=MODEL,
        cleanup_interval_seconds=3600,
        row_security="on",
    )
    await built.start()
    yield built
    provider.release()
    await built.app.stop()


async def test_a_run_that_a_user_started_is_carried_out_asks_and_completes(house: House) -> None:
    with acting_as(LOCAL_USER_ID):
        session, run = await house.submit(approval_mode="after_planning")
        await house.run(run.id, "waiting")
        found, _ = await house.app.approvals.list(LOCAL_ACTOR)
        await house.app.approvals.answer(LOCAL_ACTOR, found[0].id, resolution="approve")
        await house.run(run.id, "completed")
        events = await house.app.history.events(LOCAL_ACTOR, session.id, limit=1000)
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    with acting_as(NOBODY), pytest.raises(NotFound):
        await house.app.history.events(LOCAL_ACTOR, session.id, limit=1000)


async def test_the_next_server_goes_on_and_sweeps_what_everybody_has(house: House) -> None:
    house.provider.hold("YOUR STEP (1)")
    with acting_as(LOCAL_USER_ID):
        _, run = await house.submit()
    await house.held()
    await house.app.stop()
    house.provider.release()
    await house.start()
    await house.run(run.id, "completed")
    await house.app.sweeps.run_once()


async def test_a_server_that_ran_as_the_owner_goes_on_as_the_role(
    provider: OpenAIServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready_postgres_url: str
) -> None:
    for name, value in provider.environment().items():
        monkeypatch.setenv(name, value)
    house = House(provider, tmp_path, ready_postgres_url)
    await house.start()
    provider.hold("YOUR STEP (1)")
    _, run = await house.submit()
    await house.held()
    await house.app.stop()
    provider.release()

    row_security.enable(ready_postgres_url, ROLE)
    with psycopg.connect(ready_postgres_url) as connection:
        kept = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'perdure_engine'::regnamespace"
            " AND pg_get_userbyid(relowner) <> %s UNION ALL SELECT proname FROM pg_proc"
            " WHERE pronamespace = 'perdure_engine'::regnamespace AND pg_get_userbyid(proowner) <> %s",
            (ROLE, ROLE),
        ).fetchall()
    assert kept == []
    url = as_role(ready_postgres_url)
    house.settings = house.settings.model_copy(update={"database_url": url, "row_security": "on"})
    await house.start()
    try:
        await house.run(run.id, "completed")
    finally:
        await house.app.stop()
