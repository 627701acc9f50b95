"""Workspaces of sessions that are gone for good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from perdure.core.access import LOCAL_ACTOR
from perdure.errors import Forbidden
from perdure.ids import new_id
from perdure.services.access import refusal_of
from perdure.services.files import FileService
from tests.factories import OpenStore, Services


async def _one(text: bytes) -> AsyncIterator[bytes]:
    yield text


async def test_a_sweep_removes_what_purged_sessions_left_and_nothing_else(
    services: Services, tmp_path: Path
) -> None:
    files = FileService(services.store, tmp_path)
    gone = await services.sessions.create(LOCAL_ACTOR, mode="task")
    kept = await services.sessions.create(LOCAL_ACTOR, mode="task")
    for session in (gone, kept):
        await files.upload(LOCAL_ACTOR, session.id, "a.txt", _one(b"text"), 100)
    await services.sessions.delete(LOCAL_ACTOR, gone.id)
    assert await files.remove_orphans() == 0

    await services.sessions.purge(LOCAL_ACTOR, gone.id)

    assert await files.remove_orphans() == 1
    assert files.workspace(kept.id).list() == ["a.txt"]
    assert not tmp_path.joinpath(gone.id).exists()


async def test_files_of_another_database_on_the_same_folder_are_left_alone(
    services: Services, open_store: OpenStore, tmp_path: Path
) -> None:
    session = await services.sessions.create(LOCAL_ACTOR, mode="task")
    files = FileService(services.store, tmp_path)
    await files.upload(LOCAL_ACTOR, session.id, "a.txt", _one(b"text"), 100)
    other = open_store("sqlite://")

    assert await FileService(other, tmp_path).remove_orphans() == 0

    assert files.workspace(session.id).list() == ["a.txt"]


async def test_a_workspace_whose_session_another_server_is_about_to_store_is_left_alone(
    services: Services, tmp_path: Path
) -> None:
    files = FileService(services.store, tmp_path)
    files.workspace(new_id()).write("copied.txt", "text")

    assert await files.remove_orphans() == 0


async def test_a_purge_that_was_refused_removes_nothing(services: Services, tmp_path: Path) -> None:
    session_id = new_id()
    error = Forbidden("Not for you.")
    refused = refusal_of(error, LOCAL_ACTOR, "session.purge", "session", session_id)
    await services.store.write(lambda tx: tx.acts.append(refused.act))
    files = FileService(services.store, tmp_path)
    files.workspace(session_id).write("a.txt", "text")

    assert await files.remove_orphans() == 0
