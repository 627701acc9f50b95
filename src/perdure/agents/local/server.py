"""Keep one child process with a model alive, and say how far along it is."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from perdure.agents.local import openmp
from perdure.agents.local.cpu import missing_features
from perdure.agents.local.state import Address, LocalModelUnavailable, ServerState, Status
from perdure.agents.local.turnstile import Turnstile
from perdure.agents.local.weights import Progress
from perdure.errors import PerdureError

READY_TIMEOUT_S = 300.0

_LOAD_TIMEOUT_S = 240.0
_STOP_TIMEOUT_S = 5.0
_MAX_FAILED_STARTS = 4
_RETRY_FAILED_AFTER_S = 30.0
_STEADY_AFTER_S = 60.0
_BACKOFF_S = (0.2, 1.0, 5.0, 20.0)
_NICENESS = 5


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What to serve. `prepare` returns the weights file; it may block and reports its progress."""

    model_id: str
    label: str
    context_tokens: int
    prepare: Callable[[Progress], Path]
    is_installed: Callable[[], bool]
    install: str


class LocalModelServer:
    """Start the child lazily in a thread of its own, restart it when it exits, stop it on close.

    Independent of any event loop: `ready` may be awaited from several.
    """

    def __init__(self, model: ServedModel, *, threads: int | None = None) -> None:
        self.model = model
        self.turnstile = Turnstile()
        self._threads = threads or min(4, os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._state = ServerState(Status.IDLE, model.model_id, model.label)
        self._failed_at = 0.0
        self._address: Address | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._waiters: list[Future[Address]] = []

    @property
    def state(self) -> ServerState:
        """The state now; never blocks."""
        state = self._state
        if state.status is Status.IDLE and (reason := self._why_absent()):
            state = replace(state, status=Status.ABSENT, reason=reason)
        return replace(state, waiting=self.turnstile.waiting, busy=self.turnstile.busy)

    @property
    def pid(self) -> int | None:
        """The live child's process id."""
        process = self._process
        return process.pid if process else None

    def start(self) -> None:
        """Begin to prepare and load in the background. Does nothing while that goes on or is done."""
        with self._lock:
            if self._closing.is_set() or (self._thread and self._thread.is_alive()):
                return
            self._state = replace(self._state, status=Status.PREPARING, progress=None, reason=None)
            self._thread = threading.Thread(target=self._supervise, name="local-model", daemon=True)
            self._thread.start()

    async def ready(self, timeout_s: float = READY_TIMEOUT_S) -> Address:
        """Return where the model answers, starting it when needed.

        Raises:
            LocalModelUnavailable: not installed, failed to start, closed, or not ready in time.
        """
        state = self.state
        if state.status in {Status.ABSENT, Status.CLOSED}:
            raise self._unavailable(state)
        if state.status is Status.FAILED and time.monotonic() - self._failed_at < _RETRY_FAILED_AFTER_S:
            raise self._unavailable(state)
        self.start()
        waiter: Future[Address] = Future()
        with self._lock:
            if self._address:
                return self._address
            if self._state.status in {Status.FAILED, Status.CLOSED}:
                raise self._unavailable(self._state)
            self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.wrap_future(waiter)
        except TimeoutError as error:
            raise self._unavailable(self.state) from error
        finally:
            with self._lock:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)

    def replace_child(self, address: Address) -> None:
        """End the child at `address`, whose connection broke, so that nobody is sent there again."""
        with self._lock:
            if self._address == address:
                self._address = None
                self._state = replace(self._state, status=Status.LOADING)
                if self._process:
                    self._process.kill()

    async def aclose(self) -> None:
        """Stop the child and wait until it is gone. After that the server cannot be started again."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Do what `aclose` does, blocking."""
        self._closing.set()
        with self._lock:
            thread, process = self._thread, self._process
        if process:
            _end(process)
        if thread:
            thread.join()
        self._settle(Status.CLOSED, "the server is shutting down")

    def _supervise(self) -> None:
        failures = 0
        while not self._closing.is_set():
            began = time.monotonic()
            try:
                reason = self._serve_once()
            except (PerdureError, OSError) as error:
                self._settle(Status.FAILED, str(error))
                return
            failures = 0 if time.monotonic() - began > _STEADY_AFTER_S else failures + 1
            if failures >= _MAX_FAILED_STARTS:
                self._settle(Status.FAILED, reason)
                return
            with self._lock:
                restarts = self._state.restarts + 1
                self._state = replace(self._state, status=Status.LOADING, reason=reason, restarts=restarts)
            self._closing.wait(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])

    def _serve_once(self) -> str:
        """Run one child until it ends and return why it did."""
        if missing := missing_features():
            features = ", ".join(flag.upper() for flag in missing)
            raise LocalModelUnavailable(
                f"the local model needs a processor with {features}; use a provider instead"
            )
        path = self.model.prepare(self._report_progress)
        with self._lock:
            self._state = replace(self._state, status=Status.LOADING, progress=None)
        libraries = tempfile.TemporaryDirectory(prefix="perdure-model-")
        with tempfile.TemporaryFile() as errors, libraries as folder:
            environment = openmp.environment(Path(folder))
            with self._lock:
                if self._closing.is_set():
                    return "closing"
                process = self._process = _spawn(errors, environment)
            try:
                said = self._introduce(process, path)
                libraries.cleanup()  # what is loaded needs it no more, and a server that is killed cannot
                if isinstance(said, Address):
                    self._announce(said)
                code = process.wait()
            finally:
                with self._lock:
                    self._address = self._process = None
                _end(process)
            return _why_it_ended(code, errors, said if isinstance(said, str) else None)

    def _introduce(self, process: subprocess.Popen[bytes], path: Path) -> Address | str | None:
        """Return where the child answers, what it says is wrong, or None if it says nothing."""
        assert process.stdin
        assert process.stdout
        api_key = secrets.token_urlsafe(24)
        config = {
            "model_path": str(path),
            "model_id": self.model.model_id,
            "context_tokens": self.model.context_tokens,
            "threads": self._threads,
            "api_key": api_key,
            "parent_pid": os.getpid(),
            "niceness": _NICENESS,
        }
        overdue = threading.Timer(_LOAD_TIMEOUT_S, process.kill)
        overdue.daemon = True
        overdue.start()
        try:
            process.stdin.write(json.dumps(config).encode() + b"\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline() or b"{}")
        except (BrokenPipeError, ValueError):
            return None
        finally:
            overdue.cancel()
        if "address" in answer:
            return Address(f"{answer['address']}/v1", api_key)
        return str(answer["error"]) if "error" in answer else None

    def _announce(self, address: Address) -> None:
        with self._lock:
            self._address = address
            self._state = replace(self._state, status=Status.READY, progress=None, reason=None)
            waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.set_running_or_notify_cancel():
                waiter.set_result(address)

    def _settle(self, status: Status, reason: str) -> None:
        with self._lock:
            self._failed_at = time.monotonic()
            self._state = replace(self._state, status=status, progress=None, reason=reason)
            waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.set_running_or_notify_cancel():
                waiter.set_exception(self._unavailable(self._state))

    def _report_progress(self, share: float) -> None:
        if self._closing.is_set():
            raise LocalModelUnavailable("the server is shutting down")
        self._state = replace(self._state, progress=round(share, 3))

    def _why_absent(self) -> str | None:
        if importlib.util.find_spec("xllamacpp") is None or not self.model.is_installed():
            return f"not installed: install {self.model.install}"
        return None

    def _unavailable(self, state: ServerState) -> LocalModelUnavailable:
        reason = state.reason or f"it is {state.status}"
        return LocalModelUnavailable(f"the {state.label} cannot answer: {reason}", state=state.to_dict())


def _spawn(errors: IO[bytes], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    child = Path(__file__).with_name("child.py")
    # Its own session: a Ctrl-C in the terminal is ours to handle, and the child follows when we end.
    return subprocess.Popen(
        [sys.executable, "-P", str(child)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
        cwd="/",
        env={**os.environ, **environment},
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe and not pipe.closed:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _why_it_ended(code: int, errors: IO[bytes], said: str | None) -> str:
    if said is not None:
        hint = f" (Debian: apt-get install {openmp.PACKAGE})" if openmp.NAME in said else ""
        return f"the model's process could not start: {said}{hint}"
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 2000))
    last_words = errors.read().decode("utf-8", "replace").strip().splitlines()[-3:]
    return " ".join([f"the model's process ended with {code}", *last_words])
