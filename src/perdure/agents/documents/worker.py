"""Processes that read documents, from the outside: started when needed, restarted when lost, ended when idle."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Any

from perdure.agents.documents.limits import (
    ERRORS,
    DocumentLimits,
    ReaderMissing,
    ReadingFailed,
    UnreadableDocument,
)

INSTALL = "pip install 'perdure[documents]'"

_PACKAGES = ("pypdfium2", "rapidocr", "onnxruntime", "cv2", "numpy")
_IDLE_S = 120.0
_STOP_S = 5.0
_READ_BYTES = 1 << 16
_TELL_EVERY_S = 0.25

OnPages = Callable[[list[dict[str, Any]], int], Awaitable[None]]
"""Told the pages that came since it was last told, and how many there will be."""


def missing_packages() -> list[str]:
    """Return the packages for documents that are not installed."""
    return [name for name in _PACKAGES if importlib.util.find_spec(name) is None]


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is known of a file without reading its pages."""

    pages: int
    encrypted: bool


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """What a file holds. The pages are those that were asked for, in the form of `model.Page.to_dict`."""

    page_count: int
    encrypted: bool
    engines: dict[str, str]
    pages: list[dict[str, Any]]


@dataclass(slots=True)
class _Job:
    """One request, its progress, and whether it is still wanted."""

    op: str
    content: Callable[[], bytes]
    limits: DocumentLimits
    pages: list[int] | None
    progress: Callable[[dict[str, Any]], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    child: _Child | None = None

    def cancel(self) -> None:
        self.cancelled.set()
        child = self.child
        if child is not None:
            child.kill()


class DocumentReaders:
    """Up to `count` processes, each with one document at a time; more requests wait in order.

    May be used from several event loops. Cancelling a request ends the process that works on it.
    """

    def __init__(self, count: int | None = None, limits: DocumentLimits | None = None) -> None:
        cores = os.cpu_count() or 1
        self.count = count or max(1, min(2, cores // 2))
        self.limits = limits or DocumentLimits()
        self._threads = max(1, min(4, cores // self.count))
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._children: set[_Child] = set()

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that live now."""
        with self._lock:
            return [child.pid for child in self._children]

    async def inspect(self, content: Callable[[], bytes]) -> Inspected:
        """Open the file that `content` loads (in a thread, when its turn has come).

        Raises:
            UnreadableDocument: or one of its kinds, saying why it cannot be read.
            ReaderMissing: naming the command that installs what is missing.
        """
        done, _ = await self._run("inspect", content, None, None)
        return Inspected(done["pages"], done["encrypted"])

    async def read(
        self,
        content: Callable[[], bytes],
        pages: Sequence[int] | None = None,
        on_pages: OnPages | None = None,
    ) -> ReadDocument:
        """Read the pages with these numbers, or all of them.

        Raises:
            UnreadableDocument: or one of its kinds, saying why it cannot be read.
            ReaderMissing: naming the command that installs what is missing.
        """
        done, found = await self._run("read", content, None if pages is None else list(pages), on_pages)
        return ReadDocument(done["pages"], done["encrypted"], done["engines"], found)

    def close(self) -> None:
        """End all processes. A later request starts new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
            children, self._idle = list(self._children), []
        for child in children:
            child.end()
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            self._children.clear()

    async def _run(
        self, op: str, content: Callable[[], bytes], pages: list[int] | None, on_pages: OnPages | None
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        if missing := missing_packages():
            raise ReaderMissing(f"reading PDF files needs {', '.join(missing)}: {INSTALL}")
        loop = asyncio.get_running_loop()
        news: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

        def tell(item: dict[str, Any] | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop may be closed by the time a page is done
                loop.call_soon_threadsafe(news.put_nowait, item)

        job = _Job(op, content, self.limits, pages, tell)
        future = self._executor().submit(self._work, job)
        future.add_done_callback(lambda _: tell(None))
        found: list[dict[str, Any]] = []
        try:
            await _follow(news, found, on_pages)
            return await asyncio.wrap_future(future), found
        finally:
            if not future.done():
                future.cancel()
                job.cancel()

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.count, thread_name_prefix="documents")
            return self._pool

    def _work(self, job: _Job) -> dict[str, Any]:
        content = job.content()
        child = self._take()
        job.child = child
        healthy = False
        try:
            if job.cancelled.is_set():
                raise ReadingFailed("reading was cancelled")
            done = child.serve(job, content)
            healthy = True
            return done
        except UnreadableDocument as error:
            healthy = not isinstance(error, ReadingFailed)
            raise
        finally:
            job.child = None
            self._give_back(child, healthy and not job.cancelled.is_set())

    def _take(self) -> _Child:
        with self._lock:
            child = self._idle.pop() if self._idle else None
        if child is not None and child.wake():
            return child
        child = _Child(self.limits.memory_bytes, self._threads)
        with self._lock:
            self._children.add(child)
        return child

    def _give_back(self, child: _Child, healthy: bool) -> None:
        if healthy:
            with self._lock:
                keep = self._pool is not None
                if keep:
                    self._idle.append(child)
                    child.rest(_IDLE_S, lambda: self._retire(child))
            if keep:
                return
        child.end()
        with self._lock:
            self._children.discard(child)

    def _retire(self, child: _Child) -> None:
        with self._lock:
            if child not in self._idle:
                return
            self._idle.remove(child)
            self._children.discard(child)
        child.end()


class _Child:
    """One process."""

    def __init__(self, memory_bytes: int, threads: int) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        arguments = [str(os.getpid()), str(memory_bytes), str(threads)]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "perdure.agents.documents.child", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
            cwd="/",
        )
        self._rest: threading.Timer | None = None
        self._buffer = b""
        self._ending = threading.Lock()

    @property
    def pid(self) -> int:
        return self._process.pid

    def serve(self, job: _Job, content: bytes) -> dict[str, Any]:
        """Send the request and hand its pages on until it is done.

        Raises:
            UnreadableDocument: what the process said, or how it was lost.
        """
        request = {"op": job.op, "size": len(content), "pages": job.pages, "limits": job.limits.to_dict()}
        pages = 0
        try:
            assert self._process.stdin
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.write(content)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._lost(pages) from None
        while True:
            line = self._line(job.limits.page_seconds, pages)
            if line is None:
                raise self._lost(pages)
            news: dict[str, Any] = json.loads(line)
            if "error" in news:
                raise _error(news["error"])
            if "done" in news:
                return news["done"]
            pages += "page" in news
            job.progress(news)

    def rest(self, seconds: float, then: Callable[[], None]) -> None:
        """Have `then` called if nobody wakes it within that time."""
        self._rest = threading.Timer(seconds, then)
        self._rest.daemon = True
        self._rest.start()

    def wake(self) -> bool:
        """End the rest; False when the process is gone."""
        if self._rest is not None:
            self._rest.cancel()
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process now; whoever waits for its answer is told."""
        self._process.kill()

    def end(self) -> None:
        """End the process and wait until it is gone; a second call does nothing."""
        with self._ending:
            if self._rest is not None:
                self._rest.cancel()
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout, self._errors):
                if pipe is not None and not pipe.closed:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()

    def _line(self, seconds: float, pages: int) -> bytes | None:
        """Return the next line, None when the process has ended."""
        assert self._process.stdout
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self.kill()
                    raise ReadingFailed(
                        f"page {pages + 1} took longer than the limit of {seconds:g} seconds", page=pages + 1
                    )
                chunk = os.read(self._process.stdout.fileno(), _READ_BYTES)
                if not chunk:
                    return None
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _lost(self, pages: int) -> ReadingFailed:
        try:
            code = self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            code = None
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        self._errors.seek(0)
        last = self._errors.read()[-500:].decode("utf-8", "replace").strip().splitlines()[-1:]
        said = f": {last[0]}" if last else ""
        return ReadingFailed(f"the process that read it ended at page {pages + 1} ({how}){said}")


async def _follow(
    news: asyncio.Queue[dict[str, Any] | None], found: list[dict[str, Any]], on_pages: OnPages | None
) -> None:
    """Collect pages until the end, telling of them a few times a second at most."""
    loop = asyncio.get_running_loop()
    total, told_at = 0, -_TELL_EVERY_S
    going_on = True
    while going_on:
        batch = await _batch(news, told_at + _TELL_EVERY_S)
        going_on = None not in batch
        items = [item for item in batch if item is not None]
        total = next((item["opened"]["chosen"] for item in items if "opened" in item), total)
        pages = [item["page"] for item in items if "page" in item]
        found += pages
        if pages and on_pages is not None:
            await on_pages(pages, total)
            told_at = loop.time()


async def _batch(news: asyncio.Queue[dict[str, Any] | None], until: float) -> list[dict[str, Any] | None]:
    """Return what comes up to that time, at least one item; the end ends it early."""
    batch = [await news.get()]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            while batch[-1] is not None:
                batch.append(await news.get())
    while batch[-1] is not None and not news.empty():
        batch.append(news.get_nowait())
    return batch


def _error(fields: dict[str, Any]) -> UnreadableDocument:
    rest = {key: value for key, value in fields.items() if key not in ("code", "kind", "message")}
    return ERRORS.get(fields["code"], UnreadableDocument)(fields["message"], **rest)
