"""A plan's words for whoever carries out one of its steps: what is given, what is to be made, and what for."""

from __future__ import annotations

import json
from collections.abc import Sequence

from perdure.modes.contract import HopBrief, HopInput

_SHORTEST = 80


def mission_told(brief: HopBrief) -> str:
    """Return what a person wrote about the whole plan, or an empty text."""
    criteria = "".join(f"\n- {criterion}" for criterion in brief.success_criteria)
    parts = [
        f"The goal of the plan: {brief.goal}" if brief.goal else "",
        f"Its scope: {brief.scope}" if brief.scope else "",
        f"It is reached when:{criteria}" if criteria else "",
        f"About this step: {brief.description}" if brief.description else "",
    ]
    return "\n".join(part for part in parts if part)


def inputs_told(inputs: Sequence[HopInput], limit_chars: int) -> str:
    """Return the inputs with their values, at most about `limit_chars` of them.

    What is too long is cut, and says how long it is; short ones leave their room to long ones.
    """
    values = {each.name: _text(each) for each in inputs}
    room, left = limit_chars, len(values)
    shares: dict[str, int] = {}
    for name, text in sorted(values.items(), key=lambda item: len(item[1])):
        shares[name] = max(min(len(text), room // left), _SHORTEST)
        room, left = max(room - shares[name], 0), left - 1
    return "\n\n".join(
        f"## {each.name}{f' ({each.description})' if each.description else ''}\n"
        f"{_cut(values[each.name], shares[each.name])}"
        for each in inputs
    )


def outputs_told(outputs: Sequence[str]) -> str:
    """Return a line that says what the step makes, or an empty text."""
    return f"\nThis step makes: {', '.join(outputs)}" if outputs else ""


def _text(given: HopInput) -> str:
    if given.value is not None:
        return given.value if isinstance(given.value, str) else json.dumps(given.value, ensure_ascii=False)
    return f"the file {given.path} of the workspace" if given.path is not None else "not there"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit].rstrip()}… (cut; {len(text)} characters in all)"
