"""What a list shows beside each session, for all of its sessions in a few statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from perdure.core.approvals import ApprovalStatus
from perdure.core.hops import HopStatus
from perdure.core.runs import Run
from perdure.core.sessions import SessionHead
from perdure.store.columns import dumps, from_micros, to_micros
from perdure.store.shapes import Shape
from perdure.store.tables import runs
from perdure.store.tables.runs import OPEN_RUN
from perdure.store.transaction import Tx

_RUN: Shape[Run] = Shape(Run, [column for column in runs.c if column.name in Run.model_fields])
_GIVEN = {False: "SELECT value FROM json_each(?)", True: "SELECT json_array_elements_text(%s::json)"}
_SPENT = f"""SELECT session_id, coalesce(max(CASE WHEN {OPEN_RUN} THEN id END), max(id)),
  sum(cost_usd_micros), sum(unpriced_calls) FROM pd_runs
  WHERE session_id IN ({{given}}) GROUP BY session_id"""
_WAITING = f"""SELECT 1, session_id, count(*) FROM pd_approvals
  WHERE session_id IN ({{given}}) AND status = '{ApprovalStatus.PENDING}' GROUP BY session_id
  UNION ALL SELECT 0, session_id, count(*) FROM pd_queue_items
  WHERE session_id IN ({{given}}) GROUP BY session_id"""
_BESIDE = """SELECT 1, id, name FROM pd_users WHERE id IN ({given})
  UNION ALL SELECT 0, session_id, coalesce(max(CASE WHEN user_id = {mark} THEN role END), '') FROM pd_shares
  WHERE session_id IN ({given}) AND (expires_at IS NULL OR expires_at > {mark}) GROUP BY session_id"""
_ASKED = f"""SELECT session_id, title, deadline FROM pd_approvals WHERE id IN (
  SELECT min(id) FROM pd_approvals
  WHERE session_id IN ({{given}}) AND status = '{ApprovalStatus.PENDING}' GROUP BY session_id)"""
_PLANNED = f"""SELECT pd_missions.session_id, count(*),
  sum(CASE WHEN pd_hops.status IN ('{HopStatus.COMPLETED}', '{HopStatus.SKIPPED}') THEN 1 ELSE 0 END)
  FROM pd_missions JOIN pd_hops ON pd_hops.mission_id = pd_missions.id
  WHERE pd_missions.session_id IN ({{given}}) AND pd_missions.id = (
    SELECT id FROM pd_missions AS newest
    WHERE newest.session_id = pd_missions.session_id AND newest.archived_at IS NULL
    ORDER BY coalesce(newest.linked_at, newest.created_at) DESC, newest.id DESC LIMIT 1)
  GROUP BY pd_missions.session_id"""
_NEWEST = f"SELECT {_RUN.sql} FROM pd_runs WHERE id IN ({{given}})"


@dataclass(slots=True)
class Summary:
    """The open run of a session, else its newest, what all of them cost, what waits, and how far its plan is."""

    run: Run | None = None
    cost_usd_micros: int = 0
    unpriced_calls: int = 0
    pending_approvals: int = 0
    queue_length: int = 0
    question: str | None = None
    """What is asked, of several questions the oldest."""
    answer_by: datetime | None = None
    plan_steps: int | None = None
    plan_steps_done: int | None = None


def summaries_of(tx: Tx, session_ids: Sequence[str]) -> dict[str, Summary]:
    """Return the summary of each of the sessions."""
    found = {session_id: Summary() for session_id in session_ids}
    if not found:
        return found
    cursor, given, ids = tx.cursor, _GIVEN[tx.postgres], dumps(session_ids)
    newest: list[str] = []
    cursor.execute(_SPENT.format(given=given), (ids,))
    for session_id, run_id, cost, unpriced in cursor.fetchall():
        summary = found[session_id]
        summary.cost_usd_micros, summary.unpriced_calls = int(cost), int(unpriced)
        newest.append(run_id)
    cursor.execute(_WAITING.format(given=given), (ids, ids))
    for asks, session_id, number in cursor.fetchall():
        if asks:
            found[session_id].pending_approvals = number
        else:
            found[session_id].queue_length = number
    if any(summary.pending_approvals for summary in found.values()):
        cursor.execute(_ASKED.format(given=given), (ids,))
        for session_id, title, deadline in cursor.fetchall():
            found[session_id].question = title
            found[session_id].answer_by = None if deadline is None else from_micros(deadline)
    cursor.execute(_PLANNED.format(given=given), (ids,))
    for session_id, steps, done in cursor.fetchall():
        found[session_id].plan_steps, found[session_id].plan_steps_done = int(steps), int(done)
    if newest:
        cursor.execute(_NEWEST.format(given=given), (dumps(newest),))
        for row in cursor.fetchall():
            run = _RUN.value(row)
            found[run.session_id].run = run
    return found


def owners_and_shares(
    tx: Tx, user_id: str, found: Sequence[SessionHead]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names of the owners by id, and the user's role (or "") by session, of sessions that are shared."""
    names: dict[str, str] = {}
    given: dict[str, str] = {}
    if not found:
        return names, given
    cursor, mark = tx.cursor, "%s" if tx.postgres else "?"
    owners, ids = dumps(sorted({session.owner_id for session in found})), dumps([each.id for each in found])
    cursor.execute(
        _BESIDE.format(given=_GIVEN[tx.postgres], mark=mark), (owners, user_id, ids, to_micros(tx.now))
    )
    for is_owner, name, value in cursor.fetchall():
        (names if is_owner else given)[name] = value
    return names, given
