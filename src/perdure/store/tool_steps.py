"""Queries of tool steps: the tool calls inside hops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, update

from perdure.core.hops import ToolStep, ToolStepStatus
from perdure.store.rows import fetch_all, find_one, insert_row, update_row
from perdure.store.tables import hops, tool_steps
from perdure.store.transaction import Tx


def insert_tool_step(tx: Tx, step: ToolStep) -> None:
    """Insert a tool step."""
    insert_row(tx, tool_steps, step.model_dump())


def find_tool_step(tx: Tx, hop_id: str, key: str) -> ToolStep | None:
    """Return the hop's tool step of that key or None."""
    query = select(tool_steps).where(tool_steps.c.hop_id == hop_id, tool_steps.c.key == key)
    return find_one(tx, ToolStep, query)


def list_tool_steps(tx: Tx, hop_id: str) -> list[ToolStep]:
    """Return a hop's tool steps in order."""
    query = select(tool_steps).where(tool_steps.c.hop_id == hop_id).order_by(tool_steps.c.position)
    return fetch_all(tx, ToolStep, query)


def list_of_mission(tx: Tx, mission_id: str) -> list[ToolStep]:
    """Return the tool steps of all hops of a mission, in order."""
    query = select(tool_steps).join(hops, hops.c.id == tool_steps.c.hop_id)
    query = query.where(hops.c.mission_id == mission_id)
    return fetch_all(tx, ToolStep, query.order_by(hops.c.position, tool_steps.c.position))


def next_position(tx: Tx, hop_id: str) -> int:
    """Return the position for the hop's next new tool step."""
    highest = tx.db.execute(select(func.max(tool_steps.c.position)).where(tool_steps.c.hop_id == hop_id))
    return int(highest.scalar() or 0) + 1


def change_tool_step(tx: Tx, step: ToolStep, **changes: Any) -> ToolStep:
    """Write changes to a tool step and return it."""
    update_row(tx, tool_steps, step.id, **changes)
    return step.model_copy(update=changes)


def order_tool_steps(tx: Tx, ordered: Sequence[ToolStep]) -> list[ToolStep]:
    """Give tool steps the positions 1, 2, 3 … in this order."""
    ids = [step.id for step in ordered]
    # No two may have one position even for a moment, so all step aside first.
    tx.db.execute(update(tool_steps).where(tool_steps.c.id.in_(ids)).values(position=-tool_steps.c.position))
    return [change_tool_step(tx, step, position=position) for position, step in enumerate(ordered, 1)]


def move_tool_steps(tx: Tx, hop_ids: Sequence[str], moves: Mapping[ToolStepStatus, ToolStepStatus]) -> None:
    """Move the tool steps of hops from status to status; those that end get their time."""
    # Steps of one status are moved at once, and none is moved twice: no target is a source as well.
    for source, target in moves.items():
        ended = target in (ToolStepStatus.FAILED, ToolStepStatus.CANCELLED)
        values = {"status": target, **({"completed_at": tx.now} if ended else {})}
        tx.db.execute(
            update(tool_steps)
            .where(tool_steps.c.hop_id.in_(hop_ids), tool_steps.c.status == source)
            .values(values)
        )
