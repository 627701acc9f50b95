"""A provider, and a server that tests may kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer


@pytest.fixture
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def server(provider: OpenAIServer, tmp_path: Path) -> Iterator[PerdureServer]:
    with PerdureServer(tmp_path / "data", provider.environment()) as running:
        yield running
