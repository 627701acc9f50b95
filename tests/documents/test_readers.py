"""The processes that read: lost ones cost one file, idle ones go, none outlives its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.agents.documents import worker
from perdure.agents.documents.limits import DocumentLimits, ReaderMissing, ReadingFailed
from perdure.agents.documents.worker import DocumentReaders
from tests.documents import made

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def one() -> Iterator[DocumentReaders]:
    """Readers of the test's own."""
    made_here = DocumentReaders(count=1)
    yield made_here
    made_here.close()


def is_alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


async def gone(pid: int) -> None:
    async with asyncio.timeout(20):
        while is_alive(pid):  # noqa: ASYNC110 - another process cannot set an event here
            await asyncio.sleep(0.02)


async def test_nothing_runs_before_it_is_needed_and_one_process_serves_many_files(
    one: DocumentReaders,
) -> None:
    assert one.pids == []
    await one.inspect(made.article)
    (pid,) = one.pids
    await one.read(made.tables)
    assert one.pids == [pid]


async def test_two_files_are_in_work_at_once() -> None:
    two = DocumentReaders(count=2)
    met = threading.Barrier(2)

    def load(pdf: bytes) -> bytes:
        met.wait(20)  # broken, and the file lost, unless the other file's turn has come as well
        return pdf

    try:
        found = await asyncio.gather(
            *(two.read(lambda pages=pages: load(made.of_pages(pages))) for pages in (3, 4))
        )
        assert [document.page_count for document in found] == [3, 4]
    finally:
        two.close()


async def test_a_process_that_is_lost_costs_one_file(one: DocumentReaders) -> None:
    many = made.of_pages(300)
    killed: list[int] = []

    async def kill(_pages: list[dict[str, Any]], _total: int) -> None:
        if not killed:
            killed.extend(one.pids)
            os.kill(killed[0], signal.SIGKILL)

    lost, waited = await asyncio.gather(
        one.read(lambda: many, on_pages=kill), one.read(made.article), return_exceptions=True
    )
    assert isinstance(lost, ReadingFailed)
    assert "SIGKILL" in lost.message
    assert not isinstance(waited, BaseException)
    assert waited.page_count == 2
    assert one.pids != killed


async def test_a_page_that_takes_too_long_is_given_up() -> None:
    hasty = DocumentReaders(count=1, limits=DocumentLimits(page_seconds=0.001))
    try:
        with pytest.raises(ReadingFailed, match=r"page 1 took longer than the limit of 0\.001 seconds"):
            await hasty.read(made.article)
        assert hasty.pids == []
    finally:
        hasty.close()


async def test_too_little_memory_is_a_failure_of_the_file() -> None:
    poor = DocumentReaders(count=1, limits=DocumentLimits(memory_bytes=300 * 2**20))
    scan = made.scan(made.images_of(made.tables(), dpi=120), dpi=120)
    try:
        with pytest.raises(ReadingFailed) as caught:
            await poor.read(lambda: scan)
        assert "failed" in caught.value.message or "ended" in caught.value.message
        assert (await poor.read(made.tables)).page_count == 1
    finally:
        poor.close()


async def test_cancelling_ends_the_work_at_once(one: DocumentReaders) -> None:
    many = made.of_pages(1500)
    begun = asyncio.Event()

    async def on_pages(_pages: list[dict[str, Any]], _total: int) -> None:
        begun.set()

    reading = asyncio.create_task(one.read(lambda: many, on_pages=on_pages))
    await begun.wait()
    (pid,) = one.pids
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await gone(pid)
    assert (await one.read(made.article)).page_count == 2


async def test_one_that_waits_can_be_cancelled_without_harm(one: DocumentReaders) -> None:
    many = made.of_pages(100)
    first = asyncio.create_task(one.read(lambda: many))
    second = asyncio.create_task(one.read(made.article))
    await asyncio.sleep(0)
    second.cancel()
    assert (await first).page_count == 100
    with pytest.raises(asyncio.CancelledError):
        await second


async def test_an_idle_process_goes(one: DocumentReaders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_IDLE_S", 0.05)
    await one.inspect(made.article)
    async with asyncio.timeout(20):
        while one.pids:  # noqa: ASYNC110 - it goes in a thread of its own
            await asyncio.sleep(0.02)
    assert (await one.inspect(made.article)).pages == 2


async def test_pages_are_told_in_order_with_their_number(one: DocumentReaders) -> None:
    told: list[tuple[int, int]] = []

    async def on_pages(pages: list[dict[str, Any]], total: int) -> None:
        told.extend((page["number"], total) for page in pages)

    await one.read(lambda: made.of_pages(60), on_pages=on_pages)
    assert told == [(number, 60) for number in range(1, 61)]


def test_readers_serve_several_event_loops(one: DocumentReaders) -> None:
    counts: list[int] = []

    def read() -> None:
        counts.append(asyncio.run(one.read(made.article)).page_count)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [2, 2, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_process_dies_with_its_parent() -> None:
    code = """
import asyncio, time
from perdure.agents.documents.worker import DocumentReaders
from tests.documents import made
readers = DocumentReaders(count=1)
asyncio.run(readers.inspect(made.article))
print(readers.pids[0], flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
        asyncio.run(gone(pid))


async def test_without_the_packages_the_error_names_the_command(
    one: DocumentReaders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_PACKAGES", ("pypdfium2", "a_package_that_is_not_there"))
    with pytest.raises(
        ReaderMissing, match=r"a_package_that_is_not_there: pip install 'perdure\[documents\]'"
    ):
        await one.read(made.article)


def test_the_server_and_the_tools_start_without_the_libraries() -> None:
    code = (
        "import sys, perdure.bootstrap, perdure.agents.tools.documents, perdure.modes.ocr\n"
        "heavy = {'numpy', 'cv2', 'onnxruntime', 'rapidocr', 'pypdfium2', 'pypdfium2.raw', 'PIL'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
