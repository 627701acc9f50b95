"""A whole workspace as one ZIP file, made while it is sent: never on disk, never whole in memory."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import IO

from perdure.errors import InvalidInput
from perdure.store.workspace import FileMissing, PathOutsideWorkspace, Workspace

MAX_ARCHIVE_BYTES = 2 * 1024**3
MAX_ARCHIVE_FILES = 10_000

_CHUNK_BYTES = 256 * 1024
_YEARS = (1980, 2107)
"""ZIP files know no other ones."""


class WorkspaceTooLarge(InvalidInput):
    """The workspace is larger than one archive may be; `fields` carry the limits."""

    code = "workspace-too-large"


class _Sent(io.RawIOBase):
    """Takes what is written until somebody fetches it."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        chunk = bytes(data)  # pyright: ignore[reportArgumentType]
        self._waiting += chunk
        return len(chunk)

    def take(self) -> bytes:
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken


def check_archive(
    workspace: Workspace, *, max_bytes: int = MAX_ARCHIVE_BYTES, max_files: int = MAX_ARCHIVE_FILES
) -> list[str]:
    """Return the paths that an archive of the workspace would hold.

    Raises:
        WorkspaceTooLarge: when they are too many, or too large together.
    """
    paths = workspace.list()
    size = 0
    for path in paths:
        try:
            size += (workspace.root / path).lstat().st_size
        except FileNotFoundError:  # gone since it was listed
            continue
    if size > max_bytes or len(paths) > max_files:
        raise WorkspaceTooLarge(
            f"These {len(paths):,} files of {size:,} bytes are too much for one archive "
            f"({max_files:,} files, {max_bytes:,} bytes); download them one by one",
            files=len(paths),
            size_bytes=size,
            max_files=max_files,
            max_bytes=max_bytes,
        )
    return paths


def zip_chunks(workspace: Workspace, paths: Sequence[str]) -> Iterator[bytes]:
    """Yield the archive in pieces; a file that is gone by its turn is left out. Blocks: iterate in a thread."""
    sink = _Sent()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in paths:
            try:
                source = workspace.open(path)
            except (FileMissing, PathOutsideWorkspace):
                continue
            with source:
                for _ in _add(archive, path, source):
                    yield sink.take()
    yield sink.take()


def _add(archive: zipfile.ZipFile, path: str, source: IO[bytes]) -> Iterator[None]:
    facts = os.fstat(source.fileno())
    entry = zipfile.ZipInfo(path, _stamp(facts.st_mtime))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    left = facts.st_size  # a file that a program goes on writing must end somewhere
    with archive.open(entry, "w", force_zip64=True) as target:
        while left > 0 and (chunk := source.read(min(left, _CHUNK_BYTES))):
            left -= len(chunk)
            target.write(chunk)
            yield
    yield


def _stamp(seconds: float) -> tuple[int, int, int, int, int, int]:
    changed = datetime.fromtimestamp(seconds, UTC)
    earliest, latest = _YEARS
    return (
        min(latest, max(earliest, changed.year)),
        changed.month,
        changed.day,
        changed.hour,
        changed.minute,
        changed.second,
    )
