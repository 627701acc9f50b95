"""The lock files name what is installed by hash alone: no host, no address, nothing unpinned."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON_LOCKS = sorted((ROOT / "locks").glob("*.txt"))
NPM_LOCKS = [ROOT / "ui" / "package-lock.json", ROOT / "ui" / "codegen" / "package-lock.json"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}(?: \\)?")
PIN = re.compile(r"[a-z0-9][a-z0-9.-]*==[^ ;]+( ; .+)? \\")


def test_every_lock_is_there() -> None:
    assert {path.stem for path in PYTHON_LOCKS} == {"uv", "run", "test", "model", "smollm"}


@pytest.mark.parametrize("path", PYTHON_LOCKS, ids=lambda path: path.stem)
def test_python_lock_holds_pins_and_hashes_only(path: Path) -> None:
    requirements = re.split(r"\n(?=\S)", path.read_text().strip())
    assert requirements
    for requirement in requirements:
        pin, *hashes = requirement.splitlines()
        assert PIN.fullmatch(pin), pin
        assert hashes, pin
        assert all(HASH.fullmatch(line.strip()) for line in hashes), pin


@pytest.mark.parametrize("path", NPM_LOCKS, ids=lambda path: path.parent.name)
def test_npm_lock_has_integrity_and_no_address(path: Path) -> None:
    packages = json.loads(path.read_text())["packages"]
    for name, package in packages.items():
        package.pop("funding", None)
        assert "://" not in json.dumps(package), name
        assert name == "" or package["integrity"].startswith("sha512-"), name


def test_npm_lock_holds_the_binaries_of_other_platforms() -> None:
    """npm drops them when a lock is patched rather than made anew, and `npm ci` then fails elsewhere."""
    packages = json.loads(NPM_LOCKS[0].read_text())["packages"]
    platforms = {
        name.rpartition("/")[2] for name in packages if name.startswith("node_modules/@rolldown/binding-")
    }
    assert {"binding-linux-x64-gnu", "binding-linux-arm64-gnu", "binding-darwin-arm64"} <= platforms


def test_tests_run_on_what_users_run_on() -> None:
    run, test = (_pins(ROOT / "locks" / f"{name}.txt") for name in ("run", "test"))
    assert run.items() <= test.items()


def test_the_checkout_names_no_package_source() -> None:
    tracked = ["*.toml", "*.npmrc", "locks/*", "dev", "tools/*", ".ci/*"]
    command = ["git", "grep", "-nIE", "index-url|find-links|registry *=", "--", *tracked]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.stdout == ""


def _pins(path: Path) -> dict[str, str]:
    pairs = re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^ ;]+)", path.read_text(), re.MULTILINE)
    return dict(pairs)
