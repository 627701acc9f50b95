"""What a search over a log finds, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.event_search import says


@pytest.mark.parametrize(
    ("event_type", "payload", "words"),
    [
        ("step_started", {"title": "Read the Harbour notes"}, "harbour"),
        ("step_started", {}, "STEP_"),
        ("tool_call", {"arguments": {"paths": ["a.md", "Notes.md"]}}, "notes.MD"),
        ("cost_update", {"tokens": 1024}, "1024"),
        ("cost_update", {"cost_usd": 0.5}, "0.5"),
        ("console", {"stream": "stdout", "lines": ["ready", "42 berths"]}, "berths"),
    ],
)
def test_words_are_found_in_what_an_event_says(event_type: str, payload: dict[str, Any], words: str) -> None:
    assert says(event_type, payload, words)


@pytest.mark.parametrize(
    ("event_type", "payload", "words"),
    [
        ("step_started", {"title": "Read"}, "title"),
        ("cost_update", {"tokens": 1024}, "102"),
        ("run_changed", {"done": True, "next": None}, "true"),
        ("console", {"stream": "stdout", "lines": ["ready"]}, "stdout"),
        ("console", {"stream": "stdout", "lines": ["ready"]}, "console"),
    ],
)
def test_names_of_fields_parts_of_numbers_and_streams_are_not_found(
    event_type: str, payload: dict[str, Any], words: str
) -> None:
    assert not says(event_type, payload, words)
