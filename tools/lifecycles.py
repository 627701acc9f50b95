"""Writes `docs/lifecycles.md` from the tables of the rules: `python -m tools.lifecycles`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perdure.core.assets import ASSET_LIFECYCLE, AssetStatus
from perdure.core.hops import HOP_LIFECYCLE, TOOL_STEP_LIFECYCLE, HopStatus, ToolStepStatus
from perdure.core.missions import MISSION_LIFECYCLE, MissionStatus
from perdure.core.runs import RUN_LIFECYCLE, RunStatus
from perdure.core.sessions import SESSION_LIFECYCLE, SessionStatus
from perdure.core.transitions import Lifecycle

PAGE = Path(__file__).resolve().parents[1] / "docs" / "lifecycles.md"
_HEAD = """# Lifecycles

Written by `python -m tools.lifecycles` from the tables in `perdure.core`; change those, not this page.
A command that a table does not allow answers 409 with the current status and the commands it allows.
"""


def page() -> str:
    """Return the whole page."""
    sections = [
        _section("Session", SESSION_LIFECYCLE, list(SessionStatus)),
        _section("Run", RUN_LIFECYCLE, list(RunStatus)),
        _section("Mission", MISSION_LIFECYCLE, list(MissionStatus)),
        _section("Hop", HOP_LIFECYCLE, list(HopStatus)),
        _section("Tool step", TOOL_STEP_LIFECYCLE, list(ToolStepStatus)),
        _section("Asset", ASSET_LIFECYCLE, list(AssetStatus)),
    ]
    return "\n".join([_HEAD, *sections])


def _section(title: str, lifecycle: Lifecycle[Any, Any], statuses: list[Any]) -> str:
    rows = [f"## {title}", "", "| command | from | to | note |", "|---|---|---|---|"]
    for row in lifecycle.rows:
        sources = ", ".join(f"`{s}`" for s in statuses if s in row.sources)
        target = f"`{row.target}`" if row.target else "what it was"
        rows.append(f"| `{row.command}` | {sources} | {target} | {row.note} |")
    rows += ["", "| status | allows |", "|---|---|"]
    for status in statuses:
        allowed = ", ".join(f"`{c}`" for c in lifecycle.allowed(status)) or "nothing"
        rows.append(f"| `{status}` | {allowed} |")
    return "\n".join([*rows, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
