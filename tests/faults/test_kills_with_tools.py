"""`kill -9` at random moments of runs with effects: each happens at most once, or is asked about."""

from __future__ import annotations

import json
import os
import random
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer
from tests.faults.killing import Killer

pytestmark = pytest.mark.faults

MANY = int(os.environ.get("PERDURE_KILLS", "200"))
"""How many in the long tests; a fewer at a time is as good, since each time has another seed."""


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(5, marks=pytest.mark.timeout(300)),
        pytest.param(MANY, marks=[pytest.mark.soak, pytest.mark.timeout(0)]),
    ],
)
def test_effects_happen_at_most_once_or_are_asked_about(
    server: PerdureServer, provider: OpenAIServer, kills: int
) -> None:
    """PERDURE_KILLS_SEED repeats the moments of an earlier run, as far as the machine does."""
    seed = int(os.environ.get("PERDURE_KILLS_SEED") or random.SystemRandom().randrange(10**6))
    seen = Killer(server, provider, seed).kill(kills)

    assert seen.kills >= kills
    assert seen.asked <= seen.kills
    assert seen.effects_known_to_have_ended > 0
    if kills == MANY:
        assert seen.asked > 0
        report = Path(os.environ.get("PERDURE_SOAK_REPORT", ".cache/soak"))
        report.mkdir(parents=True, exist_ok=True)
        (report / f"kills-{seed}.json").write_text(json.dumps(asdict(seen), indent=2) + "\n")
