"""Two runs side by side: their steps aligned by key, and the first step where they part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from perdure.core.costs import CostRecord, usd
from perdure.core.runs import Run, Step

COMPARED = ("name", "goal", "status", "checkpoint", "summary")
"""What makes two steps differ; times and costs do not."""


@dataclass(frozen=True)
class Side:
    """One of the two runs with what belongs to it."""

    run: Run
    steps: Sequence[Step]
    calls: Sequence[CostRecord]


@dataclass(frozen=True)
class StepPair:
    """Two steps of one key, or one that the other run does not have."""

    key: str
    left: Step | None
    right: Step | None
    differs: list[str] = field(default_factory=list[str])

    @property
    def same(self) -> bool:
        """Whether both runs have the step and it came out alike."""
        return not self.differs


def align(left: Sequence[Step], right: Sequence[Step]) -> list[StepPair]:
    """Return the steps of both runs by key: in the left one's order, the right one's own where it had them."""
    theirs = {step.key: step for step in right}
    ours = {step.key for step in left}
    pairs: list[StepPair] = []
    waiting = list(right)
    for step in left:
        other = theirs.get(step.key)
        if other is not None:
            while waiting and waiting[0].key != step.key:
                own = waiting.pop(0)
                if own.key not in ours:
                    pairs.append(_pair(own.key, None, own))
            waiting = waiting[1:] if waiting else waiting
        pairs.append(_pair(step.key, step, other))
    pairs += [_pair(own.key, None, own) for own in waiting if own.key not in ours]
    return pairs


def compare(left: Side, right: Side) -> dict[str, Any]:
    """Return the comparison as JSON. Differences are right minus left; None where a side is unknown."""
    pairs = align(left.steps, right.steps)
    parted = next((pair for pair in pairs if not pair.same), None)
    cost = {side.run.id: _by_step(side.calls) for side in (left, right)}
    sides = {"left": _totals(left), "right": _totals(right)}
    return {
        "left": left.run.id,
        "right": right.run.id,
        "same": parted is None
        and not _differing(left.run, right.run)
        and left.run.result == right.run.result,
        "first_difference": parted and {"key": parted.key, "differs": parted.differs},
        "steps": [_row(pair, cost[left.run.id], cost[right.run.id]) for pair in pairs],
        "totals": {
            **sides,
            "difference": {
                name: _difference(sides["left"][name], sides["right"][name]) for name in sides["left"]
            },
        },
        "result": {
            "same": left.run.result == right.run.result,
            "differs": _keys(left.run.result or {}, right.run.result or {}),
            "left": left.run.result,
            "right": right.run.result,
        },
        "status": {
            "same": left.run.status == right.run.status,
            "left": left.run.status,
            "right": right.run.status,
        },
        "task": _both(left.run.task, right.run.task),
        "mode": _both(left.run.mode, right.run.mode),
        "model": _both(left.run.model, right.run.model),
        "config": {
            **_both(left.run.config, right.run.config),
            "differs": _keys(left.run.config, right.run.config),
        },
    }


def _pair(key: str, left: Step | None, right: Step | None) -> StepPair:
    if left is None or right is None:
        return StepPair(key, left, right, ["missing"])
    return StepPair(key, left, right, [n for n in COMPARED if getattr(left, n) != getattr(right, n)])


def _row(pair: StepPair, left: Mapping[str, int | None], right: Mapping[str, int | None]) -> dict[str, Any]:
    ours, theirs = _shown(pair.left, left), _shown(pair.right, right)
    return {
        "key": pair.key,
        "same": pair.same,
        "differs": pair.differs,
        "left": ours,
        "right": theirs,
        "cost_usd": _difference((ours or {}).get("cost_usd"), (theirs or {}).get("cost_usd")),
        "duration_ms": _difference((ours or {}).get("duration_ms"), (theirs or {}).get("duration_ms")),
    }


def _shown(step: Step | None, costs: Mapping[str, int | None]) -> dict[str, Any] | None:
    if step is None:
        return None
    return {
        "step_id": step.id,
        "name": step.name,
        "goal": step.goal,
        "phase": step.phase,
        "agent": step.agent,
        "status": step.status,
        "summary": step.summary,
        "attempt": step.attempt,
        "error": step.error,
        "cost_usd": usd(costs.get(step.id, 0)),
        "duration_ms": _milliseconds(step.started_at, step.completed_at),
    }


def _by_step(calls: Sequence[CostRecord]) -> dict[str, int | None]:
    """Return micro-dollars by step; None for a step whose calls have no known price at all."""
    found: dict[str, int | None] = {}
    for call in calls:
        key = call.step_id or ""
        known = found.get(key)
        if call.cost_usd_micros is not None:
            found[key] = (known or 0) + call.cost_usd_micros
        else:
            found[key] = known
    return found


def _totals(side: Side) -> dict[str, Any]:
    unpriced = sum(1 for call in side.calls if call.cost_usd_micros is None)
    known = not side.calls or unpriced < len(side.calls)
    return {
        "cost_usd": usd(sum(call.cost_usd_micros or 0 for call in side.calls) if known else None),
        "unpriced_calls": unpriced,
        "calls": len(side.calls),
        "input_tokens": sum(call.input_tokens or 0 for call in side.calls),
        "output_tokens": sum(call.output_tokens or 0 for call in side.calls),
        "duration_ms": _milliseconds(side.run.started_at, side.run.completed_at),
        "steps": len(side.steps),
    }


def _differing(left: Run, right: Run) -> bool:
    return (left.task, left.mode, left.config, left.status) != (
        right.task,
        right.mode,
        right.config,
        right.status,
    )


def _both(left: Any, right: Any) -> dict[str, Any]:
    return {"same": left == right, "left": left, "right": right}


def _keys(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    missing = object()
    return sorted(k for k in {*left, *right} if left.get(k, missing) != right.get(k, missing))


def _difference(left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    return round(right - left, 6) if isinstance(left, float) or isinstance(right, float) else right - left


def _milliseconds(since: datetime | None, until: datetime | None) -> int | None:
    return None if since is None or until is None else int((until - since).total_seconds() * 1000)
