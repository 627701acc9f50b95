"""Turn PDF files into Markdown, JSON and text, side by side; one that cannot be read fails alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar, cast

from pydantic import Field

from perdure.modes.contract import (
    AGENT_KEYS,
    ModeConfig,
    ModeSpec,
    RunContext,
    StepFailed,
    StepResult,
    StepSpec,
    ToolCategory,
    ToolOutcome,
    ToolUse,
)
from perdure.modes.pdf_paths import find_pdfs

_SUMMARY_FILE = "ocr_summary.json"


class OcrConfig(ModeConfig):
    """Keys of a conversion."""

    paths: list[str] = Field(
        default_factory=list[str],
        description="Files, folders or patterns such as papers/**/*.pdf; what the task names, or all PDF files, if empty.",
    )
    max_depth: int = Field(10, ge=1, le=50, description="How many folders deep a folder is searched.")
    max_workers: int = Field(
        4, ge=1, le=32, description="Files at once; the server's processes are the bound."
    )
    save_markdown: bool = Field(True, description="Write a Markdown file for each PDF file.")
    save_json: bool = Field(
        True, description="Write a JSON file with pages, blocks, boxes and confidence; needed to skip later."
    )
    save_text: bool = Field(False, description="Write a plain text file for each PDF file.")
    output_dir: str = Field("ocr", description="Folder of the workspace for the results.", max_length=500)
    skip_unchanged: bool = Field(True, description="Skip files that were converted before and are the same.")


class Ocr:
    """Find the files, convert each, and say what came of it."""

    spec: ClassVar[ModeSpec] = ModeSpec(
        id="ocr",
        label="PDF to text",
        description="Turns PDF files of the workspace into Markdown and JSON; scanned pages are recognised offline.",
        icon="file-text",
        supports_resume=False,
        supports_hitl=False,
        config_model=OcrConfig,
        unused=AGENT_KEYS | {"max_attempts"},
        consents=frozenset({ToolCategory.READ_ONLY, ToolCategory.FILE_WRITE}),
    )

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        """Convert the files; the run fails only when none of them could be read."""
        config = ctx.config
        assert isinstance(config, OcrConfig)
        await ctx.phase("init")
        found = await ctx.step(
            StepSpec(key="init", name="Find the files", phase="init"), lambda: _init(ctx, config)
        )
        await ctx.phase("process")
        results = await ctx.step(
            StepSpec(key="process", name="Convert the files", phase="process"),
            lambda: _process(ctx, config, found["files"]),
        )
        await ctx.phase("output")
        return cast(
            "dict[str, Any]",
            await ctx.step(
                StepSpec(key="output", name="Sum up", phase="output"),
                lambda: _output(ctx, config, results["results"]),
            ),
        )


async def _init(ctx: RunContext, config: OcrConfig) -> StepResult:
    if not (config.save_markdown or config.save_json or config.save_text):
        raise StepFailed("Nothing would be written: set save_markdown, save_json or save_text.", step="init")
    search = find_pdfs(await ctx.files(), config.paths, ctx.task, max_depth=config.max_depth)
    if search.problem is not None:
        raise StepFailed(search.problem, step="init")
    count = len(search.files)
    return StepResult({"files": search.files}, f"{count} {_files(count)} to convert")


async def _process(ctx: RunContext, config: OcrConfig, files: list[str]) -> StepResult:
    wanted = {
        "output_dir": config.output_dir.strip("/"),
        "save_markdown": config.save_markdown,
        "save_json": config.save_json,
        "save_text": config.save_text,
    }
    uses = [ToolUse("inspect_pdf", {"path": path, **wanted}) for path in files]
    inspected = await ctx.tools(uses, at_once=config.max_workers)
    results = [
        _first_look(path, outcome, skip=config.skip_unchanged)
        for path, outcome in zip(files, inspected, strict=True)
    ]
    waiting = [result["path"] for result in results if result["status"] == "waiting"]
    uses = [ToolUse("convert_pdf", {"path": path, **wanted}) for path in waiting]
    outcomes = dict(zip(waiting, await ctx.tools(uses, at_once=config.max_workers), strict=True))
    results = [_settled(result, outcomes.get(result["path"])) for result in results]
    failures = [result for result in results if result["status"] == "failed"]
    if failures:
        lines = [f"{result['path']}: {result['error']}" for result in failures]
        await ctx.console(*lines, key="failures")
    if len(failures) == len(results):
        raise StepFailed(_why_all_failed(failures), step="process")
    return StepResult({"results": results}, _sentence(results))


async def _output(ctx: RunContext, config: OcrConfig, results: list[dict[str, Any]]) -> StepResult:
    folder = config.output_dir.strip("/")
    counts = {status: _count(results, status) for status in ("processed", "failed", "skipped")}
    summary: dict[str, Any] = {
        "summary": _sentence(results),
        **counts,
        "pages": sum(result.get("page_count") or 0 for result in results),
        "output_directory": folder or ".",
        "files": results,
    }
    target = f"{folder}/{_SUMMARY_FILE}" if folder else _SUMMARY_FILE
    await ctx.write_file(target, json.dumps(summary, ensure_ascii=False, indent=2) + "\n")
    return StepResult({**summary, "file": target}, f"Saved {target}")


def _first_look(path: str, outcome: ToolOutcome, *, skip: bool) -> dict[str, Any]:
    """Return what is known before converting: failed, skipped, or waiting for conversion."""
    if not outcome.ok:
        return {"path": path, "status": "failed", "error": outcome.error}
    facts: dict[str, Any] = outcome.result
    if facts["pages"] is None:
        return {"path": path, "status": "failed", "error": "needs a password, and there is none to give it"}
    if skip and facts["converted"]:
        return {"path": path, "status": "skipped", "sha256": facts["sha256"], **facts["converted"]}
    return {"path": path, "status": "waiting"}


def _settled(result: dict[str, Any], outcome: ToolOutcome | None) -> dict[str, Any]:
    if outcome is None:
        return result
    if not outcome.ok:
        return {**result, "status": "failed", "error": outcome.error}
    return {**result, **outcome.result, "status": "processed"}


def _sentence(results: Sequence[dict[str, Any]]) -> str:
    processed, failed, skipped = (_count(results, status) for status in ("processed", "failed", "skipped"))
    pages = sum(result.get("page_count") or 0 for result in results if result["status"] == "processed")
    parts = [f"Converted {processed} PDF {_files(processed)} ({pages} page{'s' * (pages != 1)})"]
    if skipped:
        parts.append(f"skipped {skipped} unchanged")
    if failed:
        names = ", ".join(result["path"] for result in results if result["status"] == "failed")
        parts.append(f"could not read {failed}: {names}")
    return "; ".join(parts) + "."


def _why_all_failed(failures: Sequence[dict[str, Any]]) -> str:
    shown = "; ".join(f"{result['path']}: {result['error']}" for result in failures[:5])
    more = f"; and {len(failures) - 5} more" if len(failures) > 5 else ""
    return f"No file could be converted. {shown}{more}"


def _count(results: Sequence[dict[str, Any]], status: str) -> int:
    return sum(result["status"] == status for result in results)


def _files(count: int) -> str:
    return "file" if count == 1 else "files"
