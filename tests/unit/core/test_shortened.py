"""Large arguments in events: small whatever they are, and what is small stays as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdure.core.shortened import MOST_BYTES, shortened, shortened_text


def test_what_is_small_stays_as_it_is() -> None:
    arguments = {"path": "a.md", "lines": list(range(500)), "deep": {"a": [None, True]}}
    assert shortened(arguments) == (arguments, None)


@pytest.mark.parametrize(
    "arguments",
    [
        {"content": "x" * 50_000, "path": "a.md"},
        {"content": "ü" * 20_000, "path": "a.md"},
        {"rows": ["y" * 100] * 5_000, "path": "a.md"},
        {"deep": {str(n): {"k": "v" * 50} for n in range(2_000)}, "path": "a.md"},
        {"half": "\ud83d" * 9_000, "path": "a.md"},
    ],
)
def test_what_is_large_is_cut_and_short_arguments_stay(arguments: dict[str, Any]) -> None:
    shown, whole = shortened(arguments)
    assert whole is not None
    assert whole.size > MOST_BYTES
    assert len(json.dumps(shown, ensure_ascii=False).encode("utf-8", "surrogatepass")) <= MOST_BYTES + 500
    assert shown["path"] == "a.md"
    assert shortened(arguments) == (shown, whole)


def test_numbers_and_truths_stay_beside_what_is_cut() -> None:
    shown, _ = shortened({"content": "x" * 50_000, "at": 7, "sure": True, "none": None, "deep": [1.5]})
    assert [shown[key] for key in ("at", "sure", "none", "deep")] == [7, True, None, [1.5]]


def test_what_cannot_be_cut_is_only_named() -> None:
    nested: Any = "end"
    for _ in range(200):
        nested = [nested, "z" * 127]
    shown, whole = shortened({str(n): nested for n in range(200)})
    assert whole is not None
    assert len(json.dumps(shown)) < MOST_BYTES


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(max_size=300), st.text(max_size=30_000), max_size=80))
def test_nothing_is_larger_than_it_may_be(arguments: dict[str, str]) -> None:
    shown, whole = shortened(arguments)
    if whole is None:
        assert shown == arguments
    else:
        compact = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
        assert len(compact.encode("utf-8", "surrogatepass")) <= MOST_BYTES


def test_a_text_says_what_is_missing() -> None:
    assert shortened_text("abc", 3) == "abc"
    assert shortened_text("abcde", 3) == "abc… (2 more characters)"
