"""Reading what a fork starts from: the point, the log up to it, and the rows that the log tells of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perdure.core.past import Past, RunThen
from perdure.core.runs import Run, Step
from perdure.core.sessions import Session
from perdure.errors import InvalidInput, NotFound
from perdure.store import copies, runs, sessions
from perdure.store.copies import Noun, RawEvent
from perdure.store.transaction import Tx

Rows = dict[str, dict[str, Any]]
"""Rows by id."""


@dataclass(frozen=True)
class Original:
    """A session as a fork sees it, at one moment."""

    session: Session
    log: Sequence[RawEvent]
    past: Past
    rows: dict[Noun, Rows]
    read_at: datetime
    files_later: set[str]
    """Paths that the log names only after the point."""
    target: RunThen | None
    """The run that goes on in the fork."""
    repeated: Run | None = None
    """The run that begins anew in the fork; its own events are after the point."""
    from_step: str | None = None
    """Key of the step before which the point lies, or in which it lies."""

    @property
    def cut(self) -> int:
        """Number of the last event that both share."""
        return self.log[-1].seq if self.log else 0

    def of_run(self, noun: Noun, run_id: str) -> list[dict[str, Any]]:
        """Return the rows of a run."""
        return [row for row in self.rows[noun].values() if row["run_id"] == run_id]


def read_at_seq(tx: Tx, session: Session, from_seq: int | None) -> Original:
    """Read a session as it was after the event `from_seq`, or as it is now.

    Raises:
        InvalidInput: when the log has no such event.
    """
    last = sessions.log_head(tx, session.id)[0]
    cut = last if from_seq is None else from_seq
    if not 1 <= cut <= last:
        raise InvalidInput(
            f"The log has the events 1 to {last}; {cut} is none of them.", field="from_seq", last_seq=last
        )
    return _read(tx, session, cut)


def read_before_step(tx: Tx, session: Session, wanted: str, run: Run | None = None) -> Original:
    """Read a session as it was before a step began last; without `run` the newest run with that step counts.

    Raises:
        NotFound: naming the steps there are.
    """
    known = runs.list_steps(tx, run_id=run.id) if run else runs.list_steps(tx, session_id=session.id)
    step = next((s for s in reversed(known) if wanted in (s.id, s.key)), None)
    began = copies.began_last(tx, session.id, step.id) if step else None
    if step is None or began is None:
        raise NotFound(
            f"There is no step {wanted!r} here; known are: {_listed(known)}.",
            steps=list(dict.fromkeys(s.key for s in known)),
        )
    return _read(tx, session, began - 1, before=step)


def read_before_run(tx: Tx, session: Session, run: Run) -> Original:
    """Read a session as it was before a run was asked for."""
    first = copies.first_of_run(tx, session.id, run.id)
    cut = sessions.log_head(tx, session.id)[0] if first is None else first - 1
    return _read(tx, session, cut, repeated=run)


def _read(
    tx: Tx, session: Session, cut: int, *, before: Step | None = None, repeated: Run | None = None
) -> Original:
    log = copies.read_log(tx, session.id, cut)
    past = Past()
    for event in log:
        past.take(event.seq, event.type, event.run_id, event.data, event.at)
    target = None if repeated else past.runs[before.run_id] if before else past.open_run
    inside = before.key if before else None
    rows: dict[Noun, Rows] = {
        "runs": _by_id(copies.fetch(tx, "runs", "id", list(past.runs))),
        "steps": _by_id(copies.fetch(tx, "steps", "run_id", list(past.runs))),
        "approvals": _by_id(copies.fetch(tx, "approvals", "id", list(past.questions))),
        "missions": _by_id(copies.fetch(tx, "missions", "session_id", [session.id])),
        "assets": _by_id(copies.fetch(tx, "assets", "session_id", [session.id])),
    }
    rows["hops"] = _by_id(copies.fetch(tx, "hops", "mission_id", list(rows["missions"])))
    rows["tool_steps"] = _by_id(copies.fetch(tx, "tool_steps", "hop_id", list(rows["hops"])))
    if target is not None and inside is None:
        open_steps = [s for s in target.steps.values() if s.status == "running"]
        inside = rows["steps"][open_steps[-1].id]["key"] if open_steps else None
    return Original(
        session=session,
        log=log,
        past=past,
        rows=rows,
        read_at=tx.now,
        files_later=copies.files_named_after(tx, session.id, cut) - set(past.files),
        target=target,
        repeated=repeated,
        from_step=inside,
    )


def _by_id(found: list[dict[str, Any]]) -> Rows:
    return {row["id"]: row for row in found}


def _listed(known: Sequence[Step]) -> str:
    return ", ".join(dict.fromkeys(step.key for step in known)) or "none"
