"""What a download leaves in a workspace before it is whole, and what it remembers of those that are.

Both live in a folder that lists leave out and no tool writes to. Everything here blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from perdure.store.folders import open_folder, open_plain
from perdure.store.workspace import FileInfo, FileMissing, PathOutsideWorkspace, Workspace

_FOLDER = ".perdure-papers"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bytes of a part came from; only the same source can go on with them."""

    url: str
    mark: str
    """The entity tag or the date of the last change: what a server compares."""
    total: int | None


class Part:
    """The bytes of one file so far. Not for two downloads at once."""

    def __init__(self, workspace: Workspace, path: str) -> None:
        self.path = path
        self._workspace = workspace
        with self._folder():  # refused at once when something is in its place
            pass
        key = hashlib.sha256(path.encode()).hexdigest()[:32]
        self._bytes = f"{key}.part"
        self._source = f"{key}.source"
        self._record = f"{key}.json"

    def kept(self, paper: str) -> FileInfo | None:
        """Return the finished file if it is there, is this paper's, and was not changed since."""
        record = self._json(self._record)
        try:
            info = self._workspace.info(self.path)
        except FileMissing:
            return None
        same = record == {"id": paper, "sha256": info.sha256, "size": info.size_bytes}
        return info if same else None

    def so_far(self, url: str) -> tuple[int, Source | None]:
        """Return how many bytes there are to go on from, and their source."""
        given = self._json(self._source)
        try:
            source = Source(**given) if given else None
            with self._open(self._bytes) as file:
                size = os.fstat(file.fileno()).st_size
        except (TypeError, FileNotFoundError, PathOutsideWorkspace):
            return 0, None
        return (size, source) if source is not None and source.url == url and size else (0, None)

    def begin(self, source: Source | None) -> None:
        """Start from nothing; without a source there will be no going on after a cut."""
        self.drop()
        if source is not None:
            self._write(self._source, json.dumps(asdict(source)).encode(), os.O_TRUNC)

    def append(self, data: bytes) -> None:
        """Add bytes; they are on disk when this returns."""
        self._write(self._bytes, data, os.O_APPEND)

    def read(self) -> bytes:
        """Return all bytes so far."""
        with contextlib.suppress(FileNotFoundError), self._open(self._bytes) as file:
            return file.read()
        return b""

    def finish(self, paper: str, content: bytes) -> FileInfo:
        """Put the whole file in its place, whole or not at all, and forget the part."""
        record = {"id": paper, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        # The record first: with the file but no record, the next run would fetch it again.
        self._write(self._record, json.dumps(record).encode(), os.O_TRUNC)
        info = self._workspace.write(self.path, content)
        self.drop()
        return info

    def drop(self) -> None:
        """Forget the bytes so far."""
        with self._folder() as folder:
            for name in (self._bytes, self._source):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)

    @contextlib.contextmanager
    def _folder(self) -> Generator[int]:
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(open_folder(self._workspace.root, (_FOLDER,), make=True))
            except OSError as error:
                raise PathOutsideWorkspace(f"{_FOLDER} is a link or a file; remove it") from error
            yield folder

    def _open(self, name: str, flags: int = os.O_RDONLY) -> BinaryIO:
        with self._folder() as folder:
            try:
                return open_plain(folder, name, flags)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise PathOutsideWorkspace(
                    f"{_FOLDER} holds something else than our files; remove it"
                ) from error

    def _json(self, name: str) -> dict[str, Any]:
        try:
            with self._open(name) as file:
                return json.loads(file.read(10_000))
        except (OSError, ValueError, PathOutsideWorkspace):
            return {}

    def _write(self, name: str, data: bytes, flag: int) -> None:
        with self._open(name, os.O_WRONLY | os.O_CREAT | flag) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
