"""Workspaces of sessions that are gone for good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from perdure.core.access import LOCAL_ACTOR
from perdure.services.files import FileService
from tests.factories import Services


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
