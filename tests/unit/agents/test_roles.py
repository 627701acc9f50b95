"""Roles are stable: their ids are stored and their prompts are cached."""

from __future__ import annotations

import pytest

from perdure.agents.profiles import LARGE, SMALL, STARTER, TINY
from perdure.agents.roles import ROLES, Role


def test_ids_do_not_change() -> None:
    assert list(ROLES) == [
        "planner",
        "reviewer",
        "researcher",
        "engineer",
        "summariser",
        "idea-maker",
        "idea-critic",
        "router",
    ]
    assert all(role.id == id_ for id_, role in ROLES.items())


@pytest.mark.parametrize("role", ROLES.values(), ids=lambda role: role.id)
def test_small_models_get_few_words(role: Role) -> None:
    assert role.instructions_for(LARGE) == role.instructions
    for profile in (STARTER, SMALL, TINY):
        assert len(role.instructions_for(profile).split()) <= 50
