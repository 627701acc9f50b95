"""Tools for papers of arXiv: agents search, modes find, look up and download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic_ai import ModelRetry, RunContext

from perdure.agents.papers.identifiers import ArxivId, find_identifiers, parse_identifier
from perdure.agents.papers.library import PaperLibrary
from perdure.agents.tools.box import ToolGroup
from perdure.agents.tools.context import ToolContext
from perdure.agents.tools.tool import Tool
from perdure.core.tools import ToolCategory
from perdure.errors import InvalidInput, PerdureError

if TYPE_CHECKING:
    from perdure.agents.papers.catalogue import Paper

_MOST_RESULTS = 20
_ABSTRACT_CHARS = 700
_AUTHORS_SHOWN = 5
_SHOW_EVERY_BYTES = 5 * 2**20


class PaperTools:
    """The tools, over one library."""

    def __init__(self, library: PaperLibrary) -> None:
        self._library = library

    def group(self) -> ToolGroup:
        """Return the tools as a group."""
        return ToolGroup(
            id="papers",
            tools=(
                Tool(self.search_arxiv, ToolCategory.NETWORK),
                Tool(self.find_papers, ToolCategory.READ_ONLY, for_agents=False),
                Tool(self.paper_metadata, ToolCategory.NETWORK, for_agents=False),
                Tool(self.download_paper, ToolCategory.NETWORK, for_agents=False),
            ),
        )

    async def search_arxiv(self, ctx: RunContext[ToolContext], query: str, max_results: int = 5) -> str:
        """Search arXiv for papers; answers with identifiers, titles, authors and abstracts.

        Args:
            query: Words to look for; `ti:` before a word looks in titles, `au:` in authors, `abs:` in abstracts.
            max_results: How many papers to return, 1 to 20.
        """
        if not query.strip():
            raise ModelRetry("Say what to search for.")
        try:
            papers = await self._library.search(query.strip(), max(1, min(max_results, _MOST_RESULTS)))
        except InvalidInput as error:
            raise ModelRetry(error.message) from error
        except PerdureError as error:
            return f"No search was made. {error.message}. Go on without it, and say so."
        if not papers:
            return f"arXiv has nothing for {query!r}."
        return "\n\n".join(_for_agents(paper) for paper in papers)

    async def find_papers(self, ctx: RunContext[ToolContext], text: str) -> dict[str, Any]:
        """Find the arXiv papers that a text names.

        Args:
            text: Any text.
        """
        found = find_identifiers(text)
        return {
            "papers": [
                {"id": str(each.id), "certainty": str(each.certainty), "mention": each.mention}
                for each in found
            ],
            "urls": [each.mention for each in found if each.is_url],
        }

    async def paper_metadata(self, ctx: RunContext[ToolContext], ids: list[str]) -> dict[str, Any]:
        """Look papers up on arXiv: per identifier what it says, or the error.

        Args:
            ids: Identifiers such as 2401.12345v2; without a version, the newest.
        """
        answers: dict[str, Any] = {}
        wanted: dict[str, ArxivId] = {}
        for text in ids:
            try:
                wanted[text] = parse_identifier(text)
            except InvalidInput as error:
                answers[text] = _error(error)
        found = await self._library.papers(list(wanted.values()))
        for text, id_ in wanted.items():
            answer = found[id_]
            answers[text] = _error(answer) if isinstance(answer, PerdureError) else _as_json(answer)
        return {"papers": {text: answers[text] for text in ids}}

    async def download_paper(self, ctx: RunContext[ToolContext], id: str, path: str) -> dict[str, Any]:
        """Download a paper's PDF from arXiv; what is there already is left as it is.

        Args:
            id: Identifier, with the version, such as 2401.12345v2.
            path: Where to put it, such as docs/2401.12345v2.pdf.
        """
        paper = parse_identifier(id)
        shown = 0

        async def progress(done: int, total: int | None) -> None:
            nonlocal shown
            if done - shown >= _SHOW_EVERY_BYTES:
                shown = done
                of = f" of {_size(total)}" if total else ""
                await ctx.deps.console([f"{paper}: {_size(done)}{of}"])

        try:
            got = await self._library.fetch(paper, ctx.deps.workspace, path, progress)
        except PerdureError as error:
            await ctx.deps.console([f"{paper}: not downloaded. {error.message}"], "stderr")
            raise
        if got.skipped:
            await ctx.deps.console([f"{paper}: {path} is there already"])
        else:
            how = ", gone on with an earlier part" if got.resumed else ""
            await ctx.deps.console([f"{paper}: saved as {path} ({_size(got.info.size_bytes)}{how})"])
        # Noted also when it was there: a crash may have come between the file and the note.
        await ctx.deps.file_changed(got.info)
        return {
            "path": got.info.path,
            "size": got.info.size_bytes,
            "sha256": got.info.sha256,
            "skipped": got.skipped,
            "resumed": got.resumed,
        }


def _as_json(paper: Paper) -> dict[str, Any]:
    return {
        "id": str(paper.id),
        "version": paper.id.version,
        "file_stem": paper.id.file_stem,
        "title": paper.title,
        "authors": paper.authors,
        "abstract": paper.abstract,
        "published": paper.published,
        "updated": paper.updated,
        "categories": paper.categories,
        "pdf_url": paper.pdf_url,
        "doi": paper.doi,
        "journal": paper.journal,
        "comment": paper.comment,
    }


def _error(error: PerdureError) -> dict[str, Any]:
    return {"error": error.message, "code": error.code}


def _for_agents(paper: Paper) -> str:
    abstract = paper.abstract
    if len(abstract) > _ABSTRACT_CHARS:
        abstract = abstract[:_ABSTRACT_CHARS].rsplit(" ", 1)[0] + " …"
    return (
        f"arXiv:{paper.id} ({paper.published[:10]}, {', '.join(paper.categories)})\n"
        f"{paper.title}\n{_names(paper.authors)}\n{abstract}"
    )


def _names(authors: Sequence[str]) -> str:
    more = f" and {len(authors) - _AUTHORS_SHOWN} more" if len(authors) > _AUTHORS_SHOWN else ""
    return ", ".join(authors[:_AUTHORS_SHOWN]) + more


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{max(1, size // 1024)} KB"
