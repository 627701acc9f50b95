"""Two servers on one PostgreSQL: what one was doing when it died, the other brings to its end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pytest

from perdure.client import Perdure
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_STEPS = ["plan", "step-1", "step-2", "step-3", "report"]
_LEASE = "3s"


@pytest.fixture
def servers(
    provider: OpenAIServer, tmp_path: Path, ready_postgres_url: str
) -> Iterator[tuple[PerdureServer, PerdureServer]]:
    environment = {
        **provider.environment(),
        "PERDURE_DATABASE_URL": ready_postgres_url,
        "PERDURE_SERVER_LEASE": _LEASE,
    }
    with ExitStack() as stack:
        yield (
            stack.enter_context(PerdureServer(tmp_path / "data", environment)),
            stack.enter_context(PerdureServer(tmp_path / "data", environment)),
        )


def _until(condition: Callable[[], bool], server: PerdureServer) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, server.log()[-3000:]
        time.sleep(0.1)


def _at_work(url: str, run_id: str, servers: tuple[PerdureServer, PerdureServer]) -> PerdureServer:
    """Return the server that carries the run out."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT worker FROM pd_runs WHERE id = %s", (run_id,)).fetchone()
    assert row is not None
    ids = {httpx.get(f"{s.url}/ready", trust_env=False).json()["server_id"]: s for s in servers}
    return ids[row[0]]


@pytest.mark.parametrize("held_at", ["YOUR STEP (2)", "YOUR STEP (3)"])
def test_the_run_of_a_killed_server_completes_on_the_other(
    servers: tuple[PerdureServer, PerdureServer],
    provider: OpenAIServer,
    ready_postgres_url: str,
    held_at: str,
) -> None:
    provider.hold(held_at)
    with Perdure(servers[0].url) as client:
        submitted = client.runs.submit("Summarise the notes, saved as brief.md", {"mode": "planning-control"})
        provider.wait_until_held()
    dead = _at_work(ready_postgres_url, submitted.run_id, servers)
    other = servers[1] if dead is servers[0] else servers[0]
    dead.kill()
    _until(lambda: sum(held_at in call.prompt for call in provider.calls) == 2, other)
    provider.release()

    with Perdure(other.url) as client:
        _until(lambda: client.runs.get(submitted.run_id).status in ("completed", "failed"), other)
        run = client.runs.get(submitted.run_id)
        events = client.sessions.events(submitted.session_id, limit=500).events
    assert run.status == "completed", run.error
    assert run.attempt == 1
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    kinds = Counter((e.type, e.data.get("key")) for e in events)
    for key in _STEPS:
        assert (kinds["step_started", key], kinds["step_completed", key]) == (1, 1), key
    assert kinds["workflow_started", None] == kinds["workflow_complete", None] == 1
    assert kinds["workflow_resumed", None] == 1
    assert sorted(provider.counts.values())[-2:] == [1, 2]  # only the call in flight was made once more
    assert (other.data_dir / "workspaces" / submitted.session_id / "brief.md").exists()


def test_a_server_that_comes_to_life_again_writes_nothing_into_a_run_it_lost(
    servers: tuple[PerdureServer, PerdureServer], provider: OpenAIServer, ready_postgres_url: str
) -> None:
    provider.hold("YOUR STEP (2)")
    with Perdure(servers[0].url) as client:
        submitted = client.runs.submit("Summarise the notes", {"mode": "planning-control"})
        provider.wait_until_held()
    frozen = _at_work(ready_postgres_url, submitted.run_id, servers)
    other = servers[1] if frozen is servers[0] else servers[0]
    with frozen.frozen():
        _until(lambda: sum("YOUR STEP (2)" in call.prompt for call in provider.calls) == 2, other)
    provider.release()

    with Perdure(other.url) as client:
        _until(lambda: client.runs.get(submitted.run_id).status in ("completed", "failed"), other)
        assert client.runs.get(submitted.run_id).status == "completed"
        events = client.sessions.events(submitted.session_id, limit=500).events
    kinds = Counter((e.type, e.data.get("key")) for e in events)
    for key in _STEPS:
        assert (kinds["step_started", key], kinds["step_completed", key]) == (1, 1), key
    assert kinds["workflow_complete", None] == 1
    assert "workflow_failed" not in {e.type for e in events}
