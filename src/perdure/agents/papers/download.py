"""Fetching PDFs: politely, going on where a connection was cut, and believing nothing that comes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

import httpx

from perdure.agents.papers.identifiers import ArxivId
from perdure.agents.papers.pace import Pace, retry_after_s
from perdure.agents.papers.parts import Part, Source
from perdure.agents.papers.site import ArxivUnreachable, PaperNotFound, PaperRefused, Site
from perdure.agents.web.guard import AddressRefused, OutgoingGuard
from perdure.errors import StorageUnavailable
from perdure.store.workspace import FileInfo, Workspace

MAX_PDF_BYTES = 100 * 2**20

Progress = Callable[[int, int | None], Awaitable[None]]
"""Told of bytes so far and, when it is known, of all."""

_ATTEMPTS = 5
_CHUNK_BYTES = 2**20
_HEAD_BYTES = 1024
_TAIL_BYTES = 2048
_LONGEST_WAIT_S = 120.0
_LONGEST_ATTEMPT_S = 600.0
_OK, _PARTIAL, _RANGE, _TOO_MANY = 200, 206, 416, 429
_GONE = {404, 410}
_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)")


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A paper's file. `skipped`: it was there already; `resumed`: an earlier part of it was used."""

    info: FileInfo
    skipped: bool = False
    resumed: bool = False


class Downloader:
    """Fetches PDFs for all sessions of a server."""

    def __init__(self, site: Site, pace: Pace, *, max_bytes: int = MAX_PDF_BYTES) -> None:
        self._site = site
        self._pace = pace
        self._max_bytes = max_bytes
        self._guard = OutgoingGuard(site.own_hosts)
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def fetch(self, paper: ArxivId, workspace: Workspace, path: str, progress: Progress) -> Downloaded:
        """Put the paper's PDF at `path`, unless it is there; cut off, it goes on the next time.

        Raises:
            PaperNotFound: arXiv has no PDF of it.
            PaperRefused: what came is no PDF, too large, or from another site.
            ArxivUnreachable: after several attempts; what came so far is kept.
            PathOutsideWorkspace: the path is not acceptable.
            StorageUnavailable: the disk is full, or read-only.
        """
        lock = self._locks.setdefault((str(workspace.root), path), asyncio.Lock())
        async with lock:
            part = await asyncio.to_thread(Part, workspace, path)
            kept = await asyncio.to_thread(part.kept, str(paper))
            if kept is not None:
                return Downloaded(kept, skipped=True)
            transfer = _Transfer(self._site.pdf_url(paper), part, self._max_bytes, progress)
            try:
                await self._attempts(transfer)
                content = await asyncio.to_thread(part.read)
                info = await asyncio.to_thread(part.finish, str(paper), content)
            except (PaperNotFound, PaperRefused):
                await asyncio.to_thread(part.drop)
                raise
            except OSError as error:
                raise StorageUnavailable(f"the file cannot be stored: {error.strerror or error}") from error
            return Downloaded(info, resumed=transfer.resumed)

    async def _attempts(self, transfer: _Transfer) -> None:
        reason = ""
        async with self._client() as client:
            for attempt in range(_ATTEMPTS):
                await self._pace.turn()
                try:
                    async with asyncio.timeout(_LONGEST_ATTEMPT_S):
                        await transfer.attempt(client)
                    return
                except _Again as error:
                    reason, wait_s = str(error), error.wait_s
                except AddressRefused as error:
                    raise ArxivUnreachable(f"arXiv cannot be reached: {error.message}") from error
                except httpx.TooManyRedirects as error:
                    raise PaperRefused("arXiv sends us round in circles") from error
                except (httpx.TransportError, TimeoutError) as error:
                    reason, wait_s = _described(error), None
                if wait_s is not None and wait_s > _LONGEST_WAIT_S:
                    raise ArxivUnreachable(
                        f"arXiv asks to wait {wait_s:.0f} seconds; try again then", retry_after_s=wait_s
                    )
                self._pace.hold(wait_s if wait_s is not None else self._pace.interval_s * 2**attempt)
        raise ArxivUnreachable(f"arXiv cannot be reached: {reason}")

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[httpx.AsyncClient]:
        async def stay_on_site(request: httpx.Request) -> None:
            if not self._site.allows(str(request.url)):
                raise PaperRefused(
                    f"arXiv sends us to another site, {request.url.host}; papers are not fetched there"
                )

        async with self._guard.client() as client:
            client.headers["User-Agent"] = self._site.user_agent
            client.headers["Accept-Encoding"] = "identity"  # ranges and lengths count the bytes as sent
            client.event_hooks = {"request": [stay_on_site]}
            yield client


class _Again(Exception):
    """This attempt failed, and another one may not."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class _Transfer:
    """The attempts at one file."""

    def __init__(self, url: str, part: Part, max_bytes: int, progress: Progress) -> None:
        self.resumed = False
        self._url = url
        self._part = part
        self._max_bytes = max_bytes
        self._progress = progress

    async def attempt(self, client: httpx.AsyncClient) -> None:
        size, source = await asyncio.to_thread(self._part.so_far, self._url)
        if source is not None and size == source.total:
            self.resumed = True
            await self._check_whole(source.total)
            return
        headers = {"Range": f"bytes={size}-", "If-Range": source.mark} if source is not None else {}
        async with client.stream("GET", self._url, headers=headers) as response:
            if response.status_code == _PARTIAL and source is not None and _goes_on(response, size, source):
                total = source.total
                self.resumed = True
            elif response.status_code == _OK:
                size, total = 0, _length(response)
                self.resumed = False
                self._check_kind(response, total)
                await asyncio.to_thread(self._part.begin, _source(self._url, response, total))
            else:
                await self._refuse(response)
                return
            await self._receive(response, size, total)

    async def _refuse(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in (_PARTIAL, _RANGE):
            await asyncio.to_thread(self._part.drop)
            raise _Again("it does not go on where the part ends")
        if status in _GONE:
            raise PaperNotFound(f"arXiv has no PDF of it (HTTP {status})")
        if status == _TOO_MANY or status >= 500:
            wait_s = retry_after_s(response.headers.get("Retry-After"))
            raise _Again(f"it answers HTTP {status}", wait_s)
        raise PaperRefused(f"arXiv refused the download: HTTP {status}")

    def _check_kind(self, response: httpx.Response, total: int | None) -> None:
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise PaperRefused(f"arXiv sent it compressed ({encoding}), which was not asked for")
        if total is not None and total > self._max_bytes:
            raise PaperRefused(f"it has {total:,} bytes; the limit is {self._max_bytes:,}")

    async def _receive(self, response: httpx.Response, size: int, total: int | None) -> None:
        waiting = bytearray()
        start = size
        try:
            async for chunk in response.aiter_raw():
                waiting += chunk
                size += len(chunk)
                if size > self._max_bytes:
                    raise PaperRefused(f"it is over the limit of {self._max_bytes:,} bytes")
                if start == 0 and size >= _HEAD_BYTES and size - len(chunk) < _HEAD_BYTES:
                    _check_head(bytes(waiting[:_HEAD_BYTES]), _kind(response))
                if len(waiting) >= _CHUNK_BYTES:
                    await self._flush(waiting)
                    await self._progress(size, total)
        finally:
            # Also when the connection was cut, and when we are: these bytes need not come again.
            if waiting:
                await asyncio.shield(self._flush(waiting))
        await self._check_whole(total, _kind(response))

    async def _flush(self, waiting: bytearray) -> None:
        data = bytes(waiting)
        waiting.clear()
        await asyncio.to_thread(self._part.append, data)

    async def _check_whole(self, total: int | None, kind: str = "something else") -> None:
        content = await asyncio.to_thread(self._part.read)
        _check_head(content[:_HEAD_BYTES], kind)
        if total is not None and len(content) < total:
            raise _Again(f"only {len(content):,} of {total:,} bytes came")
        if total is not None and len(content) > total:
            await asyncio.to_thread(self._part.drop)
            raise _Again("more bytes came than it said")
        if total is None and b"%%EOF" not in content[-_TAIL_BYTES:]:
            await asyncio.to_thread(self._part.drop)
            raise _Again("the end of the file did not come")


def _goes_on(response: httpx.Response, size: int, source: Source) -> bool:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != size:
        return False
    same_total = source.total is None or match[2] == "*" or int(match[2]) == source.total
    return same_total and _mark(response) in (None, source.mark)


def _source(url: str, response: httpx.Response, total: int | None) -> Source | None:
    mark = _mark(response)
    return Source(url, mark, total) if mark is not None else None


def _mark(response: httpx.Response) -> str | None:
    tag = response.headers.get("ETag")
    if tag is not None and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified")


def _length(response: httpx.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _kind(response: httpx.Response) -> str:
    return response.headers.get("Content-Type", "something else").partition(";")[0]


def _check_head(head: bytes, kind: str) -> None:
    if not head.lstrip().startswith(b"%PDF-"):
        raise PaperRefused(f"arXiv sent {kind} instead of a PDF; the paper may have none, or not yet")


def _described(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "it does not answer in time"
    if isinstance(error, httpx.ConnectError):
        return "there is no connection to it"
    return "the connection broke off"
