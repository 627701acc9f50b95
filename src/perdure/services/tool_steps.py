"""The tool calls of a run as tool steps of the hop they are made for; written by the run's worker."""

from __future__ import annotations

from typing import Any

from perdure.core.hops import TOOL_STEP_LIFECYCLE, ToolStep, ToolStepCommand, ToolStepStatus
from perdure.core.runs import Run
from perdure.errors import NotFound
from perdure.ids import new_id
from perdure.store import missions, tool_steps
from perdure.store.transaction import Tx


def begin_in(
    tx: Tx,
    run: Run,
    hop_id: str,
    key: str,
    tool: str,
    arguments: dict[str, Any],
    *,
    step_id: str | None = None,
    call_id: str | None = None,
) -> ToolStep:
    """Write that a hop calls a tool, and return the tool step, executing.

    The same key again gives the same tool step as it is, for a replay meets it again; one that was cancelled is
    begun anew. A key that is new takes the hop's first planned step of that tool, or the
    next position.

    Raises:
        NotFound: when the run's plan has no such hop.
    """
    _check_hop(tx, run, hop_id)
    known = tool_steps.find_tool_step(tx, hop_id, key)
    if known is not None and known.status is not ToolStepStatus.CANCELLED:
        return known
    values: dict[str, Any] = {
        "key": key,
        "parameters": arguments,
        "run_id": run.id,
        "step_id": step_id,
        "call_id": call_id,
        "started_at": tx.now,
    }
    planned = known or next(
        (
            s
            for s in tool_steps.list_tool_steps(tx, hop_id)
            if s.tool == tool
            and s.key is None
            and s.status in (ToolStepStatus.PROPOSED, ToolStepStatus.READY)
        ),
        None,
    )
    if planned is not None:
        row = TOOL_STEP_LIFECYCLE.decide(planned.status, ToolStepCommand.START)
        return tool_steps.change_tool_step(
            tx, planned, **values, status=row.target, result=None, error=None, completed_at=None
        )
    step = ToolStep(
        id=new_id(),
        hop_id=hop_id,
        position=tool_steps.next_position(tx, hop_id),
        tool=tool,
        status=ToolStepStatus.EXECUTING,
        **values,
    )
    tool_steps.insert_tool_step(tx, step)
    return step


def edit_in(tx: Tx, run: Run, hop_id: str, key: str, arguments: dict[str, Any]) -> ToolStep:
    """Write that a tool call is made with other arguments than it was begun with; ended, it is left as it is.

    Raises:
        NotFound: when it was never begun.
    """
    _check_hop(tx, run, hop_id)
    step = tool_steps.find_tool_step(tx, hop_id, key)
    if step is None:
        raise NotFound("The hop has made no such tool call.", hop_id=hop_id, key=key)
    if step.status is not ToolStepStatus.EXECUTING:
        return step
    return tool_steps.change_tool_step(tx, step, parameters=arguments)


def end_in(
    tx: Tx,
    run: Run,
    hop_id: str,
    key: str,
    *,
    ok: bool,
    result: Any = None,
    error: dict[str, Any] | None = None,
) -> ToolStep:
    """Write what came of a tool call that was begun; ended already, it is returned as it is.

    Raises:
        NotFound: when it was never begun.
    """
    _check_hop(tx, run, hop_id)
    step = tool_steps.find_tool_step(tx, hop_id, key)
    if step is None:
        raise NotFound("The hop has made no such tool call.", hop_id=hop_id, key=key)
    command = ToolStepCommand.COMPLETE if ok else ToolStepCommand.FAIL
    row = TOOL_STEP_LIFECYCLE.find(step.status, command)
    if row is None:
        return step
    return tool_steps.change_tool_step(
        tx, step, status=row.target, result=result, error=error, completed_at=tx.now
    )


def _check_hop(tx: Tx, run: Run, hop_id: str) -> None:
    mission = missions.find_mission(tx, run_id=run.id)
    if mission is None or all(hop.id != hop_id for hop in mission.hops):
        raise NotFound("The plan has no such step.", hop_id=hop_id)
