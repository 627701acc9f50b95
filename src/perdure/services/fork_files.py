"""The workspace of a fork: the files that were there at the point, as they are now."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from perdure.errors import PerdureError
from perdure.store.private import make_private_folder, private
from perdure.store.workspace import Workspace

_CHUNK_BYTES = 1024 * 1024


@dataclass
class CopiedFiles:
    """What was copied: size and digest by path, and what people should know of it."""

    found: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    lines: list[str] = field(default_factory=list[str])


def copy_files(
    source: Workspace, target: Workspace, then: Mapping[str, str | None], later: set[str]
) -> CopiedFiles:
    """Copy what `then` names with a digest and what no event ever named; blocks.

    Older contents are kept nowhere: a file that changed since is copied as it is, and a line says so.
    """
    copied = CopiedFiles()
    for path in source.list():
        if path in later or (path in then and then[path] is None):
            continue
        try:
            with source.open(path) as reading:
                copied.found[path] = _copy(reading, target.root / path)
        except (PerdureError, OSError) as error:
            copied.lines.append(f"{path} could not be copied: {error}")
            continue
        digest = then.get(path)
        if digest and digest != copied.found[path][1]:
            copied.lines.append(f"{path} was changed after this point; the fork has it as it is now.")
    gone = [path for path, digest in then.items() if digest is not None and path not in copied.found]
    copied.lines += [f"{path} is not in the workspace any more; the fork does not have it." for path in gone]
    return copied


def remove_copies(target: Workspace) -> None:
    """Remove the workspace of a fork that did not come about."""
    shutil.rmtree(target.root, ignore_errors=True)


def _copy(reading: BinaryIO, target: Path) -> tuple[int, str]:
    make_private_folder(target.parent)
    digest, size = hashlib.sha256(), 0
    with open(target, "xb", opener=private) as writing:
        while chunk := reading.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    return size, digest.hexdigest()
