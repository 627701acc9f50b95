"""Downloading the arXiv papers that a text names."""

from __future__ import annotations

from typing import Any, ClassVar

from perdure.errors import InvalidInput
from perdure.modes.contract import AGENT_KEYS, ModeConfig, ModeSpec, RunContext, ToolCategory
from perdure.modes.papers import PaperChoice, fetch_papers, in_words


class ArxivConfig(ModeConfig, PaperChoice):
    """Keys of a download."""


class Arxiv:
    """Find identifiers, ask arXiv about them, download their PDFs at the pace arXiv asks for.

    A paper that fails fails alone; the run fails when there were papers and none could be fetched.
    """

    spec: ClassVar[ModeSpec] = ModeSpec(
        id="arxiv",
        label="arXiv papers",
        description="Downloads the papers that a text names, with their metadata. No model is used.",
        icon="file-down",
        supports_resume=True,
        supports_hitl=False,
        config_model=ArxivConfig,
        unused=AGENT_KEYS | {"max_attempts"},
        consents=frozenset({ToolCategory.NETWORK}),
    )

    async def run(self, ctx: RunContext) -> dict[str, Any]:
        """Fetch the papers; files that are there already are kept."""
        config = ctx.config
        assert isinstance(config, ArxivConfig)
        if not ctx.task.strip():
            raise InvalidInput("There is no text to look for papers in.", field="task")
        result = await fetch_papers(ctx, config)
        summary = in_words(result)
        lines = [
            *(f"- [{paper['id']}]({paper['file']}) {paper['title']}" for paper in result["papers"]),
            *(f"- {each['id']}: {each['error']}" for each in result["failed_downloads"]),
        ]
        await ctx.say("\n".join([summary, "", *lines]).strip(), key="result")
        return {"summary": summary, **result}
