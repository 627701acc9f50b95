"""`kill -9` at random moments: no finished step runs again, nothing acknowledged is lost."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable

import pytest

from perdure.client import Perdure
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer
from tests.faults.killing import check_ledger

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

_KILLS = 5
_LAST_CALL = "Write the final text"
_STEPS = ["plan", "step-1", "step-2", "step-3", "report"]


def test_a_planned_run_survives_kills_at_random_moments(
    server: PerdureServer, provider: OpenAIServer
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    dice = random.Random(seed)
    provider.set_delay(0.02)
    provider.hold(_LAST_CALL)  # however fast the machine is, the run is there for the last kill
    with Perdure(server.url) as client:
        submitted = client.runs.submit("Summarise the notes, saved as brief.md", {"mode": "planning-control"})
        for _ in range(_KILLS):
            time.sleep(dice.uniform(0.1, 1.5))
            server.kill()
            server.start()
        assert client.runs.get(submitted.run_id).status in ("queued", "running"), f"seed {seed}"
        provider.release()
        deadline = time.monotonic() + 120
        while client.runs.get(submitted.run_id).status != "completed":
            assert time.monotonic() < deadline, f"seed {seed}: {server.log()[-2000:]}"
            time.sleep(0.1)

        events = client.sessions.events(submitted.session_id, limit=200).events
        costs = client.sessions.costs(submitted.session_id)
        kinds = Counter((e.type, e.data.get("key")) for e in events)

    assert [e.seq for e in events] == list(range(1, len(events) + 1)), f"seed {seed}"
    for key in _STEPS:
        assert kinds["step_started", key] == 1, f"seed {seed}"
        assert kinds["step_completed", key] == 1, f"seed {seed}"
    assert kinds["workflow_started", None] == kinds["workflow_complete", None] == 1, f"seed {seed}"
    repeated = sum(count - 1 for count in provider.counts.values())
    assert repeated <= _KILLS, f"seed {seed}: {provider.counts}"
    assert check_ledger(costs, provider.calls, f"seed {seed}") <= _KILLS, f"seed {seed}"
    assert (server.data_dir / "workspaces" / submitted.session_id / "brief.md").exists()


def test_an_acknowledged_pause_holds_through_a_kill(server: PerdureServer, provider: OpenAIServer) -> None:
    provider.hold("YOUR STEP (1)")
    with Perdure(server.url) as client:
        submitted = client.runs.submit("Summarise the notes", {"mode": "planning-control"})
        provider.wait_until_held()
        client.sessions.suspend(submitted.session_id)
        server.kill()
        provider.release()
        server.start()
        deadline = time.monotonic() + 30
        while client.runs.get(submitted.run_id).status != "paused":
            assert time.monotonic() < deadline, server.log()[-2000:]
            time.sleep(0.05)
        calls = len(provider.calls)
        time.sleep(1)

        assert len(provider.calls) == calls
        client.sessions.resume(submitted.session_id)
        for _ in client.stream(submitted.session_id, after=0, until_idle=True):
            pass
        assert client.runs.get(submitted.run_id).status == "completed"


@pytest.mark.parametrize("end", [PerdureServer.stop, PerdureServer.interrupt_twice])
def test_a_terminated_server_ends_soon_and_the_run_goes_on_after(
    server: PerdureServer, provider: OpenAIServer, end: Callable[[PerdureServer], None]
) -> None:
    provider.hold("YOUR STEP (2)")
    with Perdure(server.url) as client:
        submitted = client.runs.submit("Summarise the notes", {"mode": "planning-control"})
        provider.wait_until_held()
        started = time.monotonic()
        end(server)
        assert time.monotonic() - started < 20
        provider.release()
        server.start()
        for _ in client.stream(submitted.session_id, after=0, until_idle=True):
            pass
        assert client.runs.get(submitted.run_id).status == "completed"
    assert sum(count - 1 for count in provider.counts.values()) <= 1
