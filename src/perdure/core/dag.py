"""The picture of a session's work: nodes and edges, each node with its own true status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from perdure.core.hops import Hop, ToolStep
from perdure.core.missions import Mission, MissionStatus
from perdure.core.runs import Run, RunStatus, Step, StepStatus

_ENDED = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})
_PLANNING = "planning"


def dag(
    run: Run | None,
    mission: Mission | None = None,
    *,
    gates: Sequence[Mapping[str, Any]] = (),
    steps: Sequence[Step] = (),
    tool_steps: Sequence[ToolStep] = (),
) -> dict[str, Any]:
    """Return `{nodes, edges}`.

    With a mission: plan, gates, hops with their tool steps inside, end. Without one: the run's steps, those
    that plan as one node, gates, end. Neither run nor mission: nothing.
    """
    if run is None and mission is None:
        return {"nodes": [], "edges": []}
    asked = [{**gate, "type": "gate"} for gate in gates]
    if mission is not None:
        nodes = [_plan_node(mission), *asked, *(_hop_node(h, steps, tool_steps) for h in mission.hops)]
    else:
        nodes = [*_step_nodes(steps, run), *asked]
    nodes.append({"id": "end", "type": "end", "label": "End", "status": _end_status(run, mission)})
    ids = [node["id"] for node in nodes]
    return {"nodes": nodes, "edges": [{"source": a, "target": b} for a, b in pairwise(ids)]}


def _plan_node(mission: Mission) -> dict[str, Any]:
    status = "pending" if mission.status is MissionStatus.PROPOSED else "completed"
    if mission.status is MissionStatus.REJECTED:
        status = "rejected"
    return {
        "id": "plan",
        "type": _PLANNING,
        "label": "Plan",
        "mission_id": mission.id,
        "revision": mission.revision,
        "status": status,
    }


def _hop_node(hop: Hop, steps: Sequence[Step], tool_steps: Sequence[ToolStep]) -> dict[str, Any]:
    return {
        "id": hop.id,
        "type": "step",
        "label": hop.name,
        "agent": hop.agent,
        "goal": hop.goal,
        "step": hop.position,
        "status": str(hop.status),
        "inputs": hop.inputs,
        "outputs": hop.outputs,
        "steps": [
            {"step_id": s.id, "key": s.key, "status": str(s.status), "attempt": s.attempt}
            for s in steps
            if s.hop_id == hop.id
        ],
        "tool_steps": [
            {
                "tool_step_id": t.id,
                "position": t.position,
                "tool": t.tool,
                "call_id": t.call_id,
                "status": str(t.status),
            }
            for t in tool_steps
            if t.hop_id == hop.id
        ],
    }


def _step_nodes(steps: Sequence[Step], run: Run | None) -> list[dict[str, Any]]:
    """Return the steps of a run without a plan; its step events name these nodes by `step_id`."""
    planning = [step for step in steps if step.phase == _PLANNING]
    nodes: list[dict[str, Any]] = []
    if planning:
        status = _planning_status(planning)
        nodes.append({"id": "plan", "type": _PLANNING, "label": "Plan", "status": status})
    nodes += [
        {
            "id": step.id,
            "type": "step",
            "label": step.name,
            "key": step.key,
            "phase": step.phase,
            "agent": step.agent,
            "goal": step.goal,
            "step": step.position,
            "attempt": step.attempt,
            "status": str(step.status),
        }
        for step in steps
        if step.phase != _PLANNING
    ]
    if not nodes and run is not None:
        status = str(run.status) if run.status in _ENDED else "pending"
        status = "running" if run.status is RunStatus.RUNNING else status
        nodes.append({"id": "start", "type": "start", "label": "Start", "status": status})
    return nodes


def _planning_status(planning: Sequence[Step]) -> str:
    """Return the status of several steps as one: what goes on before what went wrong before what is done."""
    found = {step.status for step in planning}
    for status in (StepStatus.RUNNING, StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.PENDING):
        if status in found:
            return str(status)
    return str(planning[-1].status)


def _end_status(run: Run | None, mission: Mission | None) -> str:
    if run is not None:
        return str(run.status) if run.status in _ENDED else "pending"
    ended = {MissionStatus.COMPLETED, MissionStatus.FAILED, MissionStatus.CANCELLED}
    return str(mission.status) if mission is not None and mission.status in ended else "pending"
