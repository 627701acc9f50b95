"""`perdure serve` as a process that tests may kill and start again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.provision import forked

START_WITHIN_S = 40


class PerdureServer:
    """`perdure serve` on one data directory; it keeps its address when it is started again."""

    def __init__(self, data_dir: Path, variables: dict[str, str]) -> None:
        self.data_dir = data_dir
        self._variables = variables
        self._process: forked.Program | None = None
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
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PERDURE_", "OPENAI_"))}
        said = self._log.with_suffix(".out")
        said.unlink(missing_ok=True)
        self._process = forked.start(
            ["serve", "--port", str(self.port), "--data", str(self.data_dir)],
            {**clean, **self._variables},
            self.data_dir.parent,
            stdout=said,
            stderr=self._log,
        )
        self.port = self._port_of_ready_line(self._process, said)

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

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Change something over REST."""
        answer = httpx.request(method, self.url + path, json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def put_file(self, session_id: str, path: str, content: bytes) -> None:
        """Put a file into a session's folder."""
        url = f"{self.url}/api/sessions/{session_id}/files/{path}"
        httpx.put(url, content=content, timeout=20).raise_for_status()

    def start_session(
        self, task: str, mode: str, *, limits: dict[str, Any] | None = None, **config: Any
    ) -> str:
        """Start a session with a task, and return its id."""
        body = {"mode": mode, "name": task[:60], "config": config, "resource_limits": limits or {}}
        session_id: str = self.post("/api/sessions", body)["session_id"]
        self.post(f"/api/sessions/{session_id}/messages", {"content": task})
        return session_id

    def wait_for_run(self, session_id: str, *statuses: str, within_s: float = 60) -> dict[str, Any]:
        """Wait until the session's newest run has one of the statuses, and return the session."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            session = self.get(f"/api/sessions/{session_id}")
            if session["run_status"] in statuses:
                return session
            time.sleep(0.1)
        pytest.fail(f"the run is not {' or '.join(statuses)} after {within_s} s")

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

    def _port_of_ready_line(self, process: forked.Program, said: Path) -> int:
        deadline = time.monotonic() + START_WITHIN_S
        seen = ""
        while time.monotonic() < deadline and process.poll() is None:
            seen = said.read_text() if said.exists() else ""
            if found := re.search(r"http://[\w.\[\]:]+:(\d+)\n", seen):
                return int(found[1])
            time.sleep(0.02)
        self._end(signal.SIGKILL)
        pytest.fail(f"the server gave no ready line within {START_WITHIN_S} s:\n{seen}\n{self.log[-3000:]}")
