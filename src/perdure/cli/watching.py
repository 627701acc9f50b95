"""Watching a run until it ends or waits, and saying how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from perdure.cli import answering, output
from perdure.cli.exits import Exit
from perdure.cli.live import View
from perdure.client import Perdure
from perdure.client.models import Event

_ENDS = {
    "workflow_complete": ("completed", Exit.OK),
    "workflow_failed": ("failed", Exit.FAILED),
    "workflow_cancelled": ("cancelled", Exit.CANCELLED),
    "workflow_paused": ("paused", Exit.WAITS),
}
_RESULT_KEYS = ("answer", "report", "result", "text", "summary")


@dataclass(slots=True)
class Outcome:
    """How a run ended, as far as it was watched."""

    session_id: str
    run_id: str | None = None
    status: str = "unknown"
    exit: Exit = Exit.OK
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    approval_id: str | None = None
    files: list[str] = field(default_factory=list[str])
    cost_usd: float | None = None
    unpriced_calls: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "type": "outcome",
            "session_id": self.session_id,
            "run_id": self.run_id,
            "status": self.status,
            "exit_code": int(self.exit),
            "result": self.result,
            "error": self.error,
            "approval_id": self.approval_id,
            "files": self.files,
            "cost_usd": self.cost_usd,
            "unpriced_calls": self.unpriced_calls,
        }

    @property
    def text(self) -> str:
        """The result for people."""
        result = self.result or {}
        found = next((str(result[key]) for key in _RESULT_KEYS if result.get(key)), None)
        return found or (str(result) if result else "")


def watch(
    client: Perdure,
    session_id: str,
    view: View,
    *,
    run_id: str | None = None,
    after: int = 0,
    deltas: bool = True,
    wait: bool = True,
) -> Outcome:
    """Show a session's log until the run (or, without `run_id`, the session) has nothing more to do.

    Questions are asked at the terminal when there is one. Otherwise the command waits for an answer from
    elsewhere, or with `wait=False` ends with its own exit code.
    """
    outcome = Outcome(session_id, run_id)
    stream = client.stream(
        session_id,
        after=after,
        until_idle=True,
        include_deltas=True,
        on_reconnect=view.reconnecting,
    )
    for item in stream:
        if deltas or isinstance(item, Event):
            view.show(item)
        if not isinstance(item, Event) or (run_id is not None and item.run_id != run_id):
            continue
        if item.type in _ENDS:
            _note_end(outcome, item)
            if run_id is not None:
                break
        elif item.type in {"workflow_started", "workflow_resumed"}:
            outcome.run_id, outcome.status, outcome.exit = item.run_id, "running", Exit.OK
        elif item.type == "approval_request" and not _settle(client, item, wait):
            outcome.status, outcome.exit = "waiting", Exit.WAITS
            outcome.approval_id = str(item.data.get("approval_id"))
            break
    return outcome


def finish(client: Perdure, outcome: Outcome, *, as_json: bool, show_result: bool = True) -> Exit:
    """Print result, files and cost, and return the exit code."""
    _add_totals(client, outcome)
    if as_json:
        output.print_json_line(outcome.to_dict())
        return outcome.exit
    if show_result and outcome.text:
        output.line(outcome.text)
    if outcome.error:
        output.complain(str(outcome.error.get("message") or outcome.error))
    if outcome.files:
        output.note("Files: " + ", ".join(outcome.files), "blue")
    cost = output.money(outcome.cost_usd, outcome.unpriced_calls)
    output.note(f"{outcome.status} · {cost} · session {outcome.session_id}")
    hint = _HINTS.get(outcome.status)
    if hint:
        output.note(hint.format(session=outcome.session_id, approval=outcome.approval_id))
    return outcome.exit


_HINTS = {
    "waiting": "It waits for an answer: perdure approvals answer {approval}",
    "paused": "Let it go on: perdure sessions resume {session}",
    "failed": "Try again from where it failed: perdure sessions resume {session}",
}


def _note_end(outcome: Outcome, event: Event) -> None:
    outcome.run_id = event.run_id
    outcome.status, outcome.exit = _ENDS[event.type]
    outcome.result = event.data.get("result")
    outcome.error = event.data.get("error")


def _settle(client: Perdure, event: Event, wait: bool) -> bool:
    approval = client.approvals.get(str(event.data.get("approval_id")))
    if approval.status != "pending":
        return True
    if not wait:
        return False
    if answering.is_interactive():
        answering.ask(client, approval)
    else:
        output.note(
            f"Waits for a person: {approval.title}. Answer in the console, or with "
            f"perdure approvals answer {approval.approval_id}",
            "yellow",
        )
    return True


def _add_totals(client: Perdure, outcome: Outcome) -> None:
    outcome.files = [f.path for f in client.files.list(outcome.session_id).files if _is_result(f.model_extra)]
    costs = client.sessions.costs(outcome.session_id)
    outcome.cost_usd, outcome.unpriced_calls = costs.total_cost_usd, costs.unpriced_calls


def _is_result(extra: dict[str, Any] | None) -> bool:
    return bool((extra or {}).get("created", True) or (extra or {}).get("changed"))
