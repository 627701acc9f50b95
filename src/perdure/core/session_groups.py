"""What a person has to know of a session before its status: one word for session, run and open questions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from perdure.core.runs import RunStatus
from perdure.core.sessions import SessionStatus


class SessionGroup(StrEnum):
    """The groups of a list, what needs somebody first."""

    NEEDS_YOU = "needs_you"
    RUNNING = "running"
    READY = "ready"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"
    EXPIRED = "expired"
    ARCHIVED = "archived"
    DELETED = "deleted"


_G = SessionGroup
_S = SessionStatus
_R = RunStatus

GROUPS_OF_STATUS: Mapping[SessionStatus, tuple[SessionGroup, ...]] = MappingProxyType(
    {
        _S.ACTIVE: (_G.NEEDS_YOU, _G.RUNNING, _G.READY, _G.PAUSED),
        _S.SUSPENDED: (_G.RUNNING, _G.PAUSED),
        _S.COMPLETED: (_G.DONE,),
        _S.FAILED: (_G.FAILED,),
        _S.EXPIRED: (_G.EXPIRED,),
        _S.ARCHIVED: (_G.ARCHIVED,),
        _S.DELETED: (_G.DELETED,),
    }
)
"""Where only one is possible, neither the run nor a question says more."""


def group_of(status: SessionStatus, run: RunStatus | None, asks: bool) -> SessionGroup:
    """Return the group of a session by its open run, else its newest, and whether a question is open in it.

    A run that has ended says no more than none.
    """
    first, *more = GROUPS_OF_STATUS[status]
    if not more:
        return first
    if status is _S.SUSPENDED:
        return _G.RUNNING if run in (_R.PAUSING, _R.RUNNING) else _G.PAUSED
    if run is _R.PAUSING:
        return _G.RUNNING
    if asks or run is _R.WAITING:
        return _G.NEEDS_YOU
    if run in (_R.QUEUED, _R.RUNNING, _R.CANCELLING):
        return _G.RUNNING
    return _G.PAUSED if run is _R.PAUSED else _G.READY
