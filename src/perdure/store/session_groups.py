"""The groups of a session list in SQL: `core.session_groups.group_of` for all rows at once."""

from __future__ import annotations

from collections.abc import Sequence

from perdure.core.approvals import ApprovalStatus
from perdure.core.runs import OPEN_RUN_STATUSES, RunStatus
from perdure.core.session_groups import GROUPS_OF_STATUS, SessionGroup, group_of
from perdure.core.sessions import SessionStatus
from perdure.store.tables.runs import OPEN_RUN

_RUN = f"(SELECT status FROM pd_runs WHERE pd_runs.session_id = pd_sessions.id AND {OPEN_RUN})"
_ASKS = (
    "EXISTS (SELECT 1 FROM pd_approvals WHERE pd_approvals.session_id = pd_sessions.id"
    f" AND pd_approvals.status = '{ApprovalStatus.PENDING}')"
)


def _by_run(status: SessionStatus, asks: bool) -> str:
    """Return the CASE over the newest run, written out from the rule itself."""
    otherwise = group_of(status, None, asks)
    cases = {run: group_of(status, run, asks) for run in RunStatus if run in OPEN_RUN_STATUSES}
    whens = "".join(f" WHEN '{run}' THEN '{group}'" for run, group in cases.items() if group is not otherwise)
    return f"CASE {_RUN}{whens} ELSE '{otherwise}' END" if whens else f"'{otherwise}'"


def _of_status(status: SessionStatus) -> str:
    quiet, asking = _by_run(status, asks=False), _by_run(status, asks=True)
    return quiet if quiet == asking else f"CASE WHEN {_ASKS} THEN {asking} ELSE {quiet} END"


_CASES = "".join(f" WHEN '{status}' THEN {_of_status(status)}" for status in SessionStatus)
GROUP = f"CASE pd_sessions.status{_CASES} END"
"""The group of a row of `pd_sessions`."""


def in_groups(groups: Sequence[SessionGroup]) -> str:
    """Return the condition that a session is in one of the groups; most are told by their status alone."""
    whole = [s for s, possible in GROUPS_OF_STATUS.items() if set(possible) <= set(groups)]
    partly = [s for s, possible in GROUPS_OF_STATUS.items() if s not in whole and set(possible) & set(groups)]
    parts: list[str] = []
    if whole:
        parts.append(f"pd_sessions.status IN ({_listed(whole)})")
    if partly:
        parts.append(f"(pd_sessions.status IN ({_listed(partly)}) AND {GROUP} IN ({_listed(groups)}))")
    return f"({' OR '.join(parts)})"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
