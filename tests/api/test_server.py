"""Starting and ending the real process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from perdure.api.guard import is_loopback
from perdure.api.server import check, listen
from perdure.config import load_settings
from perdure.errors import StartupError

PROGRAM = (
    "from perdure.config import load_settings; from perdure.api.server import serve; serve(load_settings())"
)


def test_refuses_to_be_reachable_without_sign_in(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.168.1.4", "::"):
        with pytest.raises(StartupError, match="PERDURE_AUTH"):
            check(load_settings(host=host, data_dir=tmp_path))
    check(load_settings(host="127.0.0.1", data_dir=tmp_path))


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("localhost", True),
        ("a.localhost", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("localhost.evil.example", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_knows_what_means_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_says_that_the_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StartupError, match="PERDURE_PORT"):
            listen("127.0.0.1", taken.getsockname()[1])


def test_prints_one_ready_line_serves_and_ends_on_a_signal(tmp_path: Path) -> None:
    environment = {**os.environ, "PERDURE_PORT": "0", "PERDURE_DATA_DIR": str(tmp_path)}
    server = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("Perdure 0.")
        address = line.split()[-1]
        assert httpx.get(f"{address}/ready", trust_env=False).status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) in {0, -signal.SIGTERM}
        assert server.stdout.read() == ""
    finally:
        server.kill()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()
