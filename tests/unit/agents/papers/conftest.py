"""A library over a loopback arXiv, on a clock that only waiting moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.agents.papers.library import PaperLibrary
from perdure.agents.papers.site import Site
from perdure.store.workspace import Workspace
from tests.fakes.arxiv_server import ArxivServer


class Sleeper:
    """Waits in no time, and remembers for how long it was asked to."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 3))
        self.now += seconds

    def clock(self) -> float:
        return self.now


@pytest.fixture
def arxiv() -> Iterator[ArxivServer]:
    with ArxivServer() as server:
        yield server


@pytest.fixture
def site(arxiv: ArxivServer) -> Site:
    return Site(api_base=arxiv.base, pdf_base=arxiv.base, contact="mailto:ops@example.org")


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture
def library(site: Site, sleeper: Sleeper) -> PaperLibrary:
    return PaperLibrary(site, interval_s=3, max_pdf_bytes=8_000_000, sleep=sleeper.sleep, clock=sleeper.clock)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work")
