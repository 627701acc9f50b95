"""Paths that try to leave the workspace, over REST and through the agents' tools, and traps that lie in it."""

from __future__ import annotations

import asyncio
import io
import os
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_ai import ModelRetry

from perdure.agents.papers.parts import Part, Source
from perdure.agents.tools.files import FILE_TOOLS
from perdure.errors import PerdureError
from perdure.services.files import FileService
from perdure.services.fork_files import copy_files
from perdure.store.archive import check_archive, zip_chunks
from perdure.store.workspace import PathOutsideWorkspace, Workspace
from tests.api.conftest import Running, running
from tests.attack.hostile_paths import ENCODED, HARMLESS, REFUSED, as_address
from tests.fakes.tool_calls import call_tool
from tests.fakes.tool_context import RecordingToolContext

CANARY = "canary-5b1c-outside"
OWN = "what is in the workspace"


class Place:
    """A data folder with a workspace in it, and canaries around that workspace."""

    def __init__(self, folder: Path, session_id: str, other: str) -> None:
        self.folder = folder
        self.other = other
        self.root = folder / "workspaces" / session_id
        self.root.mkdir(parents=True, exist_ok=True)
        for path in (
            "canary.txt",
            "workspaces/canary.txt",
            f"workspaces/{other}/private.txt",
            "out/deep/a.txt",
        ):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(CANARY)
        self._before = self._around()

    def _around(self) -> dict[str, bytes | str]:
        found: dict[str, bytes | str] = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_relative_to(self.root) or name.startswith("perdure.db"):
                continue
            found[name] = path.read_bytes() if path.is_file() else "folder"
        return found

    def assert_untouched(self) -> None:
        """Fail when anything outside the workspace is new, gone or different."""
        assert self._around() == self._before

    def workspace(self) -> Workspace:
        return Workspace(self.root)


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as served:
        yield served


@pytest.fixture
async def place(app: Running, tmp_path: Path) -> Place:
    session_id, other = (await app.create())["id"], (await app.create())["id"]
    return Place(tmp_path, session_id, other)


@pytest.fixture
def bare(tmp_path: Path) -> Place:
    """The same without a server."""
    return Place(tmp_path, "one", "two")


async def ask(
    app: Running, place: Place, method: str, rest: str, content: bytes | None = None
) -> httpx.Response:
    """Send a request whose target is exactly what is written, unlike clients that tidy it."""
    target = f"/api/sessions/{place.root.name}/files/{rest.replace('{other}', place.other)}"
    request = app.http.build_request(method, "/", content=content)
    request.extensions["target"] = target.encode("utf-8", "surrogateescape")
    return await app.http.send(request)


def assert_kept_out(place: Place, answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.request.extensions["target"]
    assert CANARY not in answer.text
    assert "root:x:" not in answer.text


async def test_the_measure_sees_a_leak(place: Place) -> None:
    (place.folder / "new").write_text("x")
    with pytest.raises(AssertionError):
        place.assert_untouched()


async def test_refused_paths_reach_nothing_over_rest(app: Running, place: Place) -> None:
    assert len(REFUSED) + len(HARMLESS) + len(ENCODED) > 120
    for number, path in enumerate(REFUSED):
        if path.endswith("/") and path != "../":
            continue  # addresses are read without the slash at their end
        for method, content in (("GET", None), ("PUT" if number % 2 else "POST", b"overwritten")):
            answer = await ask(app, place, method, as_address(path), content)
            assert_kept_out(place, answer)
            assert 400 <= answer.status_code < 500, (method, path[:80])
            assert answer.headers["content-type"] == "application/problem+json", (method, path[:80])
    assert place.workspace().list() == []
    place.assert_untouched()


async def test_odd_names_and_encodings_mean_a_file_of_the_workspace_or_nothing(
    app: Running, place: Place
) -> None:
    stored = 0
    for rest in [*ENCODED, *map(as_address, HARMLESS)]:
        answer = await ask(app, place, "PUT", rest, OWN.encode())
        assert_kept_out(place, answer)
        if answer.status_code == 201:
            stored += 1
            path = answer.json()["path"]
            assert (place.root / path).resolve().is_relative_to(place.root)
            assert (place.root / path).read_text() == OWN
        answer = await ask(app, place, "GET", rest)
        assert_kept_out(place, answer)
        assert (
            answer.status_code != 200
            or answer.text == OWN
            or answer.headers["content-type"] != "application/octet-stream"
        )
        assert "\n" not in answer.headers.get("content-disposition", "")
        assert "set-cookie" not in answer.headers
    assert stored > 20
    listed = await app.http.get(f"/api/sessions/{place.root.name}/files")
    assert len(listed.json()["files"]) == len(place.workspace().list())
    archive = await app.http.get(f"/api/sessions/{place.root.name}/files.zip")
    assert set(zipfile.ZipFile(io.BytesIO(archive.content)).namelist()) == set(place.workspace().list())
    place.assert_untouched()


PIECES = st.one_of(
    st.sampled_from(
        [
            "..",
            ".",
            "/",
            "\\",
            "%2e",
            "%2f",
            "%5c",
            "%00",
            "%25",
            "a",
            "canary.txt",
            "con",
            "~",
            ":",
            " ",
            "\u2024",
            "\uff0e",
        ]
    ),
    st.text(max_size=4),
)
PATHS = st.lists(PIECES, max_size=12).map("".join)
ONE_PLACE = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ONE_PLACE
@given(PATHS)
async def test_any_path_over_rest(app: Running, place: Place, path: str) -> None:
    for rest in (as_address(path), as_address(path).replace("%25", "%")):
        assert_kept_out(place, await ask(app, place, "PUT", rest, b"x"))
        assert_kept_out(place, await ask(app, place, "GET", rest))
    place.assert_untouched()


@ONE_PLACE
@given(PATHS)
def test_any_path_in_the_workspace(bare: Place, path: str) -> None:
    workspace = bare.workspace()
    try:
        info = workspace.write(path, OWN)
    except PathOutsideWorkspace:
        return
    finally:
        bare.assert_untouched()
    assert info.path in workspace.list()
    assert workspace.read_text(path) == OWN
    assert os.path.normpath(info.path) == info.path


async def test_tools_of_agents_refuse_the_same(tmp_path: Path) -> None:
    place = Place(tmp_path, "one", "two")
    context = RecordingToolContext(place.root)
    for path in REFUSED[::3]:  # each costs a whole agent; what they call has seen all
        for tool, more in (("read_file", {}), ("write_file", {"content": "overwritten"})):
            said = await call_tool_once(context, tool, path=path, **more)
            assert CANARY not in said, path
            assert "path" in said or "name" in said, (path, said)
    assert context.changes == []
    place.assert_untouched()


async def call_tool_once(context: RecordingToolContext, tool: str, **arguments: Any) -> str:
    """Return what the model is told, also when it is told to try again."""
    function = next(each.function for each in FILE_TOOLS.tools if each.name == tool)
    try:
        return await function(type("Context", (), {"deps": context}), **arguments)
    except ModelRetry as refused:
        return refused.message


async def test_a_model_is_told_of_a_refusal(tmp_path: Path) -> None:
    place = Place(tmp_path, "one", "two")
    (place.root / "link").symlink_to(place.folder / "canary.txt")
    (place.root / "plain.txt").write_text(OWN)
    part = await call_tool(FILE_TOOLS, RecordingToolContext(place.root), "search_files", text=CANARY)
    assert CANARY not in str(part.content).replace(f"{CANARY!r}", "")


def plant(place: Place) -> tuple[list[str], list[socket.socket]]:
    """Put every trap into the workspace that a program can make; return the paths that lead through them."""
    root, outside = place.root, place.folder
    (root / "file").symlink_to(outside / "canary.txt")
    (root / "passwd").symlink_to("/etc/passwd")
    (root / "relative").symlink_to("../../canary.txt")
    (root / "folder").symlink_to(outside / "out")
    (root / "database").symlink_to(outside)
    (root / "root").symlink_to("/")
    (root / "self").symlink_to(".")
    (root / "loop").symlink_to("loop")
    (root / "chain1").symlink_to("chain2")
    (root / "chain2").symlink_to("chain3")
    (root / "chain3").symlink_to(outside / "canary.txt")
    (root / "dangling").symlink_to(outside / "not-yet.txt")
    (root / "deep").mkdir()
    (root / "deep" / "up").symlink_to("../..")
    (root / "fd").symlink_to("/proc/self/fd")
    (root / "zero").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe")
    os.mkfifo(root / "deep" / "pipe.txt")
    listening = socket.socket(socket.AF_UNIX)
    here = os.open(root, os.O_RDONLY)
    try:
        listening.bind(f"/proc/self/fd/{here}/socket")
    finally:
        os.close(here)
    listening.listen()
    paths = [
        "file",
        "passwd",
        "relative",
        "folder",
        "folder/deep/a.txt",
        "folder/new.txt",
        "database/perdure.db",
    ]
    paths += [
        "database/canary.txt",
        "root/etc/passwd",
        "self/plain.txt",
        "loop",
        "chain1",
        "chain2",
        "dangling",
    ]
    paths += [
        "deep/up/canary.txt",
        "deep/up/up/x",
        "fd/0",
        "zero",
        "pipe",
        "deep/pipe.txt",
        "socket",
        "pipe/x",
    ]
    return paths, [listening]


async def test_traps_in_the_workspace_are_neither_followed_nor_waited_for(app: Running, place: Place) -> None:
    (place.root / "plain.txt").write_text(OWN)
    paths, held = plant(place)
    context = RecordingToolContext(place.root)
    async with asyncio.timeout(60):
        for path in paths:
            for method in ("GET", "PUT", "POST"):
                answer = await ask(app, place, method, path, None if method == "GET" else b"overwritten")
                assert_kept_out(place, answer)
                if method == "GET" or path not in {"pipe", "deep/pipe.txt", "socket"}:
                    assert answer.status_code in {404, 422}, (method, path)
            await call_tool_once(context, "read_file", path=path)
        for text in (CANARY, "root:x:"):
            said = await call_tool_once(context, "search_files", text=text)
            assert said == f"No file holds {text!r}."
        listed = (await app.http.get(f"/api/sessions/{place.root.name}/files")).json()["files"]
        archive = await app.http.get(f"/api/sessions/{place.root.name}/files.zip")
    replaced = {"pipe", "deep/pipe.txt", "socket"}  # a write puts a file in their place
    assert {file["path"] for file in listed} - replaced == {"plain.txt"}
    with zipfile.ZipFile(io.BytesIO(archive.content)) as read:
        assert set(read.namelist()) - replaced == {"plain.txt"}
    assert CANARY.encode() not in archive.content
    place.assert_untouched()
    for each in held:
        each.close()


async def test_writing_to_a_second_name_leaves_the_first_as_it_was(app: Running, place: Place) -> None:
    """A program that may make a hard link can read the file itself; nobody writes through it."""
    (place.root / "second.txt").hardlink_to(place.folder / "canary.txt")
    assert (await ask(app, place, "PUT", "second.txt", b"overwritten")).status_code == 201
    place.workspace().write("second.txt", "once more")
    place.assert_untouched()


async def test_names_that_differ_in_case_are_different_files(app: Running, place: Place) -> None:
    for name in ("Notes.md", "notes.md", "NOTES.MD"):
        assert (await ask(app, place, "PUT", name, name.encode())).status_code == 201
    for name in ("Notes.md", "notes.md", "NOTES.MD"):
        assert (await ask(app, place, "GET", name)).text == name


def swap(place: Place) -> None:
    """Put a link to the outside where a folder of the workspace was."""
    if not (place.root / "d").is_symlink():
        (place.root / "d").rename(place.root / "real")
        (place.root / "d").symlink_to(place.folder / "out")


def unswap(place: Place) -> None:
    (place.root / "d").unlink()
    (place.root / "real").rename(place.root / "d")


USES: dict[str, Callable[[Workspace], object]] = {
    "read": lambda workspace: workspace.read_bytes("d/deep/a.txt"),
    "info": lambda workspace: workspace.info("d/deep/a.txt"),
    "open": lambda workspace: workspace.open("d/deep/a.txt").close(),
    "replace": lambda workspace: workspace.write("d/deep/a.txt", "overwritten"),
    "create": lambda workspace: workspace.write("d/deep/new.txt", "new"),
    "make": lambda workspace: workspace.write("d/other/new.txt", "new"),
}


@pytest.mark.parametrize("use", USES)
def test_a_folder_that_becomes_a_link_after_the_check_leads_nowhere(
    bare: Place, use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = bare.workspace()
    workspace.write("d/deep/a.txt", OWN)
    checked = Workspace._resolve

    def check(self: Workspace, path: str) -> Path:
        target = checked(self, path)
        swap(bare)
        return target

    monkeypatch.setattr(Workspace, "_resolve", check)
    with pytest.raises(PerdureError) as refused:
        USES[use](workspace)
    assert refused.value.code in {"path-outside-workspace", "file-not-found"}
    bare.assert_untouched()
    monkeypatch.undo()
    unswap(bare)
    assert workspace.read_text("d/deep/a.txt") == OWN


@pytest.mark.parametrize("kind", ["file", "folder"])
async def test_a_download_is_of_the_file_that_was_checked(
    app: Running, place: Place, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    place.workspace().write("d/deep/a.txt", OWN)
    opened = FileService.open

    async def open_then_swap(self: FileService, *arguments: Any) -> Any:
        found = await opened(self, *arguments)
        if kind == "folder":
            swap(place)
        else:
            (place.root / "d/deep/a.txt").unlink()
            (place.root / "d/deep/a.txt").symlink_to(place.folder / "canary.txt")
        return found

    monkeypatch.setattr(FileService, "open", open_then_swap)
    answer = await ask(app, place, "GET", "d/deep/a.txt")
    assert (answer.status_code, answer.text) == (200, OWN)
    monkeypatch.undo()
    assert (await ask(app, place, "GET", "d/deep/a.txt")).status_code == 422


async def test_parts_of_a_download_and_no_more_are_sent(app: Running, place: Place) -> None:
    place.workspace().write("a.txt", "0123456789")
    url = f"/api/sessions/{place.root.name}/files/a.txt"
    for asked, status, body in (
        ("bytes=2-4", 206, "234"),
        ("bytes=-3", 206, "789"),
        ("bytes=0-99999", 206, "0123456789"),
        ("bytes=99-", 416, None),
        ("lines=1-2", 400, None),
        ("bytes=5-1", 400, None),
    ):
        answer = await app.http.get(url, headers={"Range": asked})
        assert answer.status_code == status, asked
        assert body is None or answer.text == body
    several = await app.http.get(url, headers={"Range": "bytes=0-1,5-6"})
    assert several.status_code == 206
    assert "56" in several.text
    assert "789" not in several.text
    assert (await app.http.get(url)).text == "0123456789"


_SWAPPER = """
import os, sys
os.chdir(sys.argv[1])
print("ready", flush=True)
while True:
    os.rename("d", "real"); os.rename("link", "d")
    os.rename("d", "link"); os.rename("real", "d")
    os.rename("f", "f.real"); os.rename("f.link", "f")
    os.rename("f", "f.link"); os.rename("f.real", "f")
"""


@contextmanager
def swapping(place: Place) -> Iterator[None]:
    """Let another process exchange a folder and a file with links to the outside, without end."""
    place.workspace().write("d/deep/a.txt", OWN)
    place.workspace().write("f", OWN)
    (place.root / "link").symlink_to(place.folder / "out")
    (place.root / "f.link").symlink_to(place.folder / "canary.txt")
    with subprocess.Popen([sys.executable, "-c", _SWAPPER, place.root], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()


def test_a_program_that_exchanges_files_with_links_gets_nobody_outside(bare: Place) -> None:
    workspace = bare.workspace()
    with swapping(bare):
        for number in range(400):
            for path in ("d/deep/a.txt", "f"):
                try:
                    assert workspace.read_text(path) in {OWN, "written"}
                except PerdureError:
                    continue
            try:
                workspace.write(f"d/deep/{number % 5}.txt", "written")
            except PerdureError:
                continue
        for _ in range(20):
            assert workspace.search(CANARY) == []
            assert all(not path.startswith(("f.link", "link")) for path in workspace.list())
            archive = b"".join(zip_chunks(workspace, check_archive(workspace)))
            with zipfile.ZipFile(io.BytesIO(archive)) as read:
                assert all(CANARY.encode() not in read.read(name) for name in read.namelist())
    bare.assert_untouched()


def test_a_fork_copies_no_link_that_came_in_between(
    bare: Place, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with swapping(bare):
        for number in range(20):
            target = Workspace(tmp_path_factory.mktemp(f"fork{number}"))
            copy_files(bare.workspace(), target, {}, set())
            for path in target.list():
                assert CANARY not in target.read_text(path)
    bare.assert_untouched()


def test_what_a_download_remembers_is_no_trap(bare: Place) -> None:
    """Programs know the names of the files behind a download of a paper, and may have put others there."""
    workspace = bare.workspace()
    part = Part(workspace, "papers/x.pdf")
    part.begin(Source("https://example.org/x", "mark", 10))
    part.append(b"12345")
    folder = bare.root / ".perdure-papers"
    for file in folder.iterdir():
        file.unlink()
        os.mkfifo(file)
    (record,) = {file.with_suffix(".json") for file in folder.iterdir()}
    os.mkfifo(record)
    done = threading.Event()

    def use() -> None:
        assert part.kept("x") is None
        assert part.so_far("https://example.org/x") == (0, None)
        with pytest.raises(PathOutsideWorkspace):
            part.read()
        with pytest.raises(PathOutsideWorkspace):
            part.finish("x", b"12345")
        part.begin(None)
        part.append(b"12345")
        assert part.read() == b"12345"
        done.set()

    threading.Thread(target=use, daemon=True).start()
    assert done.wait(20), "a pipe held the reader"
    for file in list(folder.iterdir()):
        file.unlink()
    folder.rmdir()
    folder.symlink_to(bare.folder / "out")
    for use_it in (lambda: part.append(b"x"), lambda: part.begin(Source("u", "m", 1)), part.read, part.drop):
        with pytest.raises(PathOutsideWorkspace):
            use_it()
    bare.assert_untouched()
