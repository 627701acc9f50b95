"""Fetching the papers that a text names: parse it, ask arXiv which of them there are, download those."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from perdure.errors import InvalidInput
from perdure.modes.contract import RunContext, StepFailed, StepResult, StepSpec, ToolUse

FOLDER = "docs"
METADATA_FILE = f"{FOLDER}/arxiv_download_metadata.json"

_AT_ONCE = 4
_NOT_FOUND = "paper-not-found"


class PaperChoice(BaseModel):
    """Which of the papers that a text names are fetched; part of a mode's config."""

    include_bare: bool = Field(
        True,
        description="Also take identifiers without prefix and version, such as 2401.12345, if arXiv has them.",
    )
    max_papers: int = Field(50, ge=1, le=500, description="Papers fetched at most, in the order of the text.")


@dataclass(frozen=True, slots=True)
class Stages:
    """How the three steps are filed in the mode that takes them."""

    prefix: str = ""
    phase: str | None = None
    """One phase for all three; unset, each is a phase of its own."""

    async def enter(self, ctx: RunContext, name: str) -> None:
        """Enter the phase of a step."""
        await ctx.phase(self.phase or name)

    def spec(self, key: Literal["parse", "filter", "download"], name: str) -> StepSpec:
        """Describe a step."""
        return StepSpec(key=self.prefix + key, name=name, phase=self.phase or key)


async def fetch_papers(ctx: RunContext, choice: PaperChoice, stages: Stages = Stages()) -> dict[str, Any]:
    """Fetch what the task's text names, and return what came of each paper.

    `papers` has the metadata of those that are there now, each with its `file`.

    Raises:
        StepFailed: when there were papers to fetch, and not one could be.
        ToolCallFailed: when the network may not be used.
    """
    await stages.enter(ctx, "parse")
    named = await ctx.step(stages.spec("parse", "Find papers in the text"), lambda: _parse(ctx))
    asked, left_out = _chosen(named["papers"], choice)
    found: dict[str, Any] = {"papers": [], "failed": [], "unconfirmed": []}
    if asked:
        await stages.enter(ctx, "filter")
        found = await ctx.step(stages.spec("filter", "Look the papers up"), lambda: _filter(ctx, asked))
    got: dict[str, Any] = {"papers": [], "failed": []}
    if found["papers"]:
        await stages.enter(ctx, "download")
        got = await ctx.step(stages.spec("download", "Download the papers"), lambda: _download(ctx, found))
    failed = [*found["failed"], *got["failed"]]
    papers = got["papers"]
    skipped = sum(paper["skipped"] for paper in papers)
    return {
        "urls_found": named["urls"],
        "arxiv_ids": [paper["id"] for paper in named["papers"]],
        "downloads_attempted": len(papers) + len(failed),
        "downloads_successful": len(papers) - skipped,
        "downloads_skipped": skipped,
        "downloads_failed": len(failed),
        "downloaded_files": [paper["file"] for paper in papers],
        "failed_downloads": failed,
        "unconfirmed": found["unconfirmed"],
        "left_out": left_out,
        "output_directory": FOLDER,
        "metadata_file": METADATA_FILE if papers or got["failed"] else None,
        "papers": papers,
    }


def in_words(result: dict[str, Any]) -> str:
    """Say in one or two sentences what came of the papers."""
    if not result["arxiv_ids"]:
        return "The text names no arXiv paper, so nothing was downloaded."
    parts = [
        f"{count} {word}"
        for count, word in (
            (result["downloads_successful"], "downloaded"),
            (result["downloads_skipped"], "there already"),
            (result["downloads_failed"], "failed"),
            (len(result["unconfirmed"]), "not confirmed by arXiv"),
            (len(result["left_out"]), "left out"),
        )
        if count
    ]
    count = len(result["arxiv_ids"])
    named = "1 arXiv paper" if count == 1 else f"{count} arXiv papers"
    return f"The text names {named}: {', '.join(parts)}."


async def _parse(ctx: RunContext) -> StepResult:
    found = await ctx.tool("find_papers", text=ctx.task)
    return StepResult(found, f"{len(found['papers'])} named")


async def _filter(ctx: RunContext, asked: list[dict[str, Any]]) -> StepResult:
    answers = (await ctx.tool("paper_metadata", ids=[each["id"] for each in asked]))["papers"]
    papers: dict[str, dict[str, Any]] = {}
    failed: list[dict[str, Any]] = []
    unconfirmed: list[str] = []
    for each in asked:
        answer = answers[each["id"]]
        if "error" not in answer:
            papers.setdefault(answer["id"], {**answer, "named": each["id"], "certainty": each["certainty"]})
        elif answer["code"] == _NOT_FOUND and each["certainty"] == "bare":
            unconfirmed.append(each["id"])
        else:
            failed.append({"id": each["id"], "error": answer["error"]})
    await ctx.console(
        *(f"{paper['id']}: {paper['title']}" for paper in papers.values()),
        *(f"{each['id']}: {each['error']}" for each in failed),
        *(f"{id_}: arXiv has no such paper; taken for a number" for id_ in unconfirmed),
        key="papers",
    )
    if failed and not papers:
        raise StepFailed(f"No paper could be looked up. {_reasons(failed)}", failed=failed)
    checkpoint = {"papers": list(papers.values()), "failed": failed, "unconfirmed": unconfirmed}
    return StepResult(checkpoint, f"{len(papers)} of {len(asked)} found")


async def _download(ctx: RunContext, found: dict[str, Any]) -> StepResult:
    wanted: list[dict[str, Any]] = found["papers"]
    paths = [f"{FOLDER}/{paper['file_stem']}.pdf" for paper in wanted]
    outcomes = await ctx.tools(
        [
            ToolUse("download_paper", {"id": paper["id"], "path": path})
            for paper, path in zip(wanted, paths, strict=True)
        ],
        at_once=_AT_ONCE,
    )
    papers: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for paper, path, outcome in zip(wanted, paths, outcomes, strict=True):
        if outcome.ok:
            about = {name: outcome.result[name] for name in ("size", "sha256", "skipped")}
            papers.append({**paper, "file": path, **about})
        else:
            failed.append({"id": paper["id"], "error": outcome.error or "The download failed."})
    await _write_metadata(ctx, papers, [*found["failed"], *failed])
    if not papers:
        raise StepFailed(f"No paper could be downloaded. {_reasons(failed)}", failed=failed)
    return StepResult({"papers": papers, "failed": failed}, f"{len(papers)} of {len(wanted)} there")


async def _write_metadata(
    ctx: RunContext, papers: Sequence[dict[str, Any]], failed: list[dict[str, Any]]
) -> None:
    """Write what is known of the papers in the folder; those of earlier runs stay in it."""
    known: dict[str, Any] = {}
    if METADATA_FILE in await ctx.files():
        try:
            before = json.loads(await ctx.read_file(METADATA_FILE))
            known = {paper["id"]: paper for paper in before["papers"]}
        except (InvalidInput, ValueError, KeyError, TypeError):
            known = {}  # somebody wrote something else there; it is replaced
    for paper in papers:
        known[paper["id"]] = {
            name: value for name, value in paper.items() if name not in ("skipped", "file_stem")
        }
    content = {"papers": list(known.values()), "failed": failed}
    await ctx.write_file(METADATA_FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _chosen(papers: Sequence[dict[str, Any]], choice: PaperChoice) -> tuple[list[dict[str, Any]], list[str]]:
    taken = [paper for paper in papers if choice.include_bare or paper["certainty"] != "bare"]
    kept = taken[: choice.max_papers]
    ids = {paper["id"] for paper in kept}
    return kept, [paper["id"] for paper in papers if paper["id"] not in ids]


def _reasons(failed: Sequence[dict[str, Any]]) -> str:
    reasons = list(dict.fromkeys(cast("str", each["error"]) for each in failed))
    more = f" (and {len(reasons) - 3} other reasons)" if len(reasons) > 3 else ""
    return "; ".join(reasons[:3]) + more
