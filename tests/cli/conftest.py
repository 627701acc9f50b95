"""The command line, in this process and against a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from perdure.cli.app import app
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer

Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine, and a data folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "PERDURE_URL",
        "PERDURE_SERVER",
        "PERDURE_API_KEY",
        "PERDURE_MODEL",
        "PERDURE_DATABASE_URL",
        "DATABASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PERDURE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def perdure(_own_folder: None) -> Command:
    """Runs a command without a server."""
    return lambda *arguments, **options: CliRunner().invoke(app, [str(a) for a in arguments], **options)


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture(scope="module")
def server(provider: OpenAIServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PerdureServer]:
    with PerdureServer(tmp_path_factory.mktemp("server"), provider.environment()) as running:
        yield running


@pytest.fixture
def command(perdure: Command, server: PerdureServer, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command with the server."""
    monkeypatch.setenv("PERDURE_SERVER", server.url)
    return perdure
