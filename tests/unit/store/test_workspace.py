"""The workspace keeps every path inside its folder and every write whole."""

from __future__ import annotations

import hashlib
import os
import resource
from pathlib import Path

import pytest

from perdure.errors import StorageUnavailable
from perdure.store.workspace import (
    FileMissing,
    FileTooLarge,
    NotText,
    PathOutsideWorkspace,
    Workspace,
    media_type,
)

ATTACKS = [
    "",
    ".",
    "./",
    "..",
    "../x",
    "a/../../x",
    "a/..",
    "a/../b",
    "/etc/passwd",
    "//etc/passwd",
    "~/x",
    "~root/x",
    "a//b",
    "a/",
    "a\\..\\b",
    "..\\x",
    "C:\\x",
    "C:/x",
    "a\x00b",
    "a\nb",
    "a\x7fb",
    "con",
    "CON.txt",
    "dir/nul",
    "LPT1.md",
    " a",
    "a ",
    "a/ b",
    "a.",
    "...",
    "x:y",
    "a*b",
    "a?b",
    "<a>",
    "a|b",
    ".perdure-abc",
    "x" * 256,
    "é" * 128,
    "a/" * 600 + "b",
    "\ud800",
    "/proc/self/environ",
    "....//x",
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work")


class TestJail:
    @pytest.mark.parametrize("path", ATTACKS, ids=lambda path: ascii(path)[:30])
    def test_refuses_a_path_that_is_not_plain(self, workspace: Workspace, path: str) -> None:
        outside = set(workspace.root.parent.iterdir())

        for use in (
            lambda: workspace.write(path, "x"),
            lambda: workspace.read_bytes(path),
            lambda: workspace.info(path),
        ):
            with pytest.raises(PathOutsideWorkspace) as refused:
                use()
            assert refused.value.code == "path-outside-workspace"

        assert workspace.list() == []
        assert set(workspace.root.parent.iterdir()) == outside

    def test_a_link_to_a_file_outside_is_neither_read_nor_replaced(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        secret = tmp_path / "secret"
        secret.write_text("key")
        (workspace.root / "link").symlink_to(secret)

        for use in (lambda: workspace.read_text("link"), lambda: workspace.write("link", "x")):
            with pytest.raises(PathOutsideWorkspace):
                use()

        assert secret.read_text() == "key"
        assert workspace.list() == []

    def test_a_linked_folder_leads_nowhere(self, workspace: Workspace, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (workspace.root / "out").symlink_to(outside)

        for path in ("out/x", "out/deep/x"):
            with pytest.raises(PathOutsideWorkspace):
                workspace.write(path, "x")

        assert list(outside.iterdir()) == []

    def test_a_dangling_or_inner_link_is_refused_too(self, workspace: Workspace) -> None:
        workspace.write("real.txt", "x")
        (workspace.root / "inner").symlink_to("real.txt")
        (workspace.root / "dangling").symlink_to("nowhere")

        for path in ("inner", "dangling"):
            with pytest.raises(PathOutsideWorkspace):
                workspace.read_bytes(path)

    def test_search_does_not_look_through_links(self, workspace: Workspace, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("key")
        (workspace.root / "link").symlink_to(tmp_path / "secret")

        assert workspace.search("key") == []

    def test_a_pipe_does_not_hang_the_reader(self, workspace: Workspace) -> None:
        os.mkfifo(workspace.root / "pipe")

        with pytest.raises(PathOutsideWorkspace):
            workspace.read_bytes("pipe")

    def test_a_root_given_through_a_link_still_works(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "alias").symlink_to("real")

        assert Workspace(tmp_path / "alias").write("a.md", "x").created


class TestWrite:
    def test_says_what_it_did(self, workspace: Workspace) -> None:
        first = workspace.write("notes/plan.md", "# Plan\n")
        again = workspace.write("notes/plan.md", b"# Plan\n")
        other = workspace.write("notes/plan.md", "# Plan B\n")

        assert (first.path, first.size_bytes, first.media_type) == ("notes/plan.md", 7, "text/markdown")
        assert first.sha256 == hashlib.sha256(b"# Plan\n").hexdigest()
        assert (first.created, first.changed) == (True, True)
        assert (again.created, again.changed, again.sha256) == (False, False, first.sha256)
        assert (other.created, other.changed) == (False, True)

    def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace.write("a.md", "old")

        def full_disk(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full_disk)
        with pytest.raises(StorageUnavailable, match="No space"):
            workspace.write("a.md", "new")

        assert workspace.read_text("a.md") == "old"
        assert [path.name for path in workspace.root.iterdir()] == ["a.md"]

    def test_refuses_more_than_the_limit(self, tmp_path: Path) -> None:
        workspace = Workspace(tmp_path / "work", max_file_bytes=3)
        workspace.write("a", "abc")

        with pytest.raises(FileTooLarge) as refused:
            workspace.write("a", "abcd")

        assert refused.value.fields["limit_bytes"] == 3
        assert workspace.read_text("a") == "abc"

    def test_a_file_that_grew_by_other_means_is_not_read_whole(self, tmp_path: Path) -> None:
        workspace = Workspace(tmp_path / "work", max_file_bytes=3)
        (workspace.root / "a").write_text("abcd")

        with pytest.raises(FileTooLarge):
            workspace.read_bytes("a")

    def test_refuses_a_folder_and_a_path_through_a_file(self, workspace: Workspace) -> None:
        workspace.write("folder/a.md", "x")

        for path in ("folder", "folder/a.md/b.md"):
            with pytest.raises(PathOutsideWorkspace):
                workspace.write(path, "x")


class TestRead:
    def test_lists_plain_files_sorted(self, workspace: Workspace) -> None:
        for path in ("b.md", "a/z.txt", "a.md"):
            workspace.write(path, "x")
        (workspace.root / ".perdure-unfinished").write_text("half")

        assert workspace.list() == ["a.md", "a/z.txt", "b.md"]

    def test_dots_in_the_path_mean_the_same_file(self, workspace: Workspace) -> None:
        workspace.write("./a/./b.md", "x")

        assert workspace.info("a/b.md").path == "a/b.md"

    def test_cuts_text_at_the_limit(self, workspace: Workspace) -> None:
        workspace.write("a.md", "grün ist grün")

        assert workspace.read_text("a.md", 4) == "grün"

    def test_tells_missing_from_not_text(self, workspace: Workspace) -> None:
        workspace.write("a.bin", b"\xff\xfe\x00")

        with pytest.raises(FileMissing):
            workspace.read_text("b.md")
        with pytest.raises(NotText):
            workspace.read_text("a.bin")

    def test_search_finds_lines_and_passes_over_binaries(self, workspace: Workspace) -> None:
        workspace.write("a.md", "one\n  Two words\n")
        workspace.write("b.bin", b"\xfftwo")
        workspace.write("c/d.md", "TWO\ntwo")

        found = [(hit.path, hit.line, hit.text) for hit in workspace.search("two")]

        assert found == [("a.md", 2, "Two words"), ("c/d.md", 1, "TWO"), ("c/d.md", 2, "two")]
        assert len(workspace.search("two", limit=1)) == 1
        assert workspace.search("") == []

    def test_names_suggest_media_types(self) -> None:
        assert [media_type(name) for name in ("a.md", "a.json", "a.PNG", "a.unheard-of")] == [
            "text/markdown",
            "application/json",
            "image/png",
            "application/octet-stream",
        ]


def test_a_file_that_the_disk_does_not_take_leaves_the_old_one(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "files")
    workspace.write("plan.md", "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageUnavailable, match=r"'plan\.md' cannot be stored now .*Make room"):
            workspace.write("plan.md", "x" * 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert workspace.read_text("plan.md") == "old"
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["plan.md"]
