"""Figures as Prometheus text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from perdure import __version__


def render(snapshot: Mapping[str, Any], *, sockets: int, feeds: int) -> str:
    """Return every number of the snapshot as a gauge; a mapping of numbers becomes one gauge with labels."""
    lines = [
        "# TYPE perdure_info gauge",
        f'perdure_info{{version="{__version__}"}} 1',
        *_gauge("connections", sockets),
        *_gauge("watched_sessions", feeds),
    ]
    for key, value in sorted(snapshot.items()):
        if key != "connections":
            lines += _gauge(key, value)
    return "\n".join(lines) + "\n"


def _gauge(key: str, value: Any) -> list[str]:
    name = "perdure_" + re.sub(r"[^a-z0-9_]", "_", key.lower())
    if isinstance(value, bool | int | float):
        return [f"# TYPE {name} gauge", f"{name} {float(value):g}"]
    if isinstance(value, dict):
        numbers = {k: v for k, v in cast("dict[str, Any]", value).items() if isinstance(v, int | float)}
        if numbers:
            return [
                f"# TYPE {name} gauge",
                *(f'{name}{{key="{_label(k)}"}} {float(v):g}' for k, v in numbers.items()),
            ]
    return []


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
