"""How prompts are put together: stable parts first, so that a model's prompt cache can help."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FILE_NAME = re.compile(r"(?<![\w/.-])([\w-][\w./-]*\.(?:md|txt|json|csv|html|rst|py|yaml|yml))\b")


def named_output_file(task: str, existing: Sequence[str]) -> str | None:
    """Return the last file the task names that is not there yet: where it wants the result."""
    names = [name for name in _FILE_NAME.findall(task) if name not in existing and ".." not in name]
    return names[-1] if names else None


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
