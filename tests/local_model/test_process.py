"""The model's process: alone, locked, replaced when it dies, and never left behind."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from perdure.agents.local.model import LocalModelInterrupted
from perdure.agents.local.server import LocalModelServer
from perdure.agents.local.state import LocalModelUnavailable, Status
from perdure.agents.models import ModelCatalog

SHORT = ModelSettings(max_tokens=4)
LONG = ModelSettings(max_tokens=1500)

PARENT = """
import asyncio, sys
from collections.abc import Callable
from pathlib import Path
from perdure.agents.models import ModelCatalog
async def main():
    catalog = ModelCatalog(Path(sys.argv[1]))
    server = catalog.resolve("local-tiny")._server
    if sys.argv[2] == "loading":
        server.start()
        while not server.pid:
            await asyncio.sleep(0.001)
    else:
        await server.ready()
    print(server.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - states have no event
            await asyncio.sleep(0.01)


async def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.mark.parametrize("moment", ["loading", "ready"])
async def test_dies_with_its_parent(tmp_path_factory: pytest.TempPathFactory, moment: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "weights"
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))}
    command = [sys.executable, "-c", PARENT, str(folder), moment]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:  # noqa: ASYNC220
        assert parent.stdout
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert psutil.pid_exists(pid)

        parent.kill()

    assert await gone_within(pid, 2)


async def test_close_leaves_nothing(model: Model, server: LocalModelServer) -> None:
    await server.ready()
    pid = server.pid
    assert pid

    await server.aclose()

    assert not psutil.pid_exists(pid)
    assert server.state.status is Status.CLOSED
    with pytest.raises(LocalModelUnavailable):
        await Agent(model).run("Hi")


async def test_is_replaced_when_it_is_killed(model: Model, server: LocalModelServer) -> None:
    await Agent(model).run("Hi", model_settings=SHORT)
    before = server.pid
    assert before

    os.kill(before, signal.SIGKILL)
    assert await gone_within(before, 2)
    await until(lambda: server.state.status is not Status.READY)
    result = await Agent(model).run("Hi", model_settings=SHORT)

    assert result.output
    assert server.pid != before
    assert server.state.restarts == 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_cut_by_a_crash_is_an_error_that_may_be_retried(
    model: Model, server: LocalModelServer, streamed: bool
) -> None:
    agent = Agent(model)

    async def ask() -> None:
        if not streamed:
            await agent.run("Tell a long story.", model_settings=LONG)
            return
        async with agent.run_stream("Tell a long story.", model_settings=LONG) as stream:
            async for _ in stream.stream_text(delta=True):
                pass

    await server.ready()
    answer = asyncio.create_task(ask())
    await asyncio.sleep(0.5)
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)

    with pytest.raises(LocalModelInterrupted):
        await answer
    assert (await agent.run("Hi", model_settings=SHORT)).output


async def test_cancelling_frees_the_model(model: Model, server: LocalModelServer) -> None:
    await server.ready()
    answer = asyncio.create_task(Agent(model).run("Tell a long story.", model_settings=LONG))
    await asyncio.sleep(0.5)
    assert server.state.busy

    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    assert not server.state.busy
    async with asyncio.timeout(5):
        await Agent(model).run("Hi", model_settings=SHORT)


async def test_leaving_a_stream_frees_the_model(model: Model, server: LocalModelServer) -> None:
    async with Agent(model).run_stream("Tell a long story.", model_settings=LONG) as stream:
        async for _ in stream.stream_text(delta=True, debounce_by=None):
            break

    assert not server.state.busy
    async with asyncio.timeout(5):
        await Agent(model).run("Hi", model_settings=SHORT)


async def test_answers_nobody_without_the_key(server: LocalModelServer) -> None:
    address = await server.ready()

    def status(path: str, key: str | None) -> int:
        request = urllib.request.Request(address.url.removesuffix("/v1") + path)
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return response.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    statuses = await asyncio.to_thread(
        lambda: (
            status("/v1/models", None),
            status("/v1/models", "wrong"),
            status("/v1/models", address.api_key),
        )
    )
    assert statuses == (401, 401, 200)
    assert address.url.startswith("http://127.0.0.1:")


async def test_holds_no_file_or_secret_of_its_parent(server: LocalModelServer, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        fcntl.flock(lock, fcntl.LOCK_EX)
        address = await server.ready()
        assert server.pid
        child = psutil.Process(server.pid)
        held = [file.path for file in child.open_files()]

    assert str(tmp_path / "lock") not in held
    assert address.api_key not in " ".join(child.cmdline())
    assert address.api_key not in child.environ().values()
    assert child.cwd() == "/"


async def test_starts_only_when_it_is_asked(catalog: ModelCatalog) -> None:
    catalog.resolve("local-tiny")
    assert "local-tiny" in catalog.state()
    assert catalog.state()["local-tiny"]["status"] == "idle"

    catalog.warm("local-tiny")
    await until(lambda: catalog.state()["local-tiny"]["status"] == "ready")
