"""Files of a session's workspace: list, read, upload."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, BinaryIO

from perdure.core.access import Action, Actor
from perdure.core.assets import Asset
from perdure.core.events import FileUpdate
from perdure.core.sessions import Session
from perdure.errors import InvalidInput
from perdure.ids import new_id
from perdure.services.access import session_for
from perdure.store import assets, audit, missions, sessions
from perdure.store.archive import check_archive, zip_chunks
from perdure.store.store import Store
from perdure.store.transaction import Tx
from perdure.store.workspace import FileInfo, FileMissing, PathOutsideWorkspace, Workspace


class FileService:
    """What people see of a workspace; no path outside it is ever touched."""

    def __init__(self, store: Store, root: Path) -> None:
        self._store = store
        self._root = root

    def workspace(self, session_id: str) -> Workspace:
        """Return the session's workspace; its folder is made when first written."""
        return Workspace(self._root / session_id)

    async def list(self, actor: Actor, session_id: str) -> list[FileInfo]:
        """Return every file, by path."""
        session = await self._check(actor, session_id, Action.READ)
        workspace = self.workspace(session.id)
        return await asyncio.to_thread(_described, workspace)

    async def open(self, actor: Actor, session_id: str, path: str) -> tuple[FileInfo, BinaryIO]:
        """Return a file's facts and the file, at its beginning; the caller closes it.

        What was described is what is read, whatever takes its place meanwhile.

        Raises:
            NotFound: when there is no such file.
            InvalidInput: when the path leaves the workspace.
        """
        session = await self._check(actor, session_id, Action.READ)
        workspace = self.workspace(session.id)
        file = await asyncio.to_thread(workspace.open, path)
        try:
            return await asyncio.to_thread(workspace.describe, path, file), file
        except BaseException:
            file.close()
            raise

    async def archive(self, actor: Actor, session_id: str) -> Iterator[bytes]:
        """Return all files as one ZIP file, piece by piece; iterate in a thread. The audit log has it before.

        Raises:
            WorkspaceTooLarge: when they are too many or too large for one archive.
        """
        session = await self._check(actor, session_id, Action.READ)
        workspace = self.workspace(session.id)
        paths = await asyncio.to_thread(check_archive, workspace)

        def body(tx: Tx) -> None:
            session_for(tx, actor, session.id, Action.READ)
            tx.audit(actor, "session.export", "session", session.id, what="files", files=len(paths))

        await self._store.write(body)
        return zip_chunks(workspace, paths)

    async def upload(
        self, actor: Actor, session_id: str, path: str, chunks: AsyncIterator[bytes], max_bytes: int
    ) -> FileInfo:
        """Store a file whole or not at all, and log it.

        Raises:
            InvalidInput: when the path leaves the workspace or the file is too large.
        """
        session = await self._check(actor, session_id, Action.EDIT)
        workspace = self.workspace(session.id)
        with tempfile.SpooledTemporaryFile(2**20) as spool:
            size = await _collect(chunks, spool, max_bytes)
            spool.seek(0)
            data = await asyncio.to_thread(spool.read, size)
        await self._check(actor, session_id, Action.EDIT)  # again: an upload takes its time
        info = await asyncio.to_thread(workspace.write, path, data)

        def body(tx: Tx) -> None:
            session_for(tx, actor, session.id, Action.EDIT)
            record_file_in(tx, session.id, info, role="input")
            told: dict[str, Any] = {"size_bytes": info.size_bytes, "sha256": info.sha256}
            tx.audit(actor, "file.upload", "file", info.path, session_id=session.id, **told)

        await self._store.write(body)
        return info

    async def remove_orphans(self) -> int:
        """Remove the workspaces of sessions that are gone for good; returns how many.

        Only what this database itself has purged: other databases may have their workspaces beside, and other
        servers make one before they store its session.
        """
        found = await asyncio.to_thread(self._folders)

        def body(tx: Tx) -> set[str]:
            return audit.purged_sessions(tx, found) - sessions.known_ids(tx, found)

        orphans = [self._root / name for name in await self._store.read(body)]
        for folder in orphans:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return len(orphans)

    def _folders(self) -> list[str]:
        if not self._root.is_dir():
            return []
        return [path.name for path in self._root.iterdir() if path.is_dir()]

    async def _check(self, actor: Actor, session_id: str, action: Action) -> Session:
        return await self._store.read(lambda tx: session_for(tx, actor, session_id, action))


def record_file_in(
    tx: Tx,
    session_id: str,
    info: FileInfo,
    *,
    role: str,
    run_id: str | None = None,
    step_id: str | None = None,
    dedupe: str | None = None,
    mission_id: str | None = None,
    hop_id: str | None = None,
) -> None:
    """Note a written file as an asset and log it; a file that is known as it is leaves no trace.

    What counts is the stored record and not what the write found, so that a write which is repeated
    after a crash is still logged. With a hop the file becomes an asset of that hop: the output it promised
    under the file's path or name, or one more.
    """
    known = assets.find_file(tx, session_id, info.path)
    if known is not None and known[1] == info.sha256:
        return
    promised: Asset | None = None
    maker: dict[str, str] = {}
    if hop_id is not None:
        hop = missions.get_hop(tx, hop_id)
        promised = assets.find_promised(tx, hop, info.path)
        maker = {"mission_id": mission_id or hop.mission_id, "hop_id": hop_id}
    asset_id = assets.record_file(
        tx,
        promised.id if promised else known[0] if known else new_id(),
        session_id,
        **maker,
        path=info.path,
        kind="file",
        role=promised.role if promised else role,
        media_type=info.media_type,
        size_bytes=info.size_bytes,
        sha256=info.sha256,
    )
    tx.emit(
        session_id,
        FileUpdate(
            path=info.path,
            change="changed" if known else "created",
            kind=info.media_type,
            size=info.size_bytes,
            sha256=info.sha256,
            asset_id=asset_id,
        ),
        run_id=run_id,
        step_id=step_id,
        dedupe=dedupe,
    )


def _described(workspace: Workspace) -> list[FileInfo]:
    found: list[FileInfo] = []
    for path in workspace.list():
        with suppress(FileMissing, PathOutsideWorkspace):  # a program took it away meanwhile
            found.append(workspace.info(path))
    return found


async def _collect(chunks: AsyncIterator[bytes], spool: IO[bytes], max_bytes: int) -> int:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > max_bytes:
            raise InvalidInput(f"The file is larger than {max_bytes} bytes.", field="file", limit=max_bytes)
        spool.write(chunk)
    return size
