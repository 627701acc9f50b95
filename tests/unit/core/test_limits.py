"""Limits: which are set, what is used of each, and when to warn and to stop."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from perdure.core.limits import WARN_AT, LimitState, ResourceLimits, Usage, limit_states

_USED = Usage(cost_usd=1.5, tokens=20, seconds=3.25, steps=4)


def test_only_limits_that_are_set_have_a_state() -> None:
    assert limit_states(None, _USED, "run") == []
    assert limit_states(ResourceLimits.model_validate({}), _USED, "run") == []
    states = limit_states(
        ResourceLimits.model_validate({"max_tokens": 10, "max_seconds": 9}), _USED, "session"
    )
    assert [(s.limit, s.scope, s.allowed, s.used) for s in states] == [
        ("max_tokens", "session", 10, 20),
        ("max_seconds", "session", 9, 3.25),
    ]


def test_each_limit_counts_what_its_name_says() -> None:
    limits = ResourceLimits(max_cost_usd=1, max_tokens=1, max_seconds=1, max_steps=1)
    used = {state.limit: state.used for state in limit_states(limits, _USED, "run")}
    assert used == {"max_cost_usd": 1.5, "max_tokens": 20, "max_seconds": 3.25, "max_steps": 4}


@pytest.mark.parametrize(
    ("used", "nearly", "reached"),
    [(79, False, False), (80, True, False), (99, True, False), (100, True, True)],
)
def test_the_warning_comes_before_the_stop(used: float, nearly: bool, reached: bool) -> None:
    state = LimitState(limit="max_tokens", scope="run", allowed=100, used=used)
    assert (state.nearly, state.reached) == (nearly, reached)


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_using_more_never_takes_a_warning_or_stop_back(allowed: int, used: int, more: int) -> None:
    before, after = (
        LimitState(limit="max_tokens", scope="run", allowed=allowed, used=u) for u in (used, used + more)
    )
    assert (before.nearly, before.reached) <= (after.nearly, after.reached)
    assert before.reached == (used >= allowed)
    assert before.nearly == (used >= allowed * WARN_AT)
    assert before.nearly or not before.reached


@pytest.mark.parametrize("wrong", [{"max_steps": 0}, {"max_cost_usd": -1}, {"max_token": 1}])
def test_a_limit_that_allows_nothing_or_is_unknown_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ResourceLimits.model_validate(wrong)
