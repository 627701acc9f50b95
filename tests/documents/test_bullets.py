"""A lost bullet is put back between two that were seen, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure.agents.documents.bullets import with_lost_bullets
from perdure.agents.documents.geometry import Box
from perdure.agents.documents.model import Block, TextLine


def recognised(text: str, x: float, y: float) -> Block:
    """One line of 12 points, with a bullet if its text has one."""
    box = Box(x, y, x + 200, y + 12)
    bullet = text.startswith("• ")
    return Block(
        "list_item" if bullet else "paragraph",
        box,
        text,
        text.replace("• ", "- "),
        0.99,
        (TextLine(text, box, 0.99),),
    )


FIRST, LAST = recognised("• one", 50, 100), recognised("• three", 50, 130)
LOST = recognised("two", 60, 115)


def test_between_two_items_it_is_put_back() -> None:
    blocks = with_lost_bullets([FIRST, LOST, LAST])
    assert [block.kind for block in blocks] == ["list_item"] * 3
    assert [block.markdown for block in blocks] == ["- one", "- two", "- three"]
    assert blocks[1].text == "two"


@pytest.mark.parametrize(
    "blocks",
    [
        [FIRST, LOST],
        [LOST, LAST],
        [FIRST, recognised("not indented", 50, 115), LAST],
        [FIRST, recognised("far to the right", 150, 115), LAST],
        [FIRST, replace(LOST, confidence=None), LAST],
        [FIRST, replace(LOST, lines=LOST.lines * 2), LAST],
        [FIRST, replace(LOST, kind="heading", markdown="## two"), LAST],
        [replace(FIRST, markdown="1. one"), LOST, LAST],
    ],
    ids=["last", "first", "margin", "far", "text layer", "two lines", "heading", "numbered"],
)
def test_elsewhere_a_line_stays_what_it_is(blocks: list[Block]) -> None:
    assert with_lost_bullets(blocks) == blocks
