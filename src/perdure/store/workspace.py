"""A session's working folder: the only place where agents read and write files.

Paths are text with `/` between names, relative to the root. Nothing here follows a symbolic link, so no
path, however written, leaves the folder.
"""

from __future__ import annotations

import errno
import hashlib
import mimetypes
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from perdure.errors import InvalidInput, NotFound, StorageUnavailable
from perdure.store.folders import open_folder, open_plain, replace_file
from perdure.store.private import make_private_folder

MAX_FILE_BYTES = 100 * 1024 * 1024
MAX_PATH_CHARS = 1024
MAX_NAME_BYTES = 255

_TEMPORARY_PREFIX = ".perdure-"
_RESERVED_NAMES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_BAD_CHARACTERS = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')
_CHUNK_BYTES = 1024 * 1024
_IN_THE_WAY = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENOTEMPTY}
_NOT_READABLE = {None, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EACCES, errno.ENODEV}
"""What an open says of links and sockets, of what is not ours, and without a number, of what is not plain."""
_DISK_AWAY = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}
_TEXT_TYPES = {
    ".md": "text/markdown",
    ".jsonl": "application/jsonl",
    ".yaml": "text/yaml",
    ".yml": "text/yaml",
}


class PathOutsideWorkspace(InvalidInput):
    """The path is not a plain path of a file inside the workspace."""

    code = "path-outside-workspace"


class FileTooLarge(InvalidInput):
    """The file is larger than a workspace takes; `fields` carry the limit."""

    code = "file-too-large"


class FileMissing(NotFound):
    """The workspace has no such file."""

    code = "file-not-found"


class NotText(InvalidInput):
    """The file's bytes are not UTF-8 text."""

    code = "file-not-text"


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a file is now and, after a write, what the write did to it."""

    path: str
    size_bytes: int
    sha256: str
    media_type: str
    created: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One line that holds the text searched for; `line` counts from 1."""

    path: str
    line: int
    text: str


class Workspace:
    """Read, write and search the files under one folder. Methods block: call them in a thread."""

    def __init__(self, root: Path, *, max_file_bytes: int = MAX_FILE_BYTES) -> None:
        make_private_folder(root)
        self.root = root.resolve()
        self._max_file_bytes = max_file_bytes

    def list(self) -> list[str]:
        """Return the paths of all files, sorted.

        Links, unfinished writes, and what no acceptable path names are left out.
        """
        return sorted(self._walk())

    def info(self, path: str) -> FileInfo:
        """Describe the file.

        Raises:
            PathOutsideWorkspace: the path is not acceptable.
            FileMissing: there is no such file.
        """
        with self.open(path) as file:
            return self.describe(path, file)

    def describe(self, path: str, file: BinaryIO) -> FileInfo:
        """Describe what `open` has given, and leave it at its beginning."""
        digest = hashlib.sha256()
        size = 0
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
        file.seek(0)
        return FileInfo("/".join(_names(path)), size, digest.hexdigest(), media_type(path))

    def open(self, path: str) -> BinaryIO:
        """Open the file for reading; the caller closes it.

        Raises:
            PathOutsideWorkspace, FileMissing: as for `info`.
        """
        return self._open(self._find(path), path)

    def read_bytes(self, path: str) -> bytes:
        """Return the whole file.

        Raises:
            PathOutsideWorkspace, FileMissing: as for `info`.
            FileTooLarge: the file grew past the limit by other means.
        """
        with self.open(path) as file:
            content = file.read(self._max_file_bytes + 1)
        self._check_size(len(content), path)
        return content

    def read_text(self, path: str, limit: int | None = None) -> str:
        """Return the file as text, at most `limit` characters of it.

        Raises:
            PathOutsideWorkspace, FileMissing, FileTooLarge: as for `read_bytes`.
            NotText: the bytes are not UTF-8.
        """
        try:
            text = self.read_bytes(path).decode("utf-8")
        except UnicodeDecodeError as error:
            raise NotText(
                f"{path!r} is not a text file; open it in the console instead", path=path
            ) from error
        return text if limit is None else text[:limit]

    def write(self, path: str, content: bytes | str) -> FileInfo:
        """Put `content` at `path`, whole or not at all, and on disk when this returns.

        A second write of the same content changes nothing and says `changed=False`.

        Raises:
            PathOutsideWorkspace: the path is not acceptable, or a folder or link is in its place.
            FileTooLarge: the content is over the limit; nothing was written.
            StorageUnavailable: the disk is full or read-only; nothing was written.
        """
        data = content.encode("utf-8") if isinstance(content, str) else content
        self._check_size(len(data), path)
        target = self._resolve(path)
        sha256 = hashlib.sha256(data).hexdigest()
        created = not target.exists()
        if not created and self._holds(target, path, data):
            return FileInfo(self._relative(target), len(data), sha256, media_type(path))
        try:
            self._put(target, data)
        except OSError as error:
            if not isinstance(error, FileNotFoundError) and error.errno not in _IN_THE_WAY:
                raise
            raise PathOutsideWorkspace(
                f"a file, folder or link is in the way of {path!r}", path=path
            ) from error
        return FileInfo(
            self._relative(target), len(data), sha256, media_type(path), created=created, changed=True
        )

    def search(self, text: str, limit: int = 50) -> list[SearchHit]:
        """Return the first `limit` lines that hold `text`, without regard to case, in path order.

        Files that are not text are passed over.
        """
        wanted = text.casefold()
        hits: list[SearchHit] = []
        if not wanted:
            return hits
        for path in self.list():
            try:
                lines = self.read_text(path).splitlines()
            except (NotText, FileTooLarge, FileMissing, PathOutsideWorkspace):
                continue
            for number, line in enumerate(lines, start=1):
                if wanted in line.casefold():
                    hits.append(SearchHit(path, number, line.strip()[:300]))
                    if len(hits) == limit:
                        return hits
        return hits

    def _find(self, path: str) -> Path:
        target = self._resolve(path)
        if not target.exists():
            raise FileMissing(f"the workspace has no file {path!r}", path=path)
        if not target.is_file():
            raise PathOutsideWorkspace(f"{path!r} is not a file", path=path)
        return target

    def _resolve(self, path: str) -> Path:
        target = self.root.joinpath(*_names(path))
        place = self.root
        for part in target.relative_to(self.root).parts:
            place = place / part
            if place.is_symlink():
                raise PathOutsideWorkspace(
                    f"{path!r} goes through a link; write plain files instead", path=path
                )
        if target.is_dir():
            raise PathOutsideWorkspace(f"{path!r} is a folder; name a file in it", path=path)
        return target

    def _open(self, target: Path, path: str) -> BinaryIO:
        *parents, name = target.relative_to(self.root).parts
        try:
            with open_folder(self.root, parents) as folder:
                return open_plain(folder, name)
        except FileNotFoundError as error:
            raise FileMissing(f"the workspace has no file {path!r}", path=path) from error
        except OSError as error:
            if error.errno not in _NOT_READABLE:
                raise
            raise PathOutsideWorkspace(f"{path!r} is not a plain file", path=path) from error

    def _put(self, target: Path, data: bytes) -> None:
        *parents, name = target.relative_to(self.root).parts
        try:
            with open_folder(self.root, parents, make=True) as folder:
                replace_file(folder, name, data, _TEMPORARY_PREFIX)
        except OSError as error:
            if error.errno not in _DISK_AWAY:
                raise
            raise StorageUnavailable(
                f"The file {self._relative(target)!r} cannot be stored now ({error.strerror}); it is as it was. "
                "Make room on the disk of the data folder, then try again."
            ) from error

    def _holds(self, target: Path, path: str, data: bytes) -> bool:
        with suppress(FileMissing), self._open(target, path) as file:
            return os.fstat(file.fileno()).st_size == len(data) and file.read(len(data) + 1) == data
        return False

    def _walk(self) -> Iterator[str]:
        """Go through the files that a path can name; programs may have left anything beside them."""
        waiting: list[tuple[str, ...]] = [()]
        while waiting:
            above = waiting.pop()
            folders, files = self._entries(above)
            waiting += [(*above, name) for name in folders]
            yield from ("/".join((*above, name)) for name in files)

    def _entries(self, above: tuple[str, ...]) -> tuple[list[str], list[str]]:
        folders: list[str] = []
        files: list[str] = []
        try:
            with open_folder(self.root, above) as folder, os.scandir(folder) as entries:
                for entry in entries:
                    path = "/".join((*above, entry.name))
                    if entry.name.startswith(_TEMPORARY_PREFIX) or not _can_be_named(path):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        files.append(entry.name)
        except OSError as error:
            if not isinstance(error, FileNotFoundError) and error.errno not in _NOT_READABLE:
                raise
        return folders, files  # none when it is gone meanwhile, or not for us

    def _relative(self, target: Path) -> str:
        return target.relative_to(self.root).as_posix()

    def _check_size(self, size_bytes: int, path: str) -> None:
        if size_bytes > self._max_file_bytes:
            limit = self._max_file_bytes
            raise FileTooLarge(f"{path!r} is over the limit of {limit:,} bytes", path=path, limit_bytes=limit)


def media_type(path: str) -> str:
    """Return the media type that the name suggests, `application/octet-stream` when it suggests none."""
    suffix = PurePosixPath(path).suffix.lower()
    return _TEXT_TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"


def _names(path: str) -> tuple[str, ...]:
    if not path or len(path) > MAX_PATH_CHARS:
        raise PathOutsideWorkspace(f"a path has 1 to {MAX_PATH_CHARS} characters", path=path[:MAX_PATH_CHARS])
    if path.startswith(("/", "~")) or _BAD_CHARACTERS.search(path):
        raise PathOutsideWorkspace(f"{path!r} is not a path like 'notes/plan.md'", path=path)
    names = tuple(name for name in path.split("/") if name != ".")
    for name in names:
        if name in {"", ".."} or name != name.strip() or name.endswith("."):
            raise PathOutsideWorkspace(f"{path!r} is not a path like 'notes/plan.md'", path=path)
        try:
            name_bytes = len(name.encode("utf-8"))
        except UnicodeEncodeError as error:
            raise PathOutsideWorkspace("the path is not valid text") from error
        if name_bytes > MAX_NAME_BYTES:
            raise PathOutsideWorkspace(f"a name in {path!r} is longer than {MAX_NAME_BYTES} bytes", path=path)
        if _RESERVED_NAMES.fullmatch(name) or name.startswith(_TEMPORARY_PREFIX):
            raise PathOutsideWorkspace(f"the name {name!r} is reserved; choose another", path=path)
    if not names:
        raise PathOutsideWorkspace(f"{path!r} names no file", path=path)
    return names


def _can_be_named(path: str) -> bool:
    try:
        _names(path)
    except PathOutsideWorkspace:
        return False
    return True
