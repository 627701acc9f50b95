"""The files that a converted document becomes: Markdown, JSON and plain text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, cast

from perdure.agents.documents.flow import DOUBTFUL
from perdure.agents.documents.worker import ReadDocument
from perdure.errors import InvalidInput

FORMAT = "perdure.document/1"

_PAGE_BREAK = "\n\n---\n\n"


@dataclass(frozen=True, slots=True)
class Source:
    """The file that was read, as it was then."""

    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Outputs:
    """Which files are wanted."""

    markdown: bool = True
    json: bool = True
    text: bool = False

    def paths(self, source: str, folder: str) -> dict[str, str]:
        """Return the path of each file by its kind.

        The source's folders are kept below the output folder, so that two files of one name do not meet.
        """
        path = PurePosixPath(source)
        # Only the plain suffix is taken off: `a.PDF` and `a.pdf` are different files.
        stem = path.with_suffix("") if path.suffix == ".pdf" else path
        base = PurePosixPath(folder) / stem if folder else stem
        wanted = {
            "markdown": (self.markdown, ".md"),
            "json": (self.json, ".json"),
            "text": (self.text, ".txt"),
        }
        return {kind: f"{base}{suffix}" for kind, (on, suffix) in wanted.items() if on}


def contents(source: Source, document: ReadDocument, outputs: Outputs, folder: str) -> list[tuple[str, str]]:
    """Return path and content of each file; the JSON file, which says that all were written, comes last.

    Raises:
        InvalidInput: when no file is wanted.
    """
    paths = outputs.paths(source.path, folder)
    if not paths:
        raise InvalidInput("choose at least one of Markdown, JSON and text")
    found: list[tuple[str, str]] = []
    if "markdown" in paths:
        found.append(
            (paths["markdown"], _PAGE_BREAK.join(page["markdown"] for page in document.pages) + "\n")
        )
    if "text" in paths:
        found.append((paths["text"], "\n\n\f".join(page["text"] for page in document.pages) + "\n"))
    if "json" in paths:
        stored = {
            "format": FORMAT,
            "source": {"path": source.path, "sha256": source.sha256, "size_bytes": source.size_bytes},
            "engines": document.engines,
            "outputs": sorted(paths.values()),
            **summary(document.pages),
            "pages": document.pages,
        }
        found.append((paths["json"], json.dumps(stored, ensure_ascii=False, indent=1) + "\n"))
    return found


def summary(pages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the counts of a document: its pages by kind, how sure recognition was, how many lines are doubtful."""
    scans = [page for page in pages if page["kind"] == "scan"]
    scored = [
        (page["mean_confidence"], len(page["text"])) for page in scans if page["mean_confidence"] is not None
    ]
    total = sum(length for _, length in scored)
    doubtful = sum(
        line["confidence"] < DOUBTFUL
        for page in scans
        for block in page["blocks"]
        for line in block.get("lines", ())
    )
    return {
        "page_count": len(pages),
        "scanned_pages": len(scans),
        "mean_confidence": round(sum(s * n for s, n in scored) / total, 4) if total else None,
        "doubtful_lines": doubtful,
    }


def earlier_conversion(stored: str, sha256: str, wanted: Sequence[str]) -> dict[str, Any] | None:
    """Return what an earlier JSON file says of the same source, if it tells of all the files wanted now."""
    try:
        document = json.loads(stored)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    fields = cast("dict[str, Any]", document)
    source: Any = fields.get("source")
    same = (
        fields.get("format") == FORMAT
        and isinstance(source, dict)
        and cast("dict[str, Any]", source).get("sha256") == sha256
        and set(wanted) <= set(fields.get("outputs") or [])
    )
    if not same:
        return None
    keys = ("page_count", "scanned_pages", "mean_confidence", "doubtful_lines")
    return {"files": list(wanted), **{key: fields.get(key) for key in keys}}


def page_line(name: str, page: dict[str, Any], total: int) -> str:
    """Return what the console says of a page."""
    how = "text"
    if page["kind"] == "scan":
        score = page["mean_confidence"]
        how = "scanned, nothing recognised" if score is None else f"scanned, {int(score * 100) / 100:.2f}"
    turned = f", turned by {page['rotation']}°" if page["rotation"] else ""
    return f"{name}: page {page['number']} of {total}, {how}{turned}"
