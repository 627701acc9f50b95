"""Asking arXiv about papers, through its client library."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import arxiv  # pyright: ignore[reportMissingTypeStubs]
import requests
from requests.adapters import HTTPAdapter

from perdure.agents.papers.identifiers import ArxivId, parse_identifier
from perdure.agents.papers.pace import Pace, retry_after_s
from perdure.agents.papers.site import ArxivUnreachable, PaperNotFound, PaperRefused, Site
from perdure.errors import InvalidInput, PerdureError

_ATTEMPTS = 4
_IDS_PER_REQUEST = 50
_TIMEOUTS_S = (10, 30)
_LONGEST_WAIT_S = 120.0
_BAD_REQUEST, _TOO_MANY = 400, 429


@dataclass(frozen=True, slots=True)
class Paper:
    """What arXiv says about one version of a paper."""

    id: ArxivId
    title: str
    authors: list[str]
    abstract: str
    published: str
    """When its first version came, ISO 8601 in UTC."""
    updated: str
    categories: list[str]
    pdf_url: str
    doi: str | None
    journal: str | None
    comment: str | None


class Catalogue:
    """One client for all sessions of a server. It asks one thing at a time, at the pace it is given."""

    def __init__(self, site: Site, pace: Pace) -> None:
        self._site = site
        self._pace = pace
        self._client = _Client(site)
        self._one_at_a_time = asyncio.Lock()

    async def papers(self, ids: Sequence[ArxivId]) -> dict[ArxivId, Paper | PerdureError]:
        """Look papers up; each has its own answer or its own error. Without a version, the newest."""
        answers: dict[ArxivId, Paper | PerdureError] = {}
        wanted = list(dict.fromkeys(ids))
        for first in range(0, len(wanted), _IDS_PER_REQUEST):
            chunk = wanted[first : first + _IDS_PER_REQUEST]
            try:
                answers |= await self._chunk(chunk)
            except (ArxivUnreachable, PaperRefused) as error:
                return answers | dict.fromkeys(wanted[first:], error)
        return answers

    async def search(self, query: str, limit: int) -> list[Paper]:
        """Return the most relevant papers, at most `limit`.

        Raises:
            InvalidInput: when arXiv cannot read the query.
            ArxivUnreachable, PaperRefused: after several attempts, or when arXiv refuses.
        """
        try:
            return [
                paper
                for result in await self._ask(arxiv.Search(query=query, max_results=limit))
                if (paper := self._paper(result)) is not None
            ]
        except _Rejected as error:
            raise InvalidInput(f"arXiv does not understand the query {query!r}") from error

    async def _chunk(self, ids: list[ArxivId]) -> Mapping[ArxivId, Paper | PerdureError]:
        search = arxiv.Search(id_list=[str(each) for each in ids], max_results=len(ids))
        try:
            # An empty first page comes now and then for no reason, so it is believed the second time.
            results = await self._ask(search) or await self._ask(search)
        except _Rejected:
            if len(ids) == 1:
                return {ids[0]: PaperNotFound(f"arXiv does not know the identifier {ids[0]}")}
            return {id_: answer for each in ids for id_, answer in (await self._chunk([each])).items()}
        found = [paper for result in results if (paper := self._paper(result)) is not None]
        return {each: _answer(each, found) for each in ids}

    async def _ask(self, search: arxiv.Search) -> list[arxiv.Result]:
        """Get the one page that holds all that is asked for."""
        failure: Exception | None = None
        for attempt in range(_ATTEMPTS):
            async with self._one_at_a_time:
                await self._pace.turn()
                self._client.page_size = search.max_results or _IDS_PER_REQUEST
                try:
                    return await asyncio.to_thread(lambda: list(self._client.results(search)))
                except arxiv.HTTPError as error:
                    if error.status == _BAD_REQUEST:
                        raise _Rejected from error
                    if error.status < _TOO_MANY:
                        raise PaperRefused(f"arXiv refused the request: HTTP {error.status}") from error
                    failure = error
                    self._wait_for(self._client.retry_after_s, attempt)
                except (arxiv.ArxivError, requests.RequestException, ValueError) as error:
                    failure = error
                    self._wait_for(None, attempt)
        raise ArxivUnreachable(f"arXiv cannot be reached: {_reason(failure)}") from failure

    def _wait_for(self, asked_s: float | None, attempt: int) -> None:
        if asked_s is not None and asked_s > _LONGEST_WAIT_S:
            raise ArxivUnreachable(
                f"arXiv asks to wait {asked_s:.0f} seconds; try again then", retry_after_s=asked_s
            )
        self._pace.hold(asked_s if asked_s is not None else self._pace.interval_s * 2**attempt)

    def _paper(self, result: arxiv.Result) -> Paper | None:
        try:
            paper = parse_identifier(result.get_short_id())
        except InvalidInput:
            return None  # arXiv reports some errors as an entry
        linked = result.pdf_url if result.pdf_url and self._site.allows(result.pdf_url) else None
        return Paper(
            id=paper,
            title=_line(result.title),
            authors=[_line(author.name) for author in result.authors],
            abstract=_line(result.summary),
            published=result.published.isoformat(),
            updated=result.updated.isoformat(),
            categories=list(result.categories),
            pdf_url=linked or self._site.pdf_url(paper),
            doi=result.doi,
            journal=result.journal_ref,
            comment=_line(result.comment) if result.comment else None,
        )


class _Rejected(Exception):
    """The request as such is wrong: HTTP 400."""


class _NotAFeed(requests.RequestException):
    """The answer is a page for people, or of some other server."""


class _Client(arxiv.Client):
    """The client of the library, without its own waiting, over a session that keeps to the site."""

    def __init__(self, site: Site) -> None:
        super().__init__(delay_seconds=0, num_retries=0)
        self.query_url_format = site.query_url_format()
        self.retry_after_s: float | None = None
        session = requests.Session()
        session.trust_env = False
        session.max_redirects = 5
        session.hooks["response"].append(self._look)
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(site))
        self._session = session

    def _look(self, response: requests.Response, **_: Any) -> None:
        self.retry_after_s = retry_after_s(response.headers.get("Retry-After"))
        if response.status_code == requests.codes.ok and b"<feed" not in response.content[:4096]:
            kind = response.headers.get("Content-Type", "something")
            raise _NotAFeed(f"it answered with {kind} instead of a feed")


class _Adapter(HTTPAdapter):
    """Sends to the site only, says who asks, and never waits for ever."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Send one request; redirects come through here one by one."""
        if not self._site.allows(request.url or ""):
            raise PaperRefused(f"arXiv sends us to another site, {request.url}; it is not asked there")
        request.headers["User-Agent"] = self._site.user_agent
        request.headers["Connection"] = "close"
        return super().send(request, *arguments, **{**options, "timeout": _TIMEOUTS_S})


def _answer(wanted: ArxivId, found: list[Paper]) -> Paper | PerdureError:
    same = [paper for paper in found if paper.id.base == wanted.base]
    for paper in same:
        if wanted.version in (None, paper.id.version):
            return paper
    if same:
        return PaperNotFound(f"arXiv has {same[0].id}, but no version {wanted.version} of it")
    return PaperNotFound(f"arXiv has no paper {wanted}")


def _line(text: str) -> str:
    return " ".join(text.split())


def _reason(error: Exception | None) -> str:
    if isinstance(error, arxiv.HTTPError):
        return f"it answers HTTP {error.status}"
    if isinstance(error, requests.Timeout):
        return "it does not answer in time"
    if isinstance(error, requests.ConnectionError):
        return "there is no connection to it"
    return str(error) or type(error).__name__
