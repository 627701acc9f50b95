"""Writing results: a Markdown table for people, JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.harness import ROOT, Result

RESULTS = ROOT / "benchmarks" / "results"


def table(results: Sequence[Result]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| benchmark | case | unit | Perdure | floor | ratio | bar | met | lost |",
        "|---|---|---|---:|---:|---:|---|---|---:|",
    ]
    for r in results:
        case = f"{r.case} ({r.note})" if r.note else r.case
        bar = str(r.bar) if r.bar else ""
        lines.append(
            f"| {r.benchmark} | {case} | {r.unit} | {_number(r.ours)} | {_number(r.floor)} | {_ratio(r.ratio)} "
            f"| {bar} | {r.verdict} | {r.lost} |"
        )
    return "\n".join(lines)


def machine() -> str:
    """Return what the figures depend on."""
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"load average {load}"
    )


def write(results: Sequence[Result], quick: bool) -> Path:
    """Write `latest.md` and `latest.json`; the quick form has files of its own."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / ".gitignore").write_text("*\n")
    name = "quick" if quick else "latest"
    rows = [{**asdict(r), "verdict": r.verdict} for r in results]
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine(), "results": rows}, indent=1))
    path = RESULTS / f"{name}.md"
    path.write_text(f"{machine()}\n\n{table(results)}\n")
    return path


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
