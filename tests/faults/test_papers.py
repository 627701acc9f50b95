"""`kill -9` in the middle of a download: the next start goes on with what came."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.client import Perdure
from tests.fakes.arxiv_server import ArxivServer, make_pdf
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

PDF = make_pdf("A large paper", padding=5_000_000)
STALL_AT = 3_500_000
ON_DISK = 2 * 2**20


@pytest.fixture
def arxiv() -> Iterator[ArxivServer]:
    with ArxivServer() as running:
        yield running


@pytest.fixture
def server(provider: OpenAIServer, arxiv: ArxivServer, tmp_path: Path) -> Iterator[PerdureServer]:
    bases = {"PERDURE_ARXIV_API_BASE": arxiv.base, "PERDURE_ARXIV_PDF_BASE": arxiv.base}
    environment = {**provider.environment(), **bases, "PERDURE_ARXIV_INTERVAL_S": "0"}
    with PerdureServer(tmp_path / "data", environment) as running:
        yield running


def test_a_killed_download_goes_on(server: PerdureServer, arxiv: ArxivServer) -> None:
    arxiv.add("2401.00001")
    arxiv.add("2401.12345", pdf=PDF)
    with Perdure(server.url) as client:
        first = client.runs.submit("arXiv:2401.00001", {"mode": "arxiv"})
        for _ in client.stream(first.session_id, after=0, until_idle=True):
            pass
        arxiv.stall_at(STALL_AT)
        submitted = client.runs.submit("arXiv:2401.12345", {"mode": "arxiv"})
        workspace = server.data_dir / "workspaces" / submitted.session_id
        deadline = time.monotonic() + 60
        while sum(part.stat().st_size for part in workspace.rglob("*.part")) < ON_DISK:
            assert time.monotonic() < deadline, server.log()[-2000:]
            time.sleep(0.02)
        server.kill()
        assert not (workspace / "docs" / "2401.12345v1.pdf").exists()
        arxiv.release()
        server.start()
        for _ in client.stream(submitted.session_id, after=0, until_idle=True):
            pass
        run = client.runs.get(submitted.run_id)

    assert run.status == "completed", server.log()[-2000:]
    assert (workspace / "docs" / "2401.12345v1.pdf").read_bytes() == PDF
    _, cut, rest = arxiv.requests("pdf")
    assert "range" not in cut.headers
    start = re.fullmatch(r"bytes=([0-9]+)-", rest.headers["range"])
    assert start is not None
    assert ON_DISK <= int(start[1]) <= STALL_AT
    assert len(arxiv.paths("api")) == 2
