"""Adding to a text what the papers it names say."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar

from pydantic import Field

from perdure.errors import InvalidInput
from perdure.modes.contract import (
    ModeConfig,
    ModelCallFailed,
    ModeSpec,
    RunContext,
    StepFailed,
    StepResult,
    StepSpec,
    ToolCallFailed,
    ToolCategory,
    ToolUse,
)
from perdure.modes.paper_context import enhanced
from perdure.modes.paper_summaries import FOLDER as SUMMARIES
from perdure.modes.paper_summaries import known_fields, summarise, summary_file
from perdure.modes.papers import FOLDER, PaperChoice, Stages, fetch_papers, in_words

OUTPUT_FILE = "enhanced_input.md"
SUMMARY_FILE = f"{SUMMARIES}/processing_summary.json"

_READ_AT_ONCE = 2
_FAILURES = (StepFailed, ToolCallFailed, ModelCallFailed, InvalidInput)


class EnhanceInputConfig(ModeConfig, PaperChoice):
    """Keys of an enhancement."""

    skip_download: bool = Field(False, description="Use the PDF files that are in docs/ already.")
    skip_ocr: bool = Field(False, description="Use the Markdown files that lie beside the PDFs already.")
    skip_summaries: bool = Field(False, description="Only say what arXiv says of each paper.")
    summariser_model: str | None = Field(None, description="Model of the summaries.")


class EnhanceInput:
    """Fetch the papers, read them, summarise them, and put the summaries after the text.

    The text itself always survives: what a stage could not do is said in the result and in the document.
    """

    spec: ClassVar[ModeSpec] = ModeSpec(
        id="enhance-input",
        label="Enhance input",
        description="Fetches, reads and summarises the papers a text names, and adds what they say to it.",
        icon="book-plus",
        supports_resume=True,
        supports_hitl=False,
        config_model=EnhanceInputConfig,
        unused=frozenset({"agent", "max_attempts", "max_rounds", "mcp_servers"}),
        consents=frozenset({ToolCategory.NETWORK}),
    )

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        """Go through the four stages; each keeps what it finished."""
        config = ctx.config
        assert isinstance(config, EnhanceInputConfig)
        if not ctx.task.strip():
            raise InvalidInput("There is no text to enhance.", field="task")
        work = _Work(ctx, config)
        await work.fetch()
        await work.read()
        await work.summarise()
        return await work.compose()


class _Work:
    """The stages of one run, and what they could not do."""

    def __init__(self, ctx: RunContext, config: EnhanceInputConfig) -> None:
        self._ctx = ctx
        self._config = config
        self._stages: dict[str, str] = {}
        self._missing: list[str] = []
        self._papers: list[dict[str, Any]] = []
        self._note = "No paper was looked for."

    async def fetch(self) -> None:
        """Download what the text names; papers that lie in the folder already are taken along."""
        fetched: dict[str, dict[str, Any]] = {}
        if self._config.skip_download:
            self._stages["fetch"] = "skipped"
        else:

            async def stage() -> None:
                result = await fetch_papers(self._ctx, self._config, Stages("fetch-", "fetch"))
                fetched.update({paper["file"]: paper for paper in result["papers"]})
                self._note = in_words(result)
                for failure in result["failed_downloads"]:
                    self._miss(f"{failure['id']} was not fetched: {failure['error']}")
                if result["left_out"]:
                    self._miss(f"not fetched, as configured: {', '.join(result['left_out'])}")

            await self._stage("fetch", stage)
        files = await self._ctx.files()
        there = [path for path in files if PurePosixPath(path).parent == PurePosixPath(FOLDER)]
        pdfs = [*fetched, *(path for path in there if path.endswith(".pdf") and path not in fetched)]
        for path in pdfs:
            stem, about = PurePosixPath(path).stem, fetched.get(path)
            known = {"id": about["id"] if about else stem, "stem": stem, "file": path, "metadata": about}
            self._papers.append({**known, "markdown": None, "summary": None})

    async def read(self) -> None:
        """Turn the PDFs into Markdown."""
        if not self._papers:
            return
        if self._config.skip_ocr:
            self._stages["read"] = "skipped"
            files = await self._ctx.files()
            for paper in self._papers:
                beside = str(PurePosixPath(paper["file"]).with_suffix("")) + ".md"
                paper["markdown"] = beside if beside in files else None
                if paper["markdown"] is None and not self._config.skip_summaries:
                    self._miss(f"{paper['id']} was not read: there is no {beside}")
            return

        async def stage() -> None:
            await self._ctx.phase("read")
            paths = [paper["file"] for paper in self._papers]
            spec = StepSpec(key="read", name="Read the papers", phase="read")
            done = await self._ctx.step(spec, lambda: _read(self._ctx, paths))
            for paper in self._papers:
                answer = done["documents"][paper["file"]]
                paper["markdown"] = answer.get("markdown")
                if "error" in answer:
                    self._miss(f"{paper['id']} was not read: {answer['error']}")

        await self._stage("read", stage)

    async def summarise(self) -> None:
        """Summarise what was read, one step for each paper."""
        readable = [paper for paper in self._papers if paper["markdown"]]
        if self._config.skip_summaries:
            self._stages["summarise"] = "skipped"
            return
        if not readable:
            return
        await self._ctx.phase("summarise")
        done = 0
        for paper in readable:
            spec = StepSpec(
                key=f"summary-{paper['stem']}",
                name=f"Summarise {paper['id']}",
                phase="summarise",
                agent="summariser",
            )
            try:
                paper["summary"] = await self._ctx.step(spec, lambda paper=paper: summarise(self._ctx, paper))
                done += 1
            except _FAILURES as error:
                self._miss(f"{paper['id']} was not summarised: {error.message}")
        self._stages["summarise"] = "done" if done == len(readable) else "partial" if done else "failed"

    async def compose(self) -> dict[str, Any]:
        """Write the text with its section, and the report on the run."""
        await self._ctx.phase("compose")
        spec = StepSpec(key="compose", name="Put the text together", phase="compose")
        text = enhanced(self._ctx.task, [_shown(paper) for paper in self._papers], self._missing, self._note)
        report = self._report()

        async def write() -> StepResult:
            await self._ctx.write_file(OUTPUT_FILE, text)
            await self._ctx.write_file(SUMMARY_FILE, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
            return StepResult({"file": OUTPUT_FILE}, f"Saved {OUTPUT_FILE}")

        await self._ctx.step(spec, write)
        message, spent = self._message(), await self._ctx.spent()
        await self._ctx.say(message, key="result")
        return {
            "summary": message.partition("\n")[0],
            "status": report["status"],
            "missing": self._missing,
            "enhanced_text": text,
            "processing_summary": report,
            "cost_breakdown": {"ocr": 0.0, "summarization": spent, "total": spent},
            "message": message,
            "file": OUTPUT_FILE,
        }

    def _report(self) -> dict[str, Any]:
        summaries = [paper["summary"] for paper in self._papers if paper["summary"]]
        return {
            "status": "partial" if self._missing else "complete",
            "stages": {
                name: self._stages.get(name, "nothing to do") for name in ("fetch", "read", "summarise")
            },
            "papers": len(self._papers),
            "papers_read": sum(bool(paper["markdown"]) for paper in self._papers),
            "papers_summarised": len(summaries),
            "summaries_kept": sum(summary["reused"] for summary in summaries),
            "missing": self._missing,
            "documents": [
                {
                    "id": paper["id"],
                    "file": paper["file"],
                    "markdown": paper["markdown"],
                    "summary": summary_file(paper) if paper["summary"] else None,
                }
                for paper in self._papers
            ],
        }

    def _message(self) -> str:
        count = sum(bool(paper["summary"]) for paper in self._papers)
        papers = "1 paper says" if len(self._papers) == 1 else f"{len(self._papers)} papers say"
        if not self._papers:
            first = f"{OUTPUT_FILE} holds the text; there was no paper to add. {self._note}"
        else:
            first = f"{OUTPUT_FILE} holds the text and what {papers}; {count} summarised."
        missing = [f"- {each}" for each in self._missing]
        return "\n".join([first, *(["", "Missing:", *missing] if missing else [])])

    async def _stage(self, name: str, body: Callable[[], Awaitable[None]]) -> None:
        before = len(self._missing)
        try:
            await body()
        except _FAILURES as error:
            self._stages[name] = "failed"
            self._miss(f"the stage '{name}' failed: {error.message}")
            if name == "fetch":
                self._note = "The papers that the text names could not be fetched."
        else:
            self._stages[name] = "done" if len(self._missing) == before else "partial"

    def _miss(self, text: str) -> None:
        self._missing.append(text)


async def _read(ctx: RunContext, paths: Sequence[str]) -> StepResult:
    """Convert the files that are not converted yet; one that cannot be read fails alone."""
    looked = await ctx.tools([ToolUse("inspect_pdf", {"path": path}) for path in paths])
    documents: dict[str, Any] = {}
    for path, outcome in zip(paths, looked, strict=True):
        earlier = outcome.result["converted"] if outcome.ok else None
        if earlier:
            documents[path] = {"markdown": _markdown(earlier["files"])}
    waiting = [path for path in paths if path not in documents]
    outcomes = await ctx.tools(
        [ToolUse("convert_pdf", {"path": path}) for path in waiting], at_once=_READ_AT_ONCE
    )
    for path, outcome in zip(waiting, outcomes, strict=True):
        documents[path] = (
            {"markdown": _markdown(outcome.result["files"])} if outcome.ok else {"error": outcome.error}
        )
    if all("error" in answer for answer in documents.values()):
        reasons = dict.fromkeys(str(answer["error"]) for answer in documents.values())
        raise StepFailed(f"No paper could be read. {'; '.join(reasons)}")
    read = sum("error" not in answer for answer in documents.values())
    return StepResult({"documents": documents}, f"{read} of {len(paths)} read")


def _markdown(files: Sequence[str]) -> str | None:
    return next((path for path in files if path.endswith(".md")), None)


def _shown(paper: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"title": paper["stem"], "authors": [], "date": "", "abstract": ""}
    shown |= paper["summary"] or {}
    shown |= known_fields(paper)
    return {**shown, "id": paper["id"], "file": paper["file"], "arxiv": paper["metadata"] is not None}
