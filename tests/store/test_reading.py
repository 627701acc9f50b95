"""What a read sees while others write: one moment, in all its statements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perdure.core.sessions import Session
from perdure.errors import PerdureError
from perdure.services.files import FileService
from perdure.services.forking import ForkService
from perdure.store import copies, events, sessions
from perdure.store.store import Store
from perdure.store.transaction import Tx
from tests.factories import OWNER, Services, line, message


@pytest.fixture(params=["file", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """In memory there is one connection, and reads wait for their turn on it."""
    return request.getfixturevalue({"file": "sqlite_url", "postgres": "ready_postgres_url"}[request.param])


async def test_a_read_of_several_statements_sees_one_moment(store: Store, session: Session) -> None:
    await store.append(session.id, [line("before")])

    def body(tx: Tx) -> tuple[int, int, list[int]]:
        first, _ = sessions.log_head(tx, session.id)
        store.append_now(session.id, [line("meanwhile"), message("meanwhile")])
        return (
            first,
            sessions.log_head(tx, session.id)[0],
            [e.seq for e in events.list_events(tx, session.id)],
        )

    assert await store.read(body) == (1, 1, [1])
    assert store.read_now(body) == (3, 3, [1, 2, 3])
    assert (await store.read(lambda tx: sessions.log_head(tx, session.id), snapshot=False))[0] == 5


async def test_a_read_that_writes_is_refused_and_the_connection_goes_on(
    store: Store, session: Session
) -> None:
    for _ in range(20):  # every connection that is lent out
        with pytest.raises(PerdureError):
            await store.read(lambda tx: sessions.set_fields(tx, session.id, name="changed"))
    assert (await store.read(lambda tx: sessions.get_session(tx, session.id))).name == session.name
    assert await store.append(session.id, [line("goes on")]) == [1]


async def test_a_fork_is_of_one_moment_of_its_original(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(store)
    forks = ForkService(
        store, services.modes, services.engine, services.limits, FileService(store, tmp_path / "files")
    )
    session = await services.session("task")
    started = await services.runs.start(OWNER, session.id, "Write a report")
    assert started.run is not None
    read_log = copies.read_log

    def meanwhile(tx: Tx, session_id: str, cut: int) -> Any:
        found = read_log(tx, session_id, cut)
        later = store.submit(lambda tx: sessions.set_fields(tx, session_id, name="meanwhile"))
        later.result(10)
        return found

    seen: list[str] = []
    fetch = copies.fetch

    def looking(tx: Tx, *wanted: Any) -> Any:
        seen.append(sessions.get_session(tx, session.id).name)
        return fetch(tx, *wanted)

    monkeypatch.setattr(copies, "read_log", meanwhile)
    monkeypatch.setattr(copies, "fetch", looking)
    fork, _ = await forks.fork(OWNER, session.id)
    assert set(seen) == {session.name}
    assert fork.name == f"{session.name} (fork)"
