"""Whatever is sent to a described operation, by whomever: never a server error, never an answer not described.

It is one minute in all, or as long as every operation takes once: each request is sent as all nine kinds of people, one
after the other, so each of them has a ninth of the time. `tests/soak` takes an hour in the same way; `PERDURE_FUZZ_SECONDS`
says how long otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.attack.described_attack import Attack
from tests.attack.described_world import described_world

SECONDS = float(os.environ.get("PERDURE_FUZZ_SECONDS", "60"))

pytestmark = pytest.mark.timeout(SECONDS * 2 + 600)


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attack]:
    """All requests sent; the tests look at what came of them."""
    with described_world(tmp_path_factory.mktemp("described")) as world:
        made = Attack(world)
        made.run(SECONDS)
        yield made


def test_no_server_error_and_no_undescribed_answer(attack: Attack) -> None:
    assert not attack.failures, attack.said()


def test_every_operation_was_tried_by_everybody_with_every_credential(attack: Attack) -> None:
    assert attack.untried() == set()


def test_every_operation_succeeded_for_those_who_may(attack: Attack) -> None:
    assert attack.never_succeeded() == set()
