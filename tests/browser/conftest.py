"""A real server as a process, a model provider on loopback, and a real Chromium in front of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.server import PerdureServer
from tests.fakes.openai_server import OpenAIServer


@pytest.fixture(scope="session")
def base_url() -> None:
    """Addresses differ per test; the plugin's own fixture of this name is not fit for our pytest."""


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], server: PerdureServer) -> dict[str, Any]:
    """Give every test the same desktop screen in the light theme, with pages opened by their path."""
    return {
        **browser_context_args,
        "base_url": server.url,
        "viewport": {"width": 1360, "height": 900},
        "color_scheme": "light",
        "locale": "en-GB",
    }


@pytest.fixture
def provider() -> Iterator[OpenAIServer]:
    """A model provider that says the same to the same prompt."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def variables() -> dict[str, str]:
    """What the server's environment holds besides its model; for tests to say more."""
    return {}


@pytest.fixture
def server(tmp_path: Path, provider: OpenAIServer, variables: dict[str, str]) -> Iterator[PerdureServer]:
    """A server with no sessions yet, whose only model is the provider's."""
    started = PerdureServer(tmp_path / "data", {**provider.environment(), **variables})
    started.start()
    try:
        yield started
    finally:
        provider.release()
        started.kill()


@pytest.fixture(autouse=True)
def _no_page_errors(page: Page) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """No script of ours may fail unnoticed."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield
    assert errors == []
