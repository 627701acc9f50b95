"""Archives that go out: whatever a program left in the workspace, they can be unpacked without harm."""

from __future__ import annotations

import io
import os
import shutil
import socket
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perdure.api.app import describe_app
from perdure.store.archive import WorkspaceTooLarge, check_archive, zip_chunks
from perdure.store.workspace import Workspace
from tests.attack.hostile_paths import HARMLESS, REFUSED

NAMES = [name for name in (*HARMLESS, *REFUSED) if "/" not in name and name not in {"", ".", ".."}]


def archive_of(workspace: Workspace) -> zipfile.ZipFile:
    """Return the archive, read back whole."""
    read = zipfile.ZipFile(io.BytesIO(b"".join(zip_chunks(workspace, check_archive(workspace)))))
    assert read.testzip() is None
    return read


def assert_safe(read: zipfile.ZipFile) -> None:
    """Fail on an entry that any unpacker puts outside its folder, or makes anything but a plain file of."""
    names = read.namelist()
    assert len(names) == len(set(names))
    for entry in read.infolist():
        name = entry.filename
        assert entry.orig_filename == name
        assert not PurePosixPath(name).is_absolute(), name
        assert not PureWindowsPath(name).is_absolute(), name
        assert not PureWindowsPath(name).drive, name
        assert ".." not in PurePosixPath(name).parts, name
        assert ".." not in PureWindowsPath(name).parts, name
        assert not any(ord(character) < 32 for character in name), name
        assert not entry.is_dir(), name
        assert stat.S_IFMT(entry.external_attr >> 16) in {0, stat.S_IFREG}, name
        assert entry.external_attr >> 16 & 0o7133 == 0, name


def leave(root: Path, name: str) -> None:
    """Put a file under a name as a program would, where the file system takes it."""
    try:
        (root / name).write_text("x")
    except (OSError, ValueError):  # too long, or a NUL
        return


def test_names_that_programs_leave_are_safe_to_unpack(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    for name in NAMES:
        leave(workspace.root, name)
    (workspace.root / "sub").mkdir()
    for raw in (b"\xff\xfe", b"..\\up", b"C:\\x", b"a\nb", b"\\\\host\\share"):
        Path(os.fsdecode(os.fsencode(workspace.root / "sub") + b"/" + raw)).write_text("x")
    (workspace.root / "suid").write_text("x")
    (workspace.root / "suid").chmod(0o6777)
    (workspace.root / "link").symlink_to("/etc/passwd")
    (workspace.root / "folder").symlink_to("/etc")
    os.mkfifo(workspace.root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(workspace.root, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
        with archive_of(workspace) as read:
            assert_safe(read)
            assert len(read.namelist()) > 15
            assert not {"link", "folder/passwd", "pipe", "socket"} & set(read.namelist())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(min_size=1, max_size=12).filter(lambda name: "/" not in name), max_size=6, unique=True)
)
def test_any_names_are_safe_to_unpack(tmp_path: Path, names: list[str]) -> None:
    workspace = Workspace(tmp_path / "w")
    for name in names:
        if name not in {".", ".."} and name.isprintable():
            leave(workspace.root, name)
    with archive_of(workspace) as read:
        assert_safe(read)
    shutil.rmtree(workspace.root)


@pytest.mark.skipif(shutil.which("unzip") is None, reason="this machine has no other unpacker")
def test_another_unpacker_puts_every_file_below_its_folder(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    for name in HARMLESS:
        if "/" not in name:
            leave(workspace.root, name)
    (tmp_path / "a.zip").write_bytes(b"".join(zip_chunks(workspace, check_archive(workspace))))
    (tmp_path / "out").mkdir()
    subprocess.run(["unzip", "-q", "-o", "../a.zip"], cwd=tmp_path / "out", check=True, timeout=60)
    assert {path.name for path in tmp_path.iterdir()} == {"w", "a.zip", "out"}
    assert len(list((tmp_path / "out").iterdir())) == len(workspace.list())


def test_what_grows_while_it_is_sent_ends_at_what_it_was(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.write("log.txt", os.urandom(600_000))
    content = b""
    for number, chunk in enumerate(zip_chunks(workspace, ["log.txt"])):
        content += chunk
        assert number < 100, "the archive does not end"
        with (workspace.root / "log.txt").open("ab") as file:
            file.write(os.urandom(300_000))
    assert zipfile.ZipFile(io.BytesIO(content)).getinfo("log.txt").file_size == 600_000


def test_files_that_are_large_but_empty_count_by_what_a_reader_gets(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    with (workspace.root / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(WorkspaceTooLarge):
        check_archive(workspace)


def test_archives_that_come_in_are_kept_as_files_and_never_opened(tmp_path: Path) -> None:
    """There is no way to import one; the day there is, it needs the limits of its own."""
    uploads = [
        path
        for path, methods in describe_app()["paths"].items()
        for method, told in methods.items()
        if method in {"post", "put", "patch"}
        and "application/json" not in told.get("requestBody", {}).get("content", {"application/json": 1})
    ]
    assert set(uploads) == {"/api/sessions/{session_id}/files/{path}"}
    workspace = Workspace(tmp_path / "w")
    packed, taped = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../escaped.txt", "x")
    with tarfile.open(fileobj=taped, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../escaped.txt"))
    workspace.write("evil.zip", packed.getvalue())
    workspace.write("evil.tar", taped.getvalue())
    assert workspace.list() == ["evil.tar", "evil.zip"]
    assert {path.name for path in tmp_path.iterdir()} == {"w"}
