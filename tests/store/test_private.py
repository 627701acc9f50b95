"""What holds words, files and keys of people is made for its owner alone, whatever the umask lets others have."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from perdure.bootstrap import build
from perdure.config import load_settings
from perdure.core.access import LOCAL_ACTOR
from perdure.store.backup import back_up
from perdure.store.private import make_private_file, make_private_folder, open_to_others

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")


@pytest.fixture
def generous() -> Iterator[None]:
    """A process that lets everybody do everything with what it makes."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that everybody may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def modes(folder: Path) -> dict[str, str]:
    """Return what below a folder is open to others, with its mode."""
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in folder.rglob("*")
        if stat.S_IMODE(path.lstat().st_mode) & 0o077
    }


@pytest.mark.usefixtures("generous")
async def test_everything_a_server_makes_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    perdure = build(load_settings(data_dir=folder, durability="normal", model="openai-chat:test"))
    await perdure.start()
    try:
        session = await perdure.sessions.create(LOCAL_ACTOR, mode="one-shot")

        async def words() -> AsyncIterator[bytes]:
            yield b"private"

        await perdure.files.upload(LOCAL_ACTOR, session.id, "notes/today.md", words(), 100)
        assert (folder / "perdure.db-wal").exists()
        assert (folder / "perdure-engine.db").exists()
        assert (folder / "secret.key").exists()
        assert list((folder / "workspaces").rglob("today.md"))
        assert modes(tmp_path) == {}
        back_up(perdure.settings.url, folder, tmp_path / "copy", with_key=True)
        assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700
        assert modes(tmp_path) == {}
    finally:
        await perdure.stop()
    assert modes(tmp_path) == {}


@pytest.mark.usefixtures("generous")
def test_what_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    """An operator may have given a group access on purpose; `doctor` says so."""
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir(mode=0o750)
    file.touch(mode=0o640)
    make_private_folder(folder)
    make_private_file(file)
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(file.stat().st_mode)) == (0o750, 0o640)


def test_what_others_may_reach_is_found(reachable: Path) -> None:
    shut, open_ = reachable / "shut", reachable / "open"
    for folder, mode in ((shut, 0o700), (open_, 0o755)):
        folder.mkdir()
        folder.chmod(mode)
        for name, bits in (("readable", 0o644), ("private", 0o600)):
            (folder / name).touch()
            (folder / name).chmod(bits)
    paths = [shut, open_, shut / "readable", open_ / "readable", open_ / "private", open_ / "missing"]
    assert open_to_others(paths) == [(open_, 0o755), (open_ / "readable", 0o644)]
