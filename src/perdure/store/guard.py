"""One server per SQLite file: an exclusive lock on a side file, let go by the system when a process dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from perdure.errors import StartupError
from perdure.store.private import make_private_folder, private


class FileGuard:
    """Holds the lock of one database file."""

    def __init__(self, file: IO[str]) -> None:
        self._file: IO[str] | None = file

    @classmethod
    def take(cls, database: Path) -> FileGuard:
        """Lock the database for this process; its folder is made when missing.

        Raises:
            StartupError: when another process has it, or the folder cannot be written.
        """
        path = database.with_name(database.name + ".lock")
        try:
            make_private_folder(database.parent)
            file = os.fdopen(private(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC), "a+")
        except OSError as error:
            raise StartupError(
                f"The data directory {str(database.parent)!r} cannot be written ({error.strerror}). "
                "Choose another with PERDURE_DATA_DIR or --data."
            ) from error
        os.set_inheritable(file.fileno(), False)
        if not _lock(file):
            file.close()
            raise StartupError(
                f"The database {str(database)!r} is in use by another Perdure server. Stop that one, or give this "
                "one its own with PERDURE_DATA_DIR; several servers need PostgreSQL (PERDURE_DATABASE_URL)."
            )
        return cls(file)

    def release(self) -> None:
        """Let the lock go. A second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None


@contextmanager
def locked_file(path: Path) -> Generator[None]:
    """Hold the exclusive lock of a side file; waits for whoever has it."""
    with open(path, "a+", opener=private) as file:
        os.set_inheritable(file.fileno(), False)
        while not _lock(file):
            time.sleep(0.05)
        yield


def _lock(file: IO[str]) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
