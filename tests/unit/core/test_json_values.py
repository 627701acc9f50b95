"""What JSON is, and how a place that is not JSON is named."""

from __future__ import annotations

import json
import math
from pathlib import PurePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.core.json_values import fault_in_json

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=10,
)


@given(_VALUES)
def test_what_comes_back_as_it_was_is_json(value: Any) -> None:
    assert fault_in_json(value) is None
    assert json.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ((1, 2), "it is a tuple"),
        ({"files": [PurePath("a")]}, "['files'][0] is a PurePosixPath"),
        ({"at": OSError()}, "['at'] is an OSError"),
        ({1: "one"}, "it is a dict with the key 1, which is no text"),
        ({"a": {None: 1}}, "['a'] is a dict with the key None, which is no text"),
        ([math.nan], "[0] is nan, which JSON has no number for"),
        (-math.inf, "it is -inf, which JSON has no number for"),
        ([0, 2**64], "[1] is a number of more than 64 bits"),
        (-(2**63) - 1, "it is a number of more than 64 bits"),
        (["\ud800"], "[0] is text that is not Unicode"),
    ],
)
def test_what_would_come_back_otherwise_is_named_with_its_place(value: Any, fault: str) -> None:
    assert fault_in_json(value) == fault


def test_a_list_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    assert "levels deep, or holds itself" in (fault_in_json(endless) or "")
