"""Servers in processes of their own: ours as it is shipped, and bare ones."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import ROOT

_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class ServerProcess:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    started_in: float
    """Seconds from its start to the line that says where it listens."""

    def memory_mb(self) -> float:
        """Return its resident memory."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        return int(found[1]) / 1024 if found else 0.0

    def cpu_seconds(self) -> float:
        """Return the processor time it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def perdure_server(folder: Path, **environment: str) -> Iterator[ServerProcess]:
    """Start `perdure serve` on a free port."""
    settings = {
        "PERDURE_DATA_DIR": str(folder),
        "PERDURE_PORT": "0",
        "PERDURE_HOST": "127.0.0.1",
        "PERDURE_MODEL": "openai:none",
        "PERDURE_LOG_LEVEL": "WARNING",
        **environment,
    }
    with _started([str(Path(sys.executable).with_name("perdure")), "serve"], settings) as server:
        yield server


@contextmanager
def bare_server(application: str, folder: Path) -> Iterator[ServerProcess]:
    """Start a bare application (`module:name`) the way ours is served: uvicorn, uvloop, the same socket protocol."""
    with _started(
        [sys.executable, "-m", "benchmarks.bare_server", application], {"BENCH_FOLDER": str(folder)}
    ) as server:
        yield server


@contextmanager
def _started(command: list[str], environment: dict[str, str]) -> Iterator[ServerProcess]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PERDURE_")}
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env={**kept, **environment}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        while not (found := _ADDRESS.search(line := process.stdout.readline())):
            if not line:
                raise RuntimeError(f"{command[0]} ended with {process.wait()}")
        yield ServerProcess(process, int(found[1]), time.perf_counter() - begun)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
