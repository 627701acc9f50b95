"""Real decoding with the smallest model; its words are nonsense, so tests look at structure only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic_ai.models import Model

from perdure.agents.local.server import LocalModelServer
from perdure.agents.local.specs import TINY_MODEL
from perdure.agents.local.weights import is_installed
from perdure.agents.models import ModelCatalog

NAME = "local-tiny"


@pytest.fixture(scope="session", autouse=True)
def weights() -> None:
    if not is_installed(TINY_MODEL):
        pytest.fail(f"these tests need the test model: install {TINY_MODEL.install}", pytrace=False)


@pytest.fixture
async def catalog(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ModelCatalog]:
    catalog = ModelCatalog(_shared_folder(tmp_path_factory))
    yield catalog
    await catalog.aclose()


@pytest.fixture
async def model(catalog: ModelCatalog) -> AsyncIterator[Model]:
    async with catalog.resolve(NAME) as model:
        yield model


@pytest.fixture
async def server(model: Model) -> LocalModelServer:
    server = model._server  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]
    assert isinstance(server, LocalModelServer)
    return server


def _shared_folder(factory: pytest.TempPathFactory) -> Path:
    folder = factory.getbasetemp() / "weights"
    folder.mkdir(exist_ok=True)
    return folder
