"""The section that a text gets: what its papers say, with references, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HEADING = "## Context and references"

_LABELS = {
    "key_findings": "Key findings",
    "methods": "Methods",
    "data_sets": "Data sets",
    "data_sources": "Data sources",
    "software": "Software",
    "keywords": "Keywords",
}
_SENTENCES = ("key_findings", "methods")
_AUTHORS_SHOWN = 5


def enhanced(text: str, papers: Sequence[dict[str, Any]], missing: Sequence[str], note: str) -> str:
    """Return the text as it is, with the section after it.

    `papers` have `id`, `file` and the fields of a summary as far as they are known; `note` says what was
    found when there are none.
    """
    parts = [HEADING]
    if not papers:
        parts.append(note)
    parts += [_paper(number, paper) for number, paper in enumerate(papers, 1)]
    if papers:
        parts.append("### References\n\n" + "\n".join(_reference(n, p) for n, p in enumerate(papers, 1)))
    if missing:
        parts.append("### Missing\n\n" + "\n".join(f"- {_line(each)}" for each in missing))
    return "\n\n".join([text, *parts]) + "\n"


def _paper(number: int, paper: dict[str, Any]) -> str:
    lines = [f"### [{number}] {_line(paper['title'])}"]
    about = " · ".join(each for each in (_authors(paper), _line(paper["date"])) if each)
    if about:
        lines.append(about)
    if paper["abstract"]:
        lines.append(_line(paper["abstract"]))
    for name, label in _LABELS.items():
        given: list[str] = paper.get(name) or []
        items = [_line(item) for item in given if item.strip()]
        if not items:
            continue
        if name in _SENTENCES:
            lines.append(f"**{label}**\n\n" + "\n".join(f"- {item}" for item in items))
        else:
            lines.append(f"**{label}:** {', '.join(items)}")
    if paper.get("whole_text") is False:
        lines.append(f"*Summarised from the first {paper['chars_read']:,} characters.*")
    return "\n\n".join(lines)


def _reference(number: int, paper: dict[str, Any]) -> str:
    link = f"https://arxiv.org/abs/{paper['id']}" if paper.get("arxiv") else paper["file"]
    parts = [_authors(paper), _line(paper["title"]), _line(paper["date"])[:4]]
    return f"{number}. {'. '.join(part.rstrip('.') for part in parts if part)}. {link}"


def _authors(paper: dict[str, Any]) -> str:
    names = [_line(name) for name in paper["authors"]]
    return ", ".join(names[:_AUTHORS_SHOWN]) + (" et al." if len(names) > _AUTHORS_SHOWN else "")


def _line(text: str) -> str:
    return " ".join(text.split())
