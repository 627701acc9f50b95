"""Which PDF files of a workspace a task is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_NAMED = re.compile(r"[^\s\"'`<>|,;()]+\.pdf\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PdfSearch:
    """The files that were found, sorted; or the sentence that says why there are none."""

    files: list[str] = field(default_factory=list[str])
    problem: str | None = None


def find_pdfs(files: Sequence[str], paths: Sequence[str], task: str, *, max_depth: int) -> PdfSearch:
    """Return the files that `paths` name; without paths those the task names, and else all PDF files.

    A folder holds the PDF files up to `max_depth` levels below it; a path of a file is taken whatever its name.
    """
    wanted = list(paths) or _named_in(task, files)
    if not wanted:
        found = _inside("", files, max_depth)
        if not found:
            return PdfSearch(
                problem="There is no PDF file in the workspace; upload one, or name files of the workspace."
            )
        return PdfSearch(found)
    found_files: set[str] = set()
    for path in wanted:
        matched = _matching(path, files, max_depth)
        if not matched:
            return PdfSearch(problem=_missing(path, files))
        found_files.update(matched)
    return PdfSearch(sorted(found_files))


def _named_in(task: str, files: Sequence[str]) -> list[str]:
    """Return the files and folders that the task's text names, and what it names that is not there."""
    rest = task
    named: list[str] = []
    for path in sorted((path for path in files if _is_pdf(path)), key=len, reverse=True):
        # Names may hold spaces, so files that are there are looked for first.
        for name in (path, PurePosixPath(path).name):
            pattern = rf"(?<![\w/.-]){re.escape(name)}(?![\w/-])"
            if re.search(pattern, rest):
                named.append(path)
                if name == path:
                    rest = re.sub(pattern, " ", rest)
                break
    for path in named:
        rest = rest.replace(PurePosixPath(path).name, " ")
    named += _NAMED.findall(rest)
    folders = {str(parent) for path in files if _is_pdf(path) for parent in PurePosixPath(path).parents} - {
        "."
    }
    named += [
        folder for folder in sorted(folders) if re.search(rf"(?<![\w/.-]){re.escape(folder)}/(?![\w*])", rest)
    ]
    return named


def _matching(path: str, files: Sequence[str], max_depth: int) -> list[str]:
    clean = path.strip().removeprefix("./").rstrip("/")
    if clean in ("", "."):
        return _inside("", files, max_depth)
    if clean in files:
        return [clean]
    if any(mark in clean for mark in "*?"):
        pattern = _pattern(clean)
        return [file for file in files if _is_pdf(file) and pattern.fullmatch(file)]
    return _inside(clean + "/", files, max_depth)


def _inside(folder: str, files: Sequence[str], max_depth: int) -> list[str]:
    return sorted(
        file
        for file in files
        if file.startswith(folder) and _is_pdf(file) and file[len(folder) :].count("/") < max_depth
    )


def _pattern(glob: str) -> re.Pattern[str]:
    """Return a glob as a pattern: `*` stays within a folder, `**/` is any number of folders."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    marks = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(marks.get(part) or re.escape(part) for part in parts))


def _missing(path: str, files: Sequence[str]) -> str:
    if path.startswith(("/", "~")):
        return f"{path} is not a path of the workspace; upload the file, and name it as it is called there."
    there = [file for file in files if _is_pdf(file)]
    known = f"there are {', '.join(there[:5])}" if there else "it has no PDF file; upload one"
    return f"The workspace has no PDF file at {path}; {known}{', …' if len(there) > 5 else ''}."


def _is_pdf(path: str) -> bool:
    return path.lower().endswith(".pdf")
