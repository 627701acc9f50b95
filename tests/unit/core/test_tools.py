"""What tools may do without asking, the mark of one exact call, and its event."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.core.events import ToolCall
from perdure.core.shortened import MOST_BYTES
from perdure.core.tools import DEFAULT_PERMISSIONS, Permission, ToolCategory, call_hash, permission_for

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_ARGUMENTS = st.dictionaries(st.text(max_size=4), _JSON, max_size=4)


@pytest.mark.parametrize(
    ("category", "configured", "granted"), list(product(ToolCategory, [None, *Permission], [False, True]))
)
def test_a_grant_answers_a_prompt_and_lifts_no_prohibition(
    category: ToolCategory, configured: Permission | None, granted: bool
) -> None:
    given_ = {} if configured is None else {category: configured}
    holds = permission_for(category, given_, frozenset({category} if granted else ()))
    asked = configured or DEFAULT_PERMISSIONS[category]
    expected = Permission.AUTO_ALLOW if asked is Permission.PROMPT and granted else asked
    assert holds is expected


def test_a_grant_of_one_category_is_none_of_another() -> None:
    granted = frozenset(ToolCategory) - {ToolCategory.SHELL}
    assert permission_for(ToolCategory.SHELL, {}, granted) is Permission.PROMPT


def test_only_reading_and_writing_in_the_workspace_need_no_question() -> None:
    assert set(DEFAULT_PERMISSIONS) == set(ToolCategory)
    allowed = {c for c in ToolCategory if permission_for(c, {}, frozenset()) is Permission.AUTO_ALLOW}
    assert allowed == {ToolCategory.READ_ONLY, ToolCategory.FILE_WRITE}


@given(_ARGUMENTS)
def test_the_order_of_arguments_does_not_change_the_mark(arguments: dict[str, Any]) -> None:
    assert call_hash("t", dict(reversed(arguments.items()))) == call_hash("t", arguments)


@given(st.text(max_size=4), _ARGUMENTS, st.text(max_size=4), _ARGUMENTS)
def test_two_calls_have_one_mark_only_if_they_are_one(
    tool: str, arguments: dict[str, Any], other: str, others: dict[str, Any]
) -> None:
    # As texts: Python takes 1 and True for the same, and JSON does not.
    same = tool == other and repr(sorted(arguments.items())) == repr(sorted(others.items()))
    if same:
        assert call_hash(tool, arguments) == call_hash(other, others)
    elif arguments != others or tool != other:
        assert call_hash(tool, arguments) != call_hash(other, others)


def test_a_mark_can_be_made_by_any_program() -> None:
    # echo -n '["run",{"a":"ü","b":[1,true]}]' | sha256sum
    assert call_hash("run", {"b": [1, True], "a": "ü"}) == (
        "64a5f5248998be9ae91767bdcbc18bada1a869f0245fd39fcb59614adb900498"
    )
    assert call_hash("run", {"n": 1}) != call_hash("run", {"n": True}) != call_hash("run", {"n": "1"})


def test_the_event_of_a_call_shows_what_fits_and_says_what_all_of_it_is() -> None:
    small = ToolCall.of("c", "read", {"path": "a"}, agent="engineer")
    assert (small.arguments, small.whole, small.agent) == ({"path": "a"}, None, "engineer")
    large = ToolCall.of("c", "write", {"path": "a", "content": "x" * 2 * MOST_BYTES})
    assert large.arguments["path"] == "a"
    assert large.whole is not None
    assert large.whole.size > 2 * MOST_BYTES
    assert len(large.model_dump_json()) < MOST_BYTES + 1000
