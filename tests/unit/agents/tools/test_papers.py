"""The paper tools over a loopback arXiv: what agents and modes are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage

from perdure.agents.papers.library import PaperLibrary
from perdure.agents.papers.site import PaperRefused, Site
from perdure.agents.tools.context import ToolContext
from perdure.agents.tools.papers import PaperTools
from perdure.core.tools import ToolCategory
from perdure.errors import InvalidInput
from tests.fakes.arxiv_server import ArxivServer, make_pdf
from tests.fakes.tool_context import RecordingToolContext


@pytest.fixture
def arxiv() -> Iterator[ArxivServer]:
    with ArxivServer() as server:
        yield server


@pytest.fixture
def tools(arxiv: ArxivServer) -> PaperTools:
    return PaperTools(PaperLibrary(Site(arxiv.base, arxiv.base), interval_s=0))


@pytest.fixture
def deps(tmp_path: Path) -> RecordingToolContext:
    return RecordingToolContext(tmp_path / "work")


@pytest.fixture
def ctx(deps: RecordingToolContext) -> RunContext[ToolContext]:
    given: Any = deps
    return RunContext(deps=given, model=TestModel(), usage=RunUsage())


def test_agents_are_offered_the_search_only(tools: PaperTools) -> None:
    group = tools.group()
    assert set(group.toolset(agents=True).tools) == {"search_arxiv"}
    assert {tool.name: tool.category for tool in group.tools} == {
        "search_arxiv": ToolCategory.NETWORK,
        "find_papers": ToolCategory.READ_ONLY,
        "paper_metadata": ToolCategory.NETWORK,
        "download_paper": ToolCategory.NETWORK,
    }
    assert all(tool.repeatable for tool in group.tools)


async def test_a_search_reads_well(
    arxiv: ArxivServer, tools: PaperTools, ctx: RunContext[ToolContext]
) -> None:
    arxiv.add("2401.12345", title="On walls", authors=tuple("ABCDEFG"), abstract="bricks and mortar " * 60)
    told = await tools.search_arxiv(ctx, "bricks", 50)
    head, title, authors, abstract = told.split("\n")
    assert head == "arXiv:2401.12345v1 (2024-01-23, cs.CL, cs.AI)"
    assert (title, authors) == ("On walls", "A, B, C, D, E and 2 more")
    assert abstract.endswith(" …")
    assert len(abstract) < 710


async def test_a_search_says_what_came_of_it(
    arxiv: ArxivServer, tools: PaperTools, ctx: RunContext[ToolContext]
) -> None:
    assert await tools.search_arxiv(ctx, "bricks") == "arXiv has nothing for 'bricks'."
    with pytest.raises(ModelRetry, match="Say what to search for"):
        await tools.search_arxiv(ctx, "  ")
    with pytest.raises(ModelRetry, match="does not understand"):
        await tools.search_arxiv(ctx, ":::")
    arxiv.set(down=True)
    assert "Go on without it" in await tools.search_arxiv(ctx, "bricks")


async def test_finds_papers_in_a_text(tools: PaperTools, ctx: RunContext[ToolContext]) -> None:
    assert await tools.find_papers(ctx, "https://arxiv.org/abs/2401.12345v2 and 1203.4567") == {
        "papers": [
            {
                "id": "2401.12345v2",
                "certainty": "explicit",
                "mention": "https://arxiv.org/abs/2401.12345v2",
            },
            {"id": "1203.4567", "certainty": "bare", "mention": "1203.4567"},
        ],
        "urls": ["https://arxiv.org/abs/2401.12345v2"],
    }


async def test_each_identifier_has_its_answer(
    arxiv: ArxivServer, tools: PaperTools, ctx: RunContext[ToolContext]
) -> None:
    arxiv.add("math/0309136", title="On doors")
    answers = (await tools.paper_metadata(ctx, ["nonsense", "math.GT/0309136", "2401.00001"]))["papers"]
    assert list(answers) == ["nonsense", "math.GT/0309136", "2401.00001"]
    assert answers["nonsense"]["code"] == "invalid-input"
    assert answers["2401.00001"] == {
        "error": "arXiv has no paper 2401.00001",
        "code": "paper-not-found",
    }
    found = answers["math.GT/0309136"]
    assert (found["id"], found["file_stem"], found["title"], found["version"]) == (
        "math/0309136v1",
        "math_0309136v1",
        "On doors",
        1,
    )


async def test_a_download_tells_how_far_it_is(
    arxiv: ArxivServer, tools: PaperTools, ctx: RunContext[ToolContext], deps: RecordingToolContext
) -> None:
    arxiv.add("2401.12345", pdf=make_pdf("On walls", padding=12_000_000))
    got = await tools.download_paper(ctx, "2401.12345v1", "docs/a.pdf")
    again = await tools.download_paper(ctx, "2401.12345v1", "docs/a.pdf")

    assert (got["path"], got["skipped"], got["resumed"]) == ("docs/a.pdf", False, False)
    assert again == {**got, "skipped": True}
    lines = [line for _, line in deps.lines]
    assert len(lines) == 4
    assert lines[0].startswith("2401.12345v1: 5.")
    assert lines[0].endswith(" of 11.4 MB")
    assert lines[2:] == [
        "2401.12345v1: saved as docs/a.pdf (11.4 MB)",
        "2401.12345v1: docs/a.pdf is there already",
    ]
    assert {info.sha256 for info in deps.changes} == {got["sha256"]}


async def test_a_failed_download_says_so_twice(
    arxiv: ArxivServer, tools: PaperTools, ctx: RunContext[ToolContext], deps: RecordingToolContext
) -> None:
    arxiv.add("2401.12345")
    arxiv.answer_html("pdf")
    with pytest.raises(PaperRefused):
        await tools.download_paper(ctx, "2401.12345v1", "docs/a.pdf")
    assert deps.lines[0][0] == "stderr"
    assert "instead of a PDF" in deps.lines[0][1]
    assert deps.changes == []
    with pytest.raises(InvalidInput):
        await tools.download_paper(ctx, "../x", "docs/a.pdf")
