"""The tool server of `mcp_server`, over HTTP on loopback: it can ask for a key, and end in the middle of a call."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import anyio
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes.mcp_server import server

_START_S = 60


@server.tool()
async def hang(mark: str) -> str:
    """Make a file named `mark`, and never answer."""
    Path(mark).touch()  # noqa: ASYNC240 - nothing else waits
    await anyio.sleep_forever()
    return "never"


class HttpToolServer:
    """The server as a process of its own; `key` is what each request must bring as a bearer token."""

    def __init__(self, folder: Path, key: str = "open-sesame") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.key = key
        self._log = folder / "mcp.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._environment = {**os.environ, "NOTES_KEY": key, "NOTES_FILE": str(folder / "notes")}
        self.notes = folder / "notes"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/mcp"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start, and wait until it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fakes.mcp_http_server", str(self.port)],
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the tool server did not start:\n{self._log.read_text()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it without a warning."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def asked(self) -> str:
        """Return the log of its requests."""
        return self._log.read_text()

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class _WithKey:
    """Refuses every request without the key."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers") or [])
        if scope["type"] == "http" and headers.get(b"authorization") != f"Bearer {self._key}".encode():
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b"no key"})
            return
        await self._app(scope, receive, send)


if __name__ == "__main__":
    app = _WithKey(server.streamable_http_app(), os.environ["NOTES_KEY"])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="info")
