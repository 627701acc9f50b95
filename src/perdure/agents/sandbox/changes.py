"""What a program did to the workspace, found by looking before and after."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perdure.errors import PerdureError
from perdure.store.workspace import FileInfo, Workspace

_MAX_DEPTH = 64
_MAX_PATH_CHARS = 3_000  # the kernel takes 4,096
_MAX_FILES = 100_000
_UNFINISHED = ".perdure-"

Mark = tuple[int, int, int, int]
"""Size, times of change of content and of entry, and number of the file on its disk."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The workspace's plain files at one moment."""

    files: dict[str, Mark]
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Changes:
    """Files that are different now."""

    written: tuple[FileInfo, ...] = ()
    removed: tuple[str, ...] = ()
    unreported: int = 0
    """Files over the number that is reported, or with names that the workspace does not take."""


def take_snapshot(workspace: Workspace) -> Snapshot:
    """Note every file. Blocks: call it in a thread."""
    files: dict[str, Mark] = {}
    total = 0
    for path, status in _walk(str(workspace.root)):
        files[path] = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        total += status.st_blocks * 512
    return Snapshot(files, total)


def find_changes(workspace: Workspace, before: Snapshot, limit: int) -> Changes:
    """Compare with the snapshot; at most `limit` files are described. Blocks: call it in a thread.

    What the program made unreadable for the owner is made readable again, and folders that lie deeper
    than any path can name are removed: whoever reads or removes the workspace later must be able to.
    """
    _make_readable(workspace.root)
    after = take_snapshot(workspace).files
    written: list[FileInfo] = []
    unreported = 0
    for path in sorted(path for path, mark in after.items() if before.files.get(path) != mark):
        if len(written) == limit:
            unreported += 1
            continue
        try:
            info = workspace.info(path)
        except (PerdureError, OSError):
            unreported += 1
        else:
            created = path not in before.files
            written.append(
                FileInfo(info.path, info.size_bytes, info.sha256, info.media_type, created, changed=True)
            )
    whole = len(after) < _MAX_FILES
    gone = sorted(path for path in before.files if path not in after) if whole else []
    return Changes(tuple(written), tuple(gone[:limit]), unreported + max(0, len(gone) - limit))


def _walk(root: str) -> Iterator[tuple[str, os.stat_result]]:
    """Go through plain files without following a link, however deep or many a program made them."""
    waiting = [(root, "", 0)]
    seen = 0
    while waiting:
        folder, prefix, depth = waiting.pop()
        for entry in _entries(folder):
            name = prefix + entry.name
            try:
                if entry.is_dir(follow_symlinks=False):
                    if depth < _MAX_DEPTH and len(entry.path) < _MAX_PATH_CHARS:
                        waiting.append((entry.path, f"{name}/", depth + 1))
                elif entry.is_file(follow_symlinks=False) and not entry.name.startswith(_UNFINISHED):
                    yield name, entry.stat(follow_symlinks=False)
                    seen += 1
            except FileNotFoundError:
                continue
            if seen >= _MAX_FILES:
                return


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _make_readable(root: Path) -> None:
    waiting = [(str(root), 0)]
    while waiting:
        folder, depth = waiting.pop()
        for entry in _entries(folder):
            is_folder = entry.is_dir(follow_symlinks=False)
            if is_folder or entry.is_file(follow_symlinks=False):
                _make_owned(entry.path, 0o700 if is_folder else 0o600)
            if is_folder and depth < _MAX_DEPTH and len(entry.path) < _MAX_PATH_CHARS:
                waiting.append((entry.path, depth + 1))
            elif is_folder:
                # Its own recursion is no concern of `rm`; Python's ends where the stack does.
                subprocess.run(["rm", "-rf", "--", entry.path], check=False, capture_output=True)


def _make_owned(path: str, needed: int) -> None:
    """Give the owner back what is needed, through a descriptor, so that nobody can put a link in between."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISLNK(mode) and (mode & needed != needed or mode & 0o7000):
            with contextlib.suppress(OSError):  # somebody else's file stays as it is
                Path(f"/proc/self/fd/{descriptor}").chmod(stat.S_IMODE(mode) & 0o777 | needed)
    finally:
        os.close(descriptor)
