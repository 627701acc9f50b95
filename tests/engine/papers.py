"""A whole Perdure whose arXiv is a loopback server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from tests.engine.conftest import House
from tests.fakes.arxiv_server import ArxivServer

METADATA = "docs/arxiv_download_metadata.json"


@pytest.fixture
def arxiv(monkeypatch: pytest.MonkeyPatch) -> Iterator[ArxivServer]:
    with ArxivServer() as server:
        monkeypatch.setenv("PERDURE_ARXIV_API_BASE", server.base)
        monkeypatch.setenv("PERDURE_ARXIV_PDF_BASE", server.base)
        monkeypatch.setenv("PERDURE_ARXIV_INTERVAL_S", "0")
        yield server


@pytest.fixture
def here(arxiv: ArxivServer, house: House) -> House:
    """The house, built after the settings name the loopback arXiv."""
    assert house.settings.arxiv_api_base == arxiv.base
    return house


async def finished(house: House, mode: str, task: str, **config: object) -> tuple[str, dict[str, Any]]:
    """Run a mode to its end and return the session's id and the result."""
    session, run = await house.submit(mode, task, **config)
    done = await house.run(run.id, "completed", "failed")
    assert done.status == "completed", done.error
    assert done.result is not None
    return session.id, done.result


async def files(house: House, session_id: str) -> list[str]:
    """Return the paths of the workspace's files."""
    return [info.path for info in await house.app.files.list(LOCAL_ACTOR, session_id)]


async def read_text(house: House, session_id: str, path: str) -> str:
    """Return a file's text, byte for byte."""
    _, file = await house.app.files.open(LOCAL_ACTOR, session_id, path)
    with file:
        return file.read().decode()


async def read_json(house: House, session_id: str, path: str) -> Any:
    """Return what a JSON file holds."""
    return json.loads(await read_text(house, session_id, path))
