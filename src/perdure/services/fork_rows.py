"""The rows of a fork: everything of the original as it was at the point, under new ids."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from perdure.core.approvals import REFUSALS, ApprovalStatus, ApprovalType, OnExpiry
from perdure.core.past import RunThen, StepThen
from perdure.core.renaming import Renaming
from perdure.core.runs import StepStatus
from perdure.services.fork_reading import Original
from perdure.store.copies import Noun, RawEvent

_SPENT = ("input_tokens", "output_tokens", "cost_usd_micros", "unpriced_calls", "active_ms")
_ANSWERED = (ApprovalStatus.APPROVED, ApprovalStatus.ANSWERED)
_PLANNING = "planning"
_MARKS = re.compile(r"(#\d+\.\d+)?(@[0-9a-f-]+)*$")
_CLEARED: dict[str, Any] = {
    "status": StepStatus.PENDING,
    "summary": None,
    "checkpoint": None,
    "error": None,
    "started_at": None,
    "completed_at": None,
}


@dataclass
class ForkRows:
    """What is inserted for a fork, besides its session."""

    log: list[RawEvent]
    rows: dict[Noun, list[dict[str, Any]]] = field(default_factory=dict[Noun, list[dict[str, Any]]])
    kept: set[str] = field(default_factory=set[str])
    """Old ids of the steps that the fork does not run again."""
    planned: bool = False
    """Whether the run that goes on has its plan."""
    cancelled: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])
    """New ids of the questions that were open at the point, each with its run: they are asked anew."""
    lines: list[str] = field(default_factory=list[str])


def rename_all(original: Original, session_id: str) -> Renaming:
    """Give everything that the fork takes over its new id; runs in their order, so that the newest stays so."""
    renaming = Renaming()
    renaming.add(original.session.id, session_id)
    renaming.add_all(original.past.runs)
    renaming.add_all(original.past.ids)
    for rows in original.rows.values():
        renaming.add_all(rows)
    return renaming


def build(
    original: Original, renaming: Renaming, owner_id: str, now: datetime, *, new_input: bool
) -> ForkRows:
    """Return the rows; the run that goes on is left out, only what stands under it is here."""
    made = ForkRows(log=_log(original, renaming))
    for run in original.past.runs.values():
        made.kept |= _kept(original, run, made.lines)
    target = original.target
    if target is not None:
        made.planned = _is_planned(original, target, made.kept)
        if new_input and not made.planned:
            made.kept -= {
                s for s in target.steps if original.rows["steps"][s]["phase"] == _PLANNING
            }  # another task needs another plan
    made.rows["runs"] = [
        _ended_run(original.rows["runs"][run.id], run, renaming, owner_id)
        for run in original.past.runs.values()
        if run is not target
    ]
    made.rows["steps"] = [
        _step(original.rows["steps"][then.id], then, run, renaming, then.id in made.kept)
        for run in original.past.runs.values()
        for then in run.steps.values()
        if then.id in original.rows["steps"]
    ]
    made.rows["approvals"] = _approvals(original, renaming, made, now)
    return made


def moved(row: dict[str, Any], renaming: Renaming) -> dict[str, Any]:
    """Return a row with every id in it renamed, in its columns and in its values."""
    return renaming.value(row)


def _log(original: Original, renaming: Renaming) -> list[RawEvent]:
    open_starts = {f"{run.id}:started" for run in original.past.runs.values()}
    return [
        event.with_(
            run_id=renaming.get(event.run_id),
            step_id=renaming.get(event.step_id),
            payload=renaming.json(event.payload),
            # A run starts once; what else is marked may happen again in the fork.
            dedupe=renaming.value(event.dedupe) if event.dedupe in open_starts else None,
        )
        for event in original.log
    ]


def _kept(original: Original, run: RunThen, lines: list[str]) -> set[str]:
    """Return the finished steps whose checkpoint is still the one of then, and none after one that is not."""
    rows = original.rows["steps"]
    finished = [s for s in run.steps.values() if s.status is StepStatus.COMPLETED and s.id in rows]
    lost = [s for s in finished if not _unchanged(rows[s.id], s)]
    first_lost = min((rows[s.id]["position"] for s in lost), default=None)
    kept = {s.id for s in finished if first_lost is None or rows[s.id]["position"] < first_lost}
    if lost and run is original.target:
        keys = ", ".join(rows[s.id]["key"] for s in lost)
        lines.append(f"Finished again in the original after this point, so the fork runs them again: {keys}.")
    return kept


def _unchanged(row: dict[str, Any], then: StepThen) -> bool:
    return row["status"] == StepStatus.COMPLETED and row["attempt"] == then.attempt


def _is_planned(original: Original, target: RunThen, kept: set[str]) -> bool:
    plan = original.past.plan_of(target.id)
    accepted = plan is not None and plan.plan["status"] not in ("proposed", "rejected")
    phases = [original.rows["steps"][s]["phase"] for s in target.steps if s in kept]
    return accepted or any(phase != _PLANNING for phase in phases)


def _ended_run(row: dict[str, Any], then: RunThen, renaming: Renaming, owner_id: str) -> dict[str, Any]:
    return moved(row, renaming) | {
        **dict.fromkeys(_SPENT, 0),
        "owner_id": owner_id,
        "task_id": None,
        "status": then.status,
        "attempt": then.attempt,
        "error": renaming.value(then.error),
        "result": renaming.value(then.result),
        "started_at": then.started_at,
        "completed_at": then.completed_at,
        "worker": None,
        "fence": 0,
        "active_since": None,
        # The run that a branch came from is in another session, under its own id.
        "parent_run_id": row["parent_run_id"],
    }


def _step(
    row: dict[str, Any], then: StepThen, run: RunThen, renaming: Renaming, kept: bool
) -> dict[str, Any]:
    renamed = moved(row, renaming)
    if kept:
        return renamed
    cleared = renamed | _CLEARED | {"attempt": then.attempt}
    if not run.ended or then.status is StepStatus.COMPLETED:
        return cleared
    # Only the step that failed is failed; one that was in work when its run ended was cancelled with it.
    status = then.status if then.status is not StepStatus.RUNNING else StepStatus.CANCELLED
    same = row["attempt"] == then.attempt
    return cleared | {
        "status": status,
        "error": renamed["error"] if same else None,
        "started_at": row["started_at"] if same else None,
        "completed_at": row["completed_at"] if same else None,
    }


def _approvals(original: Original, renaming: Renaming, made: ForkRows, now: datetime) -> list[dict[str, Any]]:
    standing = _standing(original, made.kept)
    found: list[dict[str, Any]] = []
    for then in original.past.questions.values():
        row = original.rows["approvals"].get(then.id)
        if row is None:
            continue
        renamed = moved(row, renaming)
        if then.status == ApprovalStatus.PENDING:
            made.cancelled.append((renamed["id"], renamed["run_id"]))
            renamed |= {
                "status": ApprovalStatus.CANCELLED,
                "resolution": None,
                "response_data": None,
                "responded_by": None,
                "responded_by_id": None,
                "responded_at": now,
            }
        if original.target is not None and row["run_id"] == original.target.id:
            base = _base(row["key"])
            renamed["key"] = base if standing.get(base) == row["id"] else f"{base}@{renamed['id']}"
        found.append(renamed)
    return found


def _standing(original: Original, kept: set[str]) -> dict[str, str]:
    """Return, by key, the answers that the run goes on with: given before any step that runs again began."""
    target = original.target
    if target is None:
        return {}
    again = min((s.began for s in target.steps.values() if s.id not in kept), default=original.cut + 1)
    found: dict[str, str] = {}
    for then in original.past.questions.values():
        row = original.rows["approvals"].get(then.id)
        if row is None or row["run_id"] != target.id or then.asked >= again:
            continue
        approved = then.status == ApprovalStatus.EXPIRED and row["on_expiry"] == OnExpiry.APPROVE
        stands = row["request_type"] != ApprovalType.BUDGET and row["resolution"] not in REFUSALS
        if stands and (then.status in _ANSWERED or approved):
            found[_base(row["key"])] = row["id"]
    return found


def _base(key: str) -> str:
    """Return a question's key without the mark that asking again or putting it away has left."""
    return _MARKS.sub("", key)
