"""Printing: results on stdout, progress and complaints on stderr, nothing that could steer the terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from perdure.client.models import Forked

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def safe(text: str) -> str:
    """Return `text` without control characters: what a model or a file says must not move the cursor."""
    return _UNSAFE.sub("", text.replace("\r\n", "\n"))


def results() -> Console:
    """Return the console of stdout."""
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True)


def progress() -> Console:
    """Return the console of stderr."""
    return Console(file=sys.stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def line(text: str) -> None:
    """Print a line of the result."""
    results().print(Text(safe(text)))


def note(text: str, style: str = "dim") -> None:
    """Print a line of progress."""
    progress().print(Text(safe(text), style=style))


def complain(text: str) -> None:
    """Print what went wrong and what to do, as one line."""
    console = progress()
    console.print(Text("Error: ", style="bold red") + Text(" ".join(safe(text).split())))


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    sys.stdout.write(json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str) + "\n")


def print_json_line(value: Any) -> None:
    """Print a value as one line of JSON, at once."""
    sys.stdout.write(json.dumps(_plain(value), ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str | None]], *, numbers: Sequence[str] = ()
) -> None:
    """Print a table; piped into another program it is never cut."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(safe(cell or "")) for cell in row))
    if sys.stdout.isatty():
        results().print(shown)
    else:
        Console(file=sys.stdout, highlight=False, markup=False, width=1000).print(shown)


def money(usd: float | None, unpriced_calls: int = 0) -> str:
    """Return a cost for people; calls without a known price are named, not taken for free."""
    if usd is None or (unpriced_calls and not usd):
        return f"unknown ({unpriced_calls} unpriced)" if unpriced_calls else "unknown"
    known = f"${usd:.4f}" if usd < 1 else f"${usd:.2f}"
    return f"{known} + {unpriced_calls} unpriced" if unpriced_calls else known


def forked(made: Forked, as_json: bool) -> None:
    """Print what a fork made: the id of the new session, and where its run can be seen."""
    if as_json:
        print_json(made)
        return
    line(made.session_id)
    if made.run_id:
        note(f"Its run goes on; see it with: perdure attach {made.session_id}")


def ago(moment: datetime | None) -> str:
    """Return how long ago a moment was."""
    if moment is None:
        return ""
    seconds = max(0.0, (datetime.now(UTC) - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def size(count: int | None) -> str:
    """Return a number of bytes for people."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def close_quietly() -> None:
    """Let the interpreter end without a complaint about a reader that has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value
