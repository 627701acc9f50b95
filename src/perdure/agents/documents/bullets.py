"""Bullets that recognition did not see: small dots, told from the items above and below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perdure.agents.documents.model import Block

_LEAST_INDENT, _MOST_INDENT = 0.3, 2.5
"""How far to the right of a bullet its text begins, as multiples of a line's height."""


def with_lost_bullets(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks; a recognised line indented like the text of the items around it is an item too."""
    found = list(blocks)
    for place in range(1, len(found) - 1):
        before, block, after = found[place - 1 : place + 2]
        if _is_bulleted(before) and _is_bulleted(after) and _lost_its_bullet(block, before):
            found[place] = replace(block, kind="list_item", markdown=f"- {block.markdown}")
    return found


def _is_bulleted(block: Block) -> bool:
    return block.kind == "list_item" and block.markdown.startswith("- ")


def _lost_its_bullet(block: Block, before: Block) -> bool:
    if block.kind != "paragraph" or block.confidence is None or len(block.lines) != 1:
        return False
    indent = (block.box.x0 - before.box.x0) / max(block.box.height, 1.0)
    return _LEAST_INDENT < indent < _MOST_INDENT
