"""Turn installed data packages into one verified weights file.

A file with the final name is always whole and verified: it appears by a rename, after its hash matched.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import BinaryIO

from perdure.agents.local.specs import WeightsSpec
from perdure.errors import InvalidInput, Unavailable
from perdure.store.private import make_private_folder

_CHUNK_BYTES = 4 * 1024 * 1024
_MAGIC = b"GGUF"

Progress = Callable[[float], None]
"""Called with the share done, from 0 to 1."""


class WeightsMissing(Unavailable):
    """The packages that carry the model's weights are not installed."""

    code = "model-weights-missing"


class WeightsDamaged(Unavailable):
    """The assembled file is not the one that was published; it was not kept."""

    code = "model-weights-damaged"


class NoRoomForWeights(Unavailable):
    """The disk has too little room for the assembled file."""

    code = "model-weights-no-room"


class BadModelFile(InvalidInput):
    """The file given as model is not there or is no GGUF file."""

    code = "model-file-invalid"


def find_parts(spec: WeightsSpec) -> list[Path]:
    """Return the paths of the carried files, in order, without importing the packages that carry them.

    Raises:
        WeightsMissing: at least one package or file is not installed.
    """
    parts: list[Path] = []
    for package, name in spec.files:
        found = importlib.util.find_spec(package)
        folders = list(found.submodule_search_locations or []) if found else []
        path = next((Path(folder, name) for folder in folders if Path(folder, name).is_file()), None)
        if path is None:
            raise WeightsMissing(
                f"the {spec.label} is not installed: install {spec.install}", package=package
            )
        parts.append(path)
    return parts


def is_installed(spec: WeightsSpec) -> bool:
    """Whether every part of the weights is installed; their content is not looked at."""
    try:
        find_parts(spec)
    except WeightsMissing:
        return False
    return True


def prepare(spec: WeightsSpec, folder: Path, progress: Progress = lambda share: None) -> Path:
    """Return the verified weights file, assembling it in `folder` when it is not there yet.

    Blocks for seconds. Several processes may call this at once: one works, the others wait for it. A call
    that is interrupted leaves nothing that a later one would take for the model. Weights that come as one
    file are verified and used where they are.

    Raises:
        WeightsMissing: a package is not installed.
        WeightsDamaged: the bytes do not hash to the published value.
        NoRoomForWeights: the disk is too full.
    """
    parts = find_parts(spec)
    make_private_folder(folder)
    with _only_one(folder / f"{spec.model_id}.lock"):
        if len(parts) == 1:
            _verify(spec, parts[0], folder, progress)
            return parts[0]
        target = folder / f"{spec.model_id}.gguf"
        if target.exists():
            with contextlib.suppress(WeightsDamaged):
                _verify(spec, target, folder, progress)
                return target
        _assemble(spec, parts, target, progress)
        _remember(spec, target, folder)
        return target


def check_model_file(path: Path) -> Path:
    """Return the absolute path of a user's own model file.

    Raises:
        BadModelFile: it cannot be read or does not begin like a GGUF file.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise BadModelFile(f"cannot read the model file {str(path)!r}: {error.strerror}") from error
    if magic != _MAGIC:
        raise BadModelFile(f"{str(path)!r} is not a GGUF model file")
    return path.resolve()


def _assemble(spec: WeightsSpec, parts: list[Path], target: Path, progress: Progress) -> None:
    partial = target.with_suffix(".partial")
    free_bytes = shutil.disk_usage(target.parent).free + (partial.stat().st_size if partial.exists() else 0)
    if free_bytes < spec.size_bytes:
        needed = f"{spec.size_bytes / 1e9:.1f} GB"
        raise NoRoomForWeights(f"the {spec.label} needs {needed} free in {str(target.parent)!r}")
    try:
        with partial.open("wb") as out:
            sha256 = _copy(parts, out, spec.size_bytes, progress)
            out.flush()
            os.fsync(out.fileno())
        if sha256 != spec.sha256:
            raise WeightsDamaged(
                f"the installed parts of the {spec.label} are damaged: reinstall {spec.install}",
                expected=spec.sha256,
                found=sha256,
            )
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy(parts: list[Path], out: BinaryIO, size_bytes: int, progress: Progress) -> str:
    digest = hashlib.sha256()
    done = 0
    for part in parts:
        with part.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                out.write(chunk)
                done += len(chunk)
                progress(min(1.0, done / size_bytes))
    return digest.hexdigest()


def _verify(spec: WeightsSpec, path: Path, folder: Path, progress: Progress) -> None:
    if _is_remembered(spec, path, folder):
        return
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            progress(min(1.0, done / spec.size_bytes))
    if digest.hexdigest() != spec.sha256:
        raise WeightsDamaged(
            f"the installed {spec.label} is damaged: reinstall {spec.install}",
            expected=spec.sha256,
            found=digest.hexdigest(),
        )
    _remember(spec, path, folder)


def _fingerprint(spec: WeightsSpec, path: Path) -> dict[str, object]:
    status = path.stat()
    return {
        "sha256": spec.sha256,
        "path": str(path),
        "size_bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "inode": status.st_ino,
    }


def _remember(spec: WeightsSpec, path: Path, folder: Path) -> None:
    (folder / f"{spec.model_id}.verified").write_text(json.dumps(_fingerprint(spec, path)))


def _is_remembered(spec: WeightsSpec, path: Path, folder: Path) -> bool:
    try:
        return json.loads((folder / f"{spec.model_id}.verified").read_text()) == _fingerprint(spec, path)
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def _only_one(path: Path) -> Generator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
