"""Answering a question at the terminal."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import typer

from perdure.cli import output
from perdure.client import Perdure
from perdure.client.models import Approval
from perdure.errors import AlreadyAnswered, InvalidInput

_DEFAULT_OPTIONS = ("approve", "reject")
_ALWAYS = "always"
"""Approve, and do not ask again in this session: a word of the terminal for an answer with a scope."""
_UNSHOWN = frozenset({"call_hash", "parameters", "max_steps", "agents", "modifications_schema"})
_EDITABLE = {"plan": ("steps",), "step": ("goal",)}
_WITH_FEEDBACK = frozenset({"revise", "redo", "reject"})


def is_interactive() -> bool:
    """Whether a person can be asked here."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def describe(approval: Approval) -> str:
    """Return the question with what it is about."""
    lines = [approval.title]
    for key, value in approval.request_data.items():
        if key in _UNSHOWN or value is None:
            continue
        text = _plan(value) if key == "steps" else value
        text = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False, indent=2)
        lines.append(f"{key}: {text}" if "\n" not in text else f"{key}:\n{_indent(text)}")
    if approval.deadline is not None:
        lines.append(f"Without an answer until {approval.deadline:%Y-%m-%d %H:%M} UTC: {approval.on_expiry}.")
    return "\n".join(lines)


def choose(text: str, options: list[str]) -> str | None:
    """Return the option that `text` names or begins as the only one; None when that is not clear."""
    wanted = text.strip().lower()
    matching = [option for option in options if option == wanted] or [
        option for option in options if wanted and option.startswith(wanted)
    ]
    return matching[0] if len(matching) == 1 else None


def ask(client: Perdure, approval: Approval) -> None:
    """Ask at the terminal and send the answer; an answer that came from elsewhere meanwhile is fine."""
    output.note(describe(approval), "")
    options = list(approval.options or _DEFAULT_OPTIONS)
    fields = _fields(approval)
    if "scope" in fields:
        options.insert(1, _ALWAYS)
    resolution = None
    while resolution is None:
        resolution = choose(str(typer.prompt(f"Answer [{'/'.join(options)}]", err=True)), options)
        if resolution is None:
            output.note(f"Choose one of {', '.join(options)}.", "yellow")
    answer: dict[str, Any] = {}
    if resolution in _WITH_FEEDBACK:
        answer["feedback"] = (
            typer.prompt("Why, or what to change", default="", show_default=False, err=True) or None
        )
    if resolution == "answer":
        answer["answer"] = _filled(fields) if fields else typer.prompt("Your answer", err=True)
    if resolution == "approve" and approval.request_type == "budget":
        answer["answer"] = _filled(fields, needed=False) or None
    if resolution == "modify":
        answer["modifications"] = _edited(approval)
    try:
        client.approvals.answer(approval.approval_id, resolution, **answer)
    except AlreadyAnswered as error:
        output.note(error.message, "yellow")


def parse_answer(text: str) -> Any:
    """Return an answer as it was typed: a JSON object or list when it is one, else the text."""
    if text.lstrip().startswith(("{", "[")):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _fields(approval: Approval) -> dict[str, dict[str, Any]]:
    return dict((approval.answer_schema or {}).get("properties") or {})


def _filled(fields: dict[str, dict[str, Any]], *, needed: bool = True) -> dict[str, Any]:
    """Ask for each field of an answer; an empty line leaves out what is not needed."""
    filled: dict[str, Any] = {}
    for name, schema in fields.items():
        label = str(schema.get("title") or schema.get("description") or name)
        if choices := schema.get("enum") or schema.get("examples"):
            label += f" [{'/'.join(str(choice) for choice in choices)}]"
        text = str(typer.prompt(label, default=None if needed else "", show_default=False, err=True)).strip()
        if text:
            filled[name] = float(text) if schema.get("type") == "number" and _is_number(text) else text
    return filled


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _edited(approval: Approval) -> dict[str, Any]:
    data = approval.request_data
    keys = _EDITABLE.get(approval.request_type)
    if approval.request_type == "tool":
        shown: dict[str, Any] = data.get("arguments") or {}
    else:
        shown = {key: data[key] for key in keys if key in data} if keys else data
    text = json.dumps(shown, ensure_ascii=False, indent=2)
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "modifications.json"
        draft.write_text(text)
        subprocess.run([*shlex.split(editor), str(draft)], check=True)
        return parse_object(draft.read_text(), "modifications")


def parse_object(text: str, what: str) -> dict[str, Any]:
    """Return the JSON object in `text`.

    Raises:
        InvalidInput: when it is none.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"The {what} are not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidInput(f"The {what} must be a JSON object.")
    return value  # pyright: ignore[reportUnknownVariableType]


def _plan(steps: Any) -> Any:
    try:
        return "\n".join(f"{n}. {s['name']} ({s['agent']}): {s['goal']}" for n, s in enumerate(steps, 1))
    except (TypeError, KeyError):
        return steps


def _indent(text: str) -> str:
    return "\n".join(f"  {text}" for text in text.splitlines())
