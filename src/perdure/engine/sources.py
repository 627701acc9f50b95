"""The text of a workspace, as agents are given it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from perdure.errors import PerdureError
from perdure.store.workspace import Workspace


def text_of_files(workspace: Workspace, task: str, limit_chars: int, also: Sequence[str]) -> str:
    """Return the text of the files that the task names and those in `also`, or of all when there are none."""
    paths = workspace.list()
    in_task = {path for path in paths if re.search(rf"(?<![\w/.-]){re.escape(path)}\b", task)}
    named = [path for path in paths if path in in_task or path in also]
    parts: list[str] = []
    room = limit_chars
    for path in named or paths:
        if room <= 0:
            break
        try:
            text = workspace.read_text(path, room)
        except PerdureError:
            continue
        parts.append(text if len(named or paths) == 1 else f"--- {path} ---\n{text}")
        room -= len(text)
    return "\n\n".join(parts)
