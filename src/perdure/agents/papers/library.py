"""The papers of arXiv, for all sessions of a server: one pace, one client, one way to fetch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from perdure.agents.papers.download import MAX_PDF_BYTES, Downloaded, Downloader, Progress
from perdure.agents.papers.identifiers import ArxivId
from perdure.agents.papers.pace import Pace
from perdure.agents.papers.site import INTERVAL_S, Site
from perdure.errors import PerdureError, Unavailable
from perdure.store.workspace import Workspace

if TYPE_CHECKING:
    from perdure.agents.papers.catalogue import Catalogue, Paper


class PapersNotInstalled(Unavailable):
    """The packages that talk to arXiv are not installed."""

    code = "papers-not-installed"


class PaperLibrary:
    """Looks papers up and fetches them; requests of both kinds share one pace.

    Raises:
        InvalidInput: when a base of the site is no address.
    """

    def __init__(
        self,
        site: Site | None = None,
        *,
        interval_s: float = INTERVAL_S,
        max_pdf_bytes: int = MAX_PDF_BYTES,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._site = site or Site()
        self._pace = Pace(interval_s, sleep=sleep, clock=clock)
        self._downloader = Downloader(self._site, self._pace, max_bytes=max_pdf_bytes)

    @cached_property
    def _catalogue(self) -> Catalogue:
        # Loaded when it is first needed: an XML parser and a second HTTP library come with it.
        try:
            from perdure.agents.papers.catalogue import Catalogue
        except ImportError as error:
            raise PapersNotInstalled(
                "Looking up papers needs more packages: pip install 'perdure[papers]'"
            ) from error
        return Catalogue(self._site, self._pace)

    async def search(self, query: str, limit: int) -> list[Paper]:
        """Return the most relevant papers, at most `limit`.

        Raises:
            InvalidInput: when arXiv cannot read the query.
            ArxivUnreachable, PaperRefused, PapersNotInstalled: when there is no answer.
        """
        return await self._catalogue.search(query, limit)

    async def papers(self, ids: Sequence[ArxivId]) -> dict[ArxivId, Paper | PerdureError]:
        """Look papers up; each has its own answer or its own error. Without a version, the newest.

        Raises:
            PapersNotInstalled: when the packages for it are missing.
        """
        return await self._catalogue.papers(ids) if ids else {}

    async def fetch(self, paper: ArxivId, workspace: Workspace, path: str, progress: Progress) -> Downloaded:
        """Put the paper's PDF into the workspace, unless it is there; see `Downloader.fetch`."""
        return await self._downloader.fetch(paper, workspace, path, progress)
