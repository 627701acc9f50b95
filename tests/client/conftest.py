"""A provider and a real server for one module's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perdure.client import Perdure
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture(scope="module")
def server(provider: OpenAIServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PerdureServer]:
    with PerdureServer(tmp_path_factory.mktemp("server"), provider.environment()) as running:
        yield running


@pytest.fixture
def client(server: PerdureServer) -> Iterator[Perdure]:
    with Perdure(server.url) as made:
        yield made
