"""An hour of requests made from the description of the interface, as everybody side by side.

The report says for each operation what was answered to whom. `PERDURE_FUZZ_SECONDS` names another time.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.attack.described_attack import Attack
from tests.attack.described_world import described_world

SECONDS = float(os.environ.get("PERDURE_FUZZ_SECONDS", "3600"))

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]


def test_an_hour_as_everybody_gives_described_answers_alone(tmp_path: Path, report: Path) -> None:
    with described_world(tmp_path) as world:
        attack = Attack(world)
        attack.run(SECONDS, report / "described-answers.md")
    assert not attack.failures, attack.said()
    assert attack.untried() == set()
    assert attack.never_succeeded() == set()
