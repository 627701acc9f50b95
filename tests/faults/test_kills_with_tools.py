"""`kill -9` at random moments of a run with effects: each happens at most once, or is asked about."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter

import pytest

from perdure.client import Perdure
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800 if os.environ.get("PERDURE_SOAK") else 300)]

_KILLS = 200 if os.environ.get("PERDURE_SOAK") else 5
_STEPS = 3


def _task() -> str:
    ring = {"command": "sleep 0.3; echo rung >> bells.txt; sleep 0.3"}
    return (
        f"Gather the facts. [[call run_shell {json.dumps(ring)}]] "
        f"[[call write_file {json.dumps({'path': 'facts.md', 'content': '# Facts'})}]]"
    )


def test_effects_happen_at_most_once_or_are_asked_about(
    server: PerdureServer, provider: OpenAIServer
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    dice = random.Random(seed)
    provider.set_delay(0.02)
    kills = asked = entered = 0
    with Perdure(server.url) as client:
        while kills < _KILLS:
            submitted = client.runs.submit(
                _task(), {"mode": "planning-control", "tool_permissions": {"shell": "auto_allow"}}
            )
            here = 0
            deadline = time.monotonic() + 120
            while (status := client.runs.get(submitted.run_id).status) != "completed":
                assert time.monotonic() < deadline, f"seed {seed}: {status}\n{server.log()[-2000:]}"
                assert status not in ("failed", "cancelled"), f"seed {seed}"
                if status == "waiting":
                    for question in client.approvals.list(session_id=submitted.session_id).approvals:
                        assert question.request_data["outcome"] == "unknown", f"seed {seed}"
                        client.approvals.answer(question.approval_id, "skip")
                        asked += 1
                if here < 5 and kills < _KILLS:
                    time.sleep(dice.uniform(0.1, 1.2))
                    server.kill()
                    kills, here = kills + 1, here + 1
                    server.start()
                    deadline = time.monotonic() + 120
                time.sleep(0.05)

            events = client.sessions.events(submitted.session_id, limit=1000).events
            costs = client.sessions.costs(submitted.session_id)
            kinds = Counter((e.type, e.data.get("key")) for e in events)
            assert [e.seq for e in events] == list(range(1, len(events) + 1)), f"seed {seed}"
            for key in ("plan", *(f"step-{n + 1}" for n in range(_STEPS)), "report"):
                assert kinds["step_completed", key] == 1, f"seed {seed}"
            bells = server.data_dir / "workspaces" / submitted.session_id / "bells.txt"
            rung = len(bells.read_text().splitlines()) if bells.exists() else 0
            assert rung <= _STEPS, f"seed {seed}: an effect was repeated in silence"
            results = [e for e in events if e.type == "tool_result" and e.data["tool"] == "run_shell"]
            assert len(results) == _STEPS, f"seed {seed}"
            entered += costs.calls

    assert asked <= kills, f"seed {seed}"
    assert entered >= len(provider.calls), f"seed {seed}: a call is missing in the ledger"
