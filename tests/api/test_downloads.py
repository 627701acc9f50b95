"""Everything of a session at once: its files as an archive, its console as a text."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from uuid import uuid4

import pytest

from perdure.core.events import Console, NewEvent
from perdure.store.archive import WorkspaceTooLarge, check_archive, zip_chunks
from perdure.store.workspace import Workspace
from tests.api.conftest import Running

FILES = {
    "notes/facts.md": b"# Facts\n",
    "big.bin": bytes(range(256)) * 5000,
    "empty.txt": b"",
    "größe.txt": b"9",
}


async def test_a_workspace_is_downloaded_as_one_archive(app: Running) -> None:
    session = await app.create()
    for path, content in FILES.items():
        answer = await app.http.put(f"/api/sessions/{session['id']}/files/{path}", content=content)
        assert answer.status_code == 201
    answer = await app.http.get(f"/api/sessions/{session['id']}/files.zip")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert "content-length" not in answer.headers
    assert answer.headers["content-disposition"] == f'attachment; filename="{session["id"]}.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == FILES


async def test_an_empty_workspace_gives_an_empty_archive(app: Running) -> None:
    session = await app.create()
    answer = await app.http.get(f"/api/sessions/{session['id']}/files.zip")
    assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist() == []


async def test_there_is_no_archive_and_no_console_of_an_unknown_session(app: Running) -> None:
    for what in ("files.zip", "console.log"):
        answer = await app.http.get(f"/api/sessions/{uuid4()}/{what}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


async def test_the_whole_console_is_a_text_without_colours(app: Running) -> None:
    session = await app.create()
    lines = [f"line {number} \x1b[31mred\x1b[0m \x1b]0;title\x07end" for number in range(2500)]
    await app.perdure.store.append(
        session["id"], [NewEvent.of(Console(stream="stdout", lines=[line])) for line in lines]
    )
    answer = await app.http.get(f"/api/sessions/{session['id']}/console.log")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    told = answer.text.splitlines()
    assert [line.split("Z ", 1)[1] for line in told] == [f"stdout line {n} red end" for n in range(2500)]


def test_an_archive_that_would_be_too_large_is_refused_before_it_begins(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.write("a.txt", b"x" * 600)
    workspace.write("b.txt", b"x" * 600)
    assert check_archive(workspace, max_bytes=1200, max_files=2) == ["a.txt", "b.txt"]
    for limits in ({"max_bytes": 1199}, {"max_files": 1}):
        with pytest.raises(WorkspaceTooLarge):
            check_archive(workspace, **limits)


def test_an_archive_comes_in_pieces_and_without_what_is_gone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    noise = b"".join((number * 2654435761 % 2**32).to_bytes(4, "big") for number in range(500_000))
    workspace.write("noise.bin", noise)
    workspace.write("gone.txt", b"soon")
    pieces: list[bytes] = []
    for piece in zip_chunks(workspace, ["noise.bin", "gone.txt"]):
        pieces.append(piece)
        (workspace.root / "gone.txt").unlink(missing_ok=True)
    assert max(len(piece) for piece in pieces) < 600_000
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.namelist() == ["noise.bin"]
        assert archive.read("noise.bin") == noise


def test_a_link_in_a_workspace_is_not_followed_into_the_archive(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    workspace = Workspace(tmp_path / "w")
    workspace.write("a.txt", b"a")
    (workspace.root / "link").symlink_to(tmp_path / "secret")
    content = b"".join(zip_chunks(workspace, [*check_archive(workspace), "link"]))
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["a.txt"]
