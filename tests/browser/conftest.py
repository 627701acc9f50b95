"""A real server as a process, a model provider on loopback, and a real Chromium in front of them."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.fakes.openai_server import OpenAIServer
from tools import browser, environment

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "tests" / "artefacts"
AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
START_WITHIN_S = 40
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
]

expect.set_options(timeout=15_000)
os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(environment.node().executable))


class PerdureServer:
    """`perdure serve` on one data directory; it keeps its address when it is started again."""

    def __init__(self, data_dir: Path, variables: dict[str, str]) -> None:
        self._data_dir = data_dir
        self._variables = variables
        self._process: subprocess.Popen[str] | None = None
        self._log = data_dir.parent / "server.log"
        self.port = 0

    @property
    def url(self) -> str:
        """Where the console is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything the server has said, over all starts."""
        return self._log.read_text() if self._log.exists() else ""

    def start(self) -> None:
        """Start, and return when the ready line is there."""
        command = [environment.VENV / "bin" / "perdure", "serve"]
        command += ["--port", str(self.port), "--data", str(self._data_dir)]
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PERDURE_", "OPENAI_"))}
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._data_dir.parent,
                env={**clean, **self._variables},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.port = self._port_of_ready_line(self._process)

    def kill(self) -> None:
        """End it without any chance to say goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, as an operator would."""
        self._end(signal.SIGTERM)

    def get(self, path: str) -> Any:
        """Read something over REST."""
        answer = httpx.get(self.url + path, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send a command over REST."""
        answer = httpx.post(self.url + path, json=body or {}, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)
        if process.stdout:
            process.stdout.close()

    def _port_of_ready_line(self, process: subprocess.Popen[str]) -> int:
        lines: queue.Queue[str] = queue.Queue()
        stdout = process.stdout
        assert stdout is not None

        def read() -> None:
            for line in stdout:
                lines.put(line)
            lines.put("")

        threading.Thread(target=read, daemon=True).start()
        deadline = time.monotonic() + START_WITHIN_S
        seen = ""
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = lines.get(timeout=left)
            except queue.Empty:
                break
            seen += line
            if found := re.search(r"http://[\w.\[\]:]+:(\d+)", line):
                return int(found[1])
            if not line:
                break
        process.kill()
        process.wait(timeout=5)
        pytest.fail(f"the server gave no ready line within {START_WITHIN_S} s:\n{seen}\n{self.log[-3000:]}")


@pytest.fixture(scope="session")
def base_url() -> None:
    """Addresses differ per test; the plugin's own fixture of this name is not fit for our pytest."""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Launch the Chromium that this project pins; a machine without one fails, it does not skip."""
    try:
        chromium = browser.find()
    except browser.NoBrowser as error:
        pytest.fail(str(error))
    return {
        **browser_type_launch_args,
        "executable_path": str(chromium.executable),
        "env": {**os.environ, **chromium.environment},
        "args": FLAGS,
    }


@pytest.fixture
def provider() -> Iterator[OpenAIServer]:
    """A model provider that says the same to the same prompt."""
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def server(tmp_path: Path, provider: OpenAIServer) -> Iterator[PerdureServer]:
    """A server with no sessions yet, whose only model is the provider's."""
    started = PerdureServer(tmp_path / "data", provider.environment())
    started.start()
    try:
        yield started
    finally:
        provider.release()
        started.kill()


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


@pytest.fixture(autouse=True)
def _no_page_errors(page: Page) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """No script of ours may fail unnoticed."""
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield
    assert errors == []


def shoot(page: Page, name: str) -> None:
    """Keep a picture for people to look at."""
    ARTEFACTS.mkdir(exist_ok=True)
    (ARTEFACTS / ".gitignore").write_text("*\n")
    page.screenshot(path=ARTEFACTS / f"{name}.png")


def assert_accessible(page: Page) -> None:
    """Fail on any rule that axe finds broken on the page as it is."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())
    result = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    found = [f"{v['id']}: {[n['html'][:160] for n in v['nodes']][:3]}" for v in result["violations"]]
    assert found == [], "\n".join(found)


def assert_not_wider_than_the_screen(page: Page) -> None:
    """Fail when the page can be scrolled sideways."""
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
