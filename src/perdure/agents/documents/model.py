"""What reading a document gives: pages, blocks and lines, as they are stored in the JSON file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from perdure.agents.documents.geometry import Box

PageKind = Literal["text", "scan"]
BlockKind = Literal["heading", "paragraph", "list_item", "table"]


@dataclass(frozen=True, slots=True)
class TextLine:
    """One recognised line: its confidence is 0 to 1."""

    text: str
    box: Box
    confidence: float


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list item or table, in reading order."""

    kind: BlockKind
    box: Box
    text: str
    """Plain text; the cells of a table's row are separated by tabs."""
    markdown: str
    confidence: float | None = None
    """Mean of the lines, weighted by length; None for text that the file itself holds."""
    lines: tuple[TextLine, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        found: dict[str, Any] = {"kind": self.kind, "box": self.box.rounded(), "text": self.text}
        found["confidence"] = None if self.confidence is None else round(self.confidence, 4)
        if self.rows:
            found["rows"] = [list(row) for row in self.rows]
        if self.lines:
            found["lines"] = [
                {"text": line.text, "box": line.box.rounded(), "confidence": round(line.confidence, 4)}
                for line in self.lines
            ]
        return found


@dataclass(frozen=True, slots=True)
class Page:
    """One page, upright: `rotation` says by how many degrees clockwise it was turned to be so.

    Boxes, width and height are in points of the upright page, from its top left.
    """

    number: int
    kind: PageKind
    rotation: int
    width: float
    height: float
    blocks: list[Block] = field(default_factory=list[Block])

    @property
    def markdown(self) -> str:
        """The blocks as Markdown; list items follow each other without a blank line."""
        parts: list[str] = []
        for before, block in zip([None, *self.blocks], self.blocks, strict=False):
            if before is not None:
                parts.append("\n" if before.kind == block.kind == "list_item" else "\n\n")
            parts.append(block.markdown)
        return "".join(parts)

    @property
    def text(self) -> str:
        """The blocks as plain text."""
        return "\n\n".join(block.text for block in self.blocks)

    @property
    def mean_confidence(self) -> float | None:
        """Mean confidence of the recognised text, weighted by length; None if nothing was recognised."""
        scored = [
            (block.confidence, len(block.text)) for block in self.blocks if block.confidence is not None
        ]
        total = sum(length for _, length in scored)
        return sum(score * length for score, length in scored) / total if total else None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        mean = self.mean_confidence
        return {
            "number": self.number,
            "kind": self.kind,
            "rotation": self.rotation,
            "width": round(self.width, 1),
            "height": round(self.height, 1),
            "mean_confidence": None if mean is None else round(mean, 4),
            "markdown": self.markdown,
            "text": self.text,
            "blocks": [block.to_dict() for block in self.blocks],
        }
