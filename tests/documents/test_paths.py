"""Which files a task is about."""

from __future__ import annotations

import pytest

from perdure.modes.pdf_paths import find_pdfs

FILES = [
    "a.pdf",
    "B.PDF",
    "notes.md",
    "papers/heat.pdf",
    "papers/old/deep/down.pdf",
    "papers/two words.pdf",
    "scans/page 1.pdf",
]


def found(*paths: str, task: str = "Convert", max_depth: int = 10) -> list[str]:
    search = find_pdfs(FILES, paths, task, max_depth=max_depth)
    assert search.problem is None
    return search.files


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a.pdf"], ["a.pdf"]),
        (["./a.pdf", "a.pdf"], ["a.pdf"]),
        (["notes.md"], ["notes.md"]),
        (["papers"], ["papers/heat.pdf", "papers/old/deep/down.pdf", "papers/two words.pdf"]),
        (["papers/"], ["papers/heat.pdf", "papers/old/deep/down.pdf", "papers/two words.pdf"]),
        (["papers/*.pdf"], ["papers/heat.pdf", "papers/two words.pdf"]),
        (["**/*.pdf"], [path for path in FILES if path.endswith(".pdf")]),
        (["papers/**"], ["papers/heat.pdf", "papers/old/deep/down.pdf", "papers/two words.pdf"]),
        (["?.pdf"], ["a.pdf"]),
        (["."], [path for path in FILES if path != "notes.md"]),
        (["scans", "a.pdf"], ["a.pdf", "scans/page 1.pdf"]),
    ],
)
def test_paths_folders_and_patterns(paths: list[str], expected: list[str]) -> None:
    assert found(*paths) == sorted(expected)


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("Convert all my files", [path for path in FILES if path != "notes.md"]),
        ("Please convert papers/heat.pdf.", ["papers/heat.pdf"]),
        ("Convert heat.pdf and B.PDF", ["B.PDF", "papers/heat.pdf"]),
        ("convert 'papers/two words.pdf' for me", ["papers/two words.pdf"]),
        ("Everything in scans/, please", ["scans/page 1.pdf"]),
        ("only page 1.pdf", ["scans/page 1.pdf"]),
    ],
)
def test_what_the_task_names(task: str, expected: list[str]) -> None:
    assert found(task=task) == sorted(expected)


def test_a_folder_is_searched_to_its_depth() -> None:
    assert "papers/old/deep/down.pdf" not in found("papers", max_depth=2)
    assert "papers/old/deep/down.pdf" in found("papers", max_depth=3)
    assert found(max_depth=1) == ["B.PDF", "a.pdf"]


@pytest.mark.parametrize(
    ("paths", "task", "said"),
    [
        (["absent.pdf"], "x", "no PDF file at absent.pdf; there are a.pdf, B.PDF, papers/heat.pdf"),
        (["absent/*.pdf"], "x", "no PDF file at absent/*.pdf"),
        (["/etc/secret.pdf"], "x", "/etc/secret.pdf is not a path of the workspace; upload the file"),
        (["~/a.pdf"], "x", "~/a.pdf is not a path of the workspace"),
        (["../a.pdf"], "x", "no PDF file at ../a.pdf"),
        ([], "Convert report.pdf", "no PDF file at report.pdf"),
        ([], "Convert ~/papers/heat.pdf", "~/papers/heat.pdf is not a path of the workspace"),
        ([], "Convert a.pdf and report.pdf", "no PDF file at report.pdf"),
    ],
)
def test_what_is_not_there_is_named(paths: list[str], task: str, said: str) -> None:
    search = find_pdfs(FILES, paths, task, max_depth=10)
    assert search.files == []
    assert said in (search.problem or "")


def test_an_empty_workspace_says_what_to_do() -> None:
    for paths in ([], ["."]):
        problem = find_pdfs(["notes.md"], paths, "Convert all", max_depth=10).problem
        assert problem is not None
        assert "upload one" in problem
