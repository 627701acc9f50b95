"""What a person sees of a run while it happens: one line for each event, and the text as it is written."""

from __future__ import annotations

import json
from typing import Any, Protocol

from rich.text import Text

from perdure.cli import output
from perdure.client import Delta, Reconnecting
from perdure.client.models import Event


class View(Protocol):
    """Shows what a stream yields."""

    def show(self, item: Event | Delta) -> None:
        """Show an event or a piece of text."""
        ...

    def reconnecting(self, notice: Reconnecting) -> None:
        """Say that the connection was lost."""
        ...


class JsonView:
    """Prints every event as a line of JSON."""

    def show(self, item: Event | Delta) -> None:
        """Print an event."""
        if isinstance(item, Event):
            output.print_json_line(item)

    def reconnecting(self, notice: Reconnecting) -> None:
        """Say on stderr that the connection was lost."""
        output.note(_reconnecting(notice), "yellow")


class QuietView:
    """Shows only what a person must know."""

    def show(self, item: Event | Delta) -> None:
        """Show nothing."""

    def reconnecting(self, notice: Reconnecting) -> None:
        """Say that the connection was lost."""
        output.note(_reconnecting(notice), "yellow")


class LiveView:
    """Writes to stderr, so that stdout stays free for the result."""

    def __init__(self) -> None:
        self._console = output.progress()
        self._writing: str | None = None
        self._written: set[str] = set()
        self._phase: str | None = None

    def show(self, item: Event | Delta) -> None:
        """Show an event, or go on writing a message."""
        if isinstance(item, Delta):
            self._write(item)
            return
        if item.type == "agent_message" and str(item.data.get("message_id")) in self._written:
            self._end_text()
            return
        if item.type == "phase_change":
            if item.data.get("phase") == self._phase:
                return
            self._phase = item.data.get("phase")
        shown = line_of(item)
        if shown is not None:
            self._end_text()
            self._console.print(Text(output.safe(shown[0]), style=shown[1]))

    def reconnecting(self, notice: Reconnecting) -> None:
        """Say that the connection was lost."""
        self._end_text()
        self._console.print(Text(_reconnecting(notice), style="yellow"))

    def _write(self, delta: Delta) -> None:
        if self._writing != delta.message_id:
            self._end_text()
            if delta.agent:
                self._console.print(Text(f"{output.safe(delta.agent)}:", style="cyan"))
            self._writing = delta.message_id
            self._written.add(delta.message_id)
        self._console.print(Text(output.safe(delta.text)), end="")

    def _end_text(self) -> None:
        if self._writing is not None:
            self._console.print()
            self._writing = None


def _reconnecting(notice: Reconnecting) -> str:
    pause = f" in {notice.pause_s:.1f} s" if notice.pause_s >= 0.1 else ""
    return f"Connection lost ({output.safe(notice.reason)}); reconnecting{pause} …"


def line_of(event: Event) -> tuple[str, str] | None:
    """Return what is said of an event and in which style; None for what only a program wants to know."""
    data = event.data
    match event.type:
        case "workflow_started":
            return f"Run started: {data.get('mode')} with {data.get('model') or 'the default model'}", "bold"
        case "workflow_paused":
            return f"Paused: {data.get('reason')}", "yellow"
        case "workflow_resumed":
            return f"Goes on ({data.get('reason')})", "bold"
        case "workflow_complete":
            return "Run completed", "bold green"
        case "workflow_failed":
            return f"Run failed: {_message(data.get('error'))}", "bold red"
        case "workflow_cancelled":
            return f"Run cancelled by {data.get('by') or 'the server'}", "bold yellow"
        case "phase_change":
            return f"── {data.get('phase')}", "bold cyan"
        case "plan_update":
            return _plan(data), "cyan"
        case "step_started":
            return f"▸ {_step(data)}{_attempt(data)}", "bold"
        case "step_completed":
            return f"✓ {_step(data)}{_duration(data)}", "green"
        case "step_failed":
            return f"✗ {_step(data)}: {_message(data.get('error'))}", "red"
        case "step_skipped":
            return f"- {_step(data)} skipped{_because(data)}", "dim"
        case "agent_message":
            speaker = data.get("agent") or _name(data.get("author")) or data.get("role")
            return f"{speaker}: {data.get('content', '')}", ""
        case "tool_call":
            return f"  {data.get('tool')}({_short(data.get('arguments'))})", "magenta"
        case "tool_result":
            return f"  {'→' if data.get('ok', True) else '✗'} {_short(data.get('result'))}", "dim"
        case "code_execution":
            return f"  {data.get('language')} exited with {data.get('exit_status')}", "magenta"
        case "console":
            return "\n".join(f"  {text}" for text in data.get("lines", [])), "dim"
        case "file_update":
            return f"  file {data.get('change')}: {data.get('path')}", "blue"
        case "approval_request":
            return f"? {data.get('title')}", "bold yellow"
        case "approval_resolved":
            person = _name(data.get("answered_by")) or data.get("responded_by")
            by = f" by {person}" if person else ""
            return f"  {data.get('resolution') or data.get('status')}{by}", "yellow"
        case "budget_warning" | "budget_exceeded":
            used, allowed = float(data.get("used") or 0), float(data.get("allowed") or 0)
            return f"Limit {data.get('limit')}: {used:,.10g} of {allowed:,.10g} used", "yellow"
        case "error":
            return f"Problem: {data.get('message')}", "red"
        case _:
            return None


def _name(person: Any) -> str:
    return str(person.get("name") or "") if isinstance(person, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _step(data: dict[str, Any]) -> str:
    number = data.get("step_number")
    return f"Step {number}: {data.get('name')}" if number is not None else str(data.get("name"))


def _attempt(data: dict[str, Any]) -> str:
    return f" (attempt {data['attempt']})" if data.get("attempt", 1) > 1 else ""


def _duration(data: dict[str, Any]) -> str:
    return f" ({data['duration_ms'] / 1000:.1f} s)" if data.get("duration_ms") is not None else ""


def _because(data: dict[str, Any]) -> str:
    return f": {data['reason']}" if data.get("reason") else ""


def _message(error: Any) -> str:
    return str(error.get("message") or error) if isinstance(error, dict) else str(error)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def _short(value: Any, limit: int = 120) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _plan(data: dict[str, Any]) -> str:
    plan: dict[str, Any] = data.get("plan") or {}
    steps: list[dict[str, Any]] = plan.get("steps") or []
    lines = [f"Plan {data.get('change')}:"]
    lines += [
        f"  {n}. {step.get('name')} ({step.get('agent') or 'agent'})" for n, step in enumerate(steps, 1)
    ]
    return "\n".join(lines)
