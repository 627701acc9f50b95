"""What is to be done: the whole task with the conversation it belongs to, and one step of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from perdure.modes.contract import Hop, Said

_SHORTEST = 80


@dataclass(frozen=True, slots=True)
class Assignment:
    """The task in words, and what was said before it."""

    text: str
    history: Sequence[Said] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """One step of the work. `key` names its durable step; `hop_id` is None for work without a plan."""

    key: str
    number: int
    name: str
    goal: str
    agent: str
    points: Sequence[str] = field(default=())
    hop_id: str | None = None


def piece_of(hop: Hop, roles: dict[str, str]) -> Piece:
    """Return the step that carries a hop out; a role that is not there becomes the engineer."""
    return Piece(
        key=f"step-{hop.position}",
        number=hop.position,
        name=hop.name,
        goal=hop.goal,
        agent=hop.agent if hop.agent in roles else "engineer",
        points=tuple(hop.success_criteria),
        hop_id=hop.id,
    )


def recent(said: Sequence[Said], limit_chars: int) -> list[Said]:
    """Return the newest entries of a conversation that fit the limit, oldest first.

    Each may take at most half of what is left, so that one long text does not push out all the others.
    """
    kept: list[Said] = []
    room = limit_chars
    for entry in reversed(said):
        if room < _SHORTEST:
            break
        most = max(room // 2, _SHORTEST)
        text = entry.text if len(entry.text) <= most else entry.text[: most - 1].rstrip() + "…"
        kept.append(entry if text == entry.text else replace(entry, text=text))
        room -= len(text)
    return kept[::-1]
