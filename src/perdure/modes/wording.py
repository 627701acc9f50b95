"""How prompts are put together: stable parts first, so that a model's prompt cache can help."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FILE_NAME = re.compile(r"(?<![\w/.-])([\w-][\w./-]*\.(?:md|txt|json|csv|html|rst|py|yaml|yml))\b")


def named_output_file(task: str, existing: Sequence[str]) -> str | None:
    """Return the last file the task names that is not there yet: where it wants the result."""
    names = [name for name in _FILE_NAME.findall(task) if name not in existing and ".." not in name]
    return names[-1] if names else None


def free_name(name: str, existing: Sequence[str]) -> str:
    """Return the name, with the next free number before its ending if a file of that name is there."""
    stem, dot, ending = name.rpartition(".")
    number = 1
    candidate = name
    while candidate in existing:
        number += 1
        candidate = f"{stem}-{number}{dot}{ending}"
    return candidate


def with_source(prompt: str, source: str) -> str:
    """Return the prompt with the text it is about before it."""
    return f"TEXT\n{source}\n\nTASK\n{prompt}" if source else prompt


def with_context(prompt: str, additions: Sequence[str]) -> str:
    """Return the prompt with what the person added since."""
    return prompt + "".join(f"\n\nThe person added: {text}" for text in additions)


def carry_over(results: Sequence[tuple[str, str]], limit_chars: int) -> str:
    """Return earlier steps' results: the last three whole, older ones shortened, all within the limit.

    `results` are `(step name, result)` in order.
    """
    shown: list[str] = []
    for age, (name, result) in enumerate(reversed(results)):
        text = result if age < 3 else _short(result, 300)
        shown.append(f"## {name}\n{text}")
    kept: list[str] = []
    room = limit_chars
    for part in shown:
        if room <= 0:
            break
        kept.append(_short(part, room))
        room -= len(part)
    return "\n\n".join(reversed(kept))


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def first_sentence(text: str) -> str:
    """Return the first line that says something, without heading marks, at most 200 characters."""
    line = next((part.strip("# ").strip() for part in text.splitlines() if part.strip("# ").strip()), "")
    return line if len(line) <= 200 else line[:197] + "…"


def first_line(text: str) -> str:
    """Return the first line, at most 160 characters of it."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    return line if len(line) <= 160 else line[:157] + "…"
