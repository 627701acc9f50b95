"""A real server as a process of its own, to be killed and started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx

from tests.provision import forked

START_TIMEOUT_S = 60


class PerdureServer:
    """`perdure serve` on one port and one data folder, as often as a test wants."""

    def __init__(self, data_dir: Path, environment: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.port = _free_port()
        self.environment = {
            **os.environ,
            "PERDURE_DATA_DIR": str(data_dir),
            "PERDURE_PORT": str(self.port),
            **(environment or {}),
        }
        self._process: forked.Program | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Base address for a client."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and wait until it is ready."""
        process = self.launch()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log()}")
            time.sleep(0.05)

    def launch(self) -> forked.Program:
        """Start, and wait for nothing."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        log = self.data_dir / "server.log"
        self._process = forked.start(["serve"], self.environment, Path.cwd(), stdout=log, stderr=log)
        return self._process

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def interrupt_twice(self) -> None:
        """End it as somebody does who presses Ctrl-C and cannot wait."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it without a warning."""
        self._end(signal.SIGKILL)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it do nothing for a while, as on a machine that sleeps."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """Return what the server has printed."""
        return (self.data_dir / "server.log").read_text()

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
