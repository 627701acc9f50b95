"""Files under a root by descriptors, one name at a time: no link is followed, whatever a program puts in
the way while it is looked at."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import BinaryIO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class NotPlain(OSError):
    """What is there is no plain file: a folder, pipe, socket or device."""


@contextlib.contextmanager
def open_folder(root: Path, names: Sequence[str], *, make: bool = False) -> Generator[int]:
    """Give the descriptor of the folder at `names` below `root`; with `make`, missing ones are made.

    Raises:
        OSError: when one of them is missing, a link, or no folder.
    """
    held = os.open(root, _FOLDER)
    try:
        for name in names:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=held)
            below = os.open(name, _FOLDER, dir_fd=held)
            os.close(held)
            held = below
        yield held
    finally:
        os.close(held)


def open_plain(folder: int, name: str, flags: int = os.O_RDONLY) -> BinaryIO:
    """Open a plain file of a folder; a pipe in its place does not keep the caller waiting.

    Raises:
        NotPlain: when it is something else.
        OSError: when it is missing, a link, or not for us.
    """
    descriptor = os.open(name, flags | _FILE, 0o600, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotPlain(f"{name!r} is not a plain file")
    return os.fdopen(descriptor, "wb" if flags & os.O_WRONLY else "rb")


def replace_file(folder: int, name: str, data: bytes, temporary_prefix: str) -> None:
    """Put a file into a folder, whole or not at all, and on disk when this returns."""
    temporary = f"{temporary_prefix}{secrets.token_hex(8)}"
    try:
        with open_plain(folder, temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o600)
            os.fsync(file.fileno())
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)
