"""What of a text a database takes."""

from __future__ import annotations

import pytest

from perdure.core.text import storable


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plain é 😀", "plain é 😀"),
        ("a\0b", "a\ufffdb"),
        (
            {"k\0": ["\ud83d", 1, None, True, {"x": "\udc00y"}]},
            {"k\ufffd": ["\ufffd", 1, None, True, {"x": "\ufffdy"}]},
        ),
    ],
)
def test_only_what_cannot_be_stored_is_replaced(given: object, kept: object) -> None:
    assert storable(given) == kept
