"""The lifecycles, against the tables of the design written down a second time by hand."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from perdure.core.assets import ASSET_LIFECYCLE, AssetCommand, AssetStatus
from perdure.core.hops import (
    HOP_LIFECYCLE,
    TOOL_STEP_LIFECYCLE,
    HopCommand,
    HopStatus,
    ToolStepCommand,
    ToolStepStatus,
)
from perdure.core.missions import MISSION_LIFECYCLE, MissionCommand, MissionStatus
from perdure.core.runs import (
    LIVE_RUN_STATUSES,
    OPEN_RUN_STATUSES,
    PARKED_RUN_STATUSES,
    RUN_LIFECYCLE,
    RunCommand,
    RunStatus,
)
from perdure.core.sessions import SESSION_LIFECYCLE, SessionCommand, SessionStatus
from perdure.core.transitions import Lifecycle
from perdure.errors import NotAllowedNow

# command: {from: to}; `*` is "what it was before".
SESSION = {
    "suspend": {"active": "suspended"},
    "resume": {"suspended": "active", "failed": "active", "expired": "active"},
    "complete": {"active": "completed", "suspended": "completed"},
    "start_run": {"active": "active", "completed": "active"},
    "fail": {"active": "failed"},
    "expire": {"active": "expired", "suspended": "expired"},
    "archive": {
        "completed": "archived",
        "failed": "archived",
        "suspended": "archived",
        "expired": "archived",
    },
    "restore": {"archived": "suspended", "deleted": "*"},
    "delete": {
        "active": "deleted",
        "suspended": "deleted",
        "completed": "deleted",
        "failed": "deleted",
        "expired": "deleted",
        "archived": "deleted",
    },
}
RUN = {
    "begin": {"queued": "running", "running": "running", "waiting": "running"},
    "wait": {"running": "waiting"},
    "answered": {"waiting": "queued"},
    "pause": {"running": "pausing", "queued": "paused", "waiting": "paused"},
    "park": {"pausing": "paused"},
    "resume": {"paused": "queued", "pausing": "running"},
    "cancel": {
        "running": "cancelling",
        "pausing": "cancelling",
        "queued": "cancelled",
        "waiting": "cancelled",
        "paused": "cancelled",
    },
    "complete": {"running": "completed", "pausing": "completed"},
    "fail": {"running": "failed", "pausing": "failed", "queued": "failed"},
    "stopped": {"cancelling": "cancelled"},
    "retry": {"failed": "queued"},
}
MISSION = {
    "propose": {"proposed": "proposed", "rejected": "proposed"},
    "revise": {"proposed": "proposed", "accepted": "proposed"},
    "modify": {"proposed": "proposed"},
    "accept": {"proposed": "accepted"},
    "reject": {"proposed": "rejected"},
    "start": {"accepted": "in_progress"},
    "complete": {"accepted": "completed", "in_progress": "completed"},
    "fail": {"accepted": "failed", "in_progress": "failed"},
    "cancel": {"proposed": "cancelled", "accepted": "cancelled", "in_progress": "cancelled"},
    "retry": {"failed": "in_progress", "cancelled": "in_progress"},
}
HOP = {
    "propose": {"ready": "proposed", "cancelled": "proposed"},
    "accept": {"proposed": "ready"},
    "start": {
        "ready": "executing",
        "failed": "executing",
        "skipped": "executing",
        "cancelled": "executing",
    },
    "complete": {"executing": "completed"},
    "fail": {"ready": "failed", "executing": "failed"},
    "skip": {"proposed": "skipped", "ready": "skipped", "executing": "skipped", "failed": "skipped"},
    "cancel": {"proposed": "cancelled", "ready": "cancelled", "executing": "cancelled"},
    "retry": {"cancelled": "ready"},
}
TOOL_STEP = {
    "propose": {"ready": "proposed", "cancelled": "proposed"},
    "accept": {"proposed": "ready"},
    "start": {
        "proposed": "executing",
        "ready": "executing",
        "failed": "executing",
        "cancelled": "executing",
    },
    "complete": {"executing": "completed"},
    "fail": {"executing": "failed"},
    "cancel": {"proposed": "cancelled", "ready": "cancelled", "executing": "cancelled"},
}
ASSET = {
    "propose": {"pending": "proposed", "error": "proposed"},
    "accept": {"proposed": "pending"},
    "provide": {"proposed": "ready", "pending": "ready", "ready": "ready", "error": "ready"},
    "fail": {"proposed": "error", "pending": "error"},
    "retry": {"error": "pending"},
}
ALL: tuple[Lifecycle[Any, Any], ...] = (
    SESSION_LIFECYCLE,
    RUN_LIFECYCLE,
    MISSION_LIFECYCLE,
    HOP_LIFECYCLE,
    TOOL_STEP_LIFECYCLE,
    ASSET_LIFECYCLE,
)
CASES: list[tuple[Lifecycle[Any, Any], Any, Any, str | None]] = [
    (lifecycle, status, command, table[command.value].get(status.value))
    for lifecycle, statuses, commands, table in (
        (SESSION_LIFECYCLE, SessionStatus, SessionCommand, SESSION),
        (RUN_LIFECYCLE, RunStatus, RunCommand, RUN),
        (MISSION_LIFECYCLE, MissionStatus, MissionCommand, MISSION),
        (HOP_LIFECYCLE, HopStatus, HopCommand, HOP),
        (TOOL_STEP_LIFECYCLE, ToolStepStatus, ToolStepCommand, TOOL_STEP),
        (ASSET_LIFECYCLE, AssetStatus, AssetCommand, ASSET),
    )
    for status, command in product(statuses, commands)
]


@pytest.mark.parametrize(
    ("lifecycle", "status", "command", "target"),
    CASES,
    ids=[f"{c[0].noun}-{c[2]}-{c[1]}" for c in CASES],
)
def test_every_command_in_every_status_does_what_the_design_says(
    lifecycle: Lifecycle[Any, Any], status: Any, command: Any, target: str | None
) -> None:
    allowed = lifecycle.allowed(status)
    if target is None:
        assert lifecycle.find(status, command) is None
        assert command not in allowed
        with pytest.raises(NotAllowedNow) as caught:
            lifecycle.decide(status, command)
        assert caught.value.fields == {"current_status": status, "allowed": list(allowed)}
        assert str(status) in str(caught.value)
    else:
        row = lifecycle.decide(status, command)
        assert row.target == (None if target == "*" else target)
        assert row.note
        assert command in allowed


def test_each_pair_of_command_and_status_has_one_row() -> None:
    for lifecycle in ALL:
        pairs = [(row.command, status) for row in lifecycle.rows for status in row.sources]
        assert len(pairs) == len(set(pairs))


def test_a_status_that_allows_nothing_says_so() -> None:
    with pytest.raises(NotAllowedNow, match="nothing more can happen"):
        RUN_LIFECYCLE.decide(RunStatus.COMPLETED, RunCommand.PAUSE)


def test_open_live_and_parked_are_what_they_say() -> None:
    ended = {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}
    assert set(RunStatus) - ended == OPEN_RUN_STATUSES
    assert OPEN_RUN_STATUSES - {RunStatus.PAUSED} == LIVE_RUN_STATUSES
    assert {RunStatus.WAITING, RunStatus.PAUSED} == PARKED_RUN_STATUSES


def test_no_command_leads_out_of_an_ended_run_but_a_retry() -> None:
    assert RUN_LIFECYCLE.allowed(RunStatus.COMPLETED) == ()
    assert RUN_LIFECYCLE.allowed(RunStatus.CANCELLED) == ()
    assert RUN_LIFECYCLE.allowed(RunStatus.FAILED) == (RunCommand.RETRY,)
