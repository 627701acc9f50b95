"""Files and folders for their owner alone, whatever the process lets others have by default."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for the owner alone. One that exists is left as it is.

    Raises:
        OSError: when it cannot be made, or something else is in its place.
    """
    if folder.is_dir():
        return
    make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def private(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file for `open(opener=…)`; one that is made by it is for the owner alone."""
    return os.open(path, flags, 0o600)


def make_private_file(file: Path) -> None:
    """Make an empty file for the owner alone, before a library makes one for everybody.

    One that exists, and what cannot be made, is left to whoever opens it.
    """
    with suppress(OSError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def open_to_others(paths: Iterable[Path]) -> list[tuple[Path, int]]:
    """Return those that others of the machine may read, write or enter, with their modes; missing ones are left out.

    What stands in a folder that they may not enter is out of their reach.
    """
    if os.name != "posix":
        return []
    found: list[tuple[Path, int]] = []
    for path in paths:
        with suppress(OSError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & _OTHERS and not _is_shut(path.absolute().parent):
                found.append((path, mode))
    return found


def _is_shut(folder: Path) -> bool:
    return any(not stat.S_IMODE(each.stat().st_mode) & _OTHERS for each in (folder, *folder.parents))
