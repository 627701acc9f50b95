"""Commands of people on hops and tool steps, as long as no run works on their mission."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.hops import (
    HOP_LIFECYCLE,
    Hop,
    HopCommand,
    HopStatus,
    ToolStep,
    ToolStepStatus,
    is_done,
)
from perdure.core.missions import Mission, MissionCommand, MissionStatus
from perdure.core.plan_check import Flow, find_flow_faults
from perdure.core.tool_chain import find_chain_faults
from perdure.errors import NotAllowedNow
from perdure.ids import new_id
from perdure.services.mission_access import hop_for, mission_for
from perdure.services.mission_commands import check_plannable
from perdure.services.mission_moves import (
    keep_outputs_in,
    move_hop_in,
    move_mission_in,
    promise_outputs_in,
)
from perdure.services.mission_runs import RunCommands
from perdure.services.mission_words import (
    MAX_HOPS,
    bad_word,
    check_hop_among,
    check_word,
    given_names,
    refusal,
)
from perdure.services.missions import HopDetail, hop_detail_in
from perdure.services.plan_log import log_hop_in, log_plan_in
from perdure.services.plans import hop_of
from perdure.store import missions, tool_steps
from perdure.store.store import Store
from perdure.store.transaction import Tx

_WAITING = frozenset({HopStatus.PROPOSED, HopStatus.READY})
_EDITABLE = ("name", "goal", "agent", "success_criteria", "inputs", "outputs", "description", "rationale")
_MAX_TOOL_STEPS = 100


class HopCommands:
    """What people do to hops; the hops of a mission that a run works on are moved by that run."""

    def __init__(self, store: Store, agents: Collection[str]) -> None:
        self._store = store
        self._agents = agents

    async def add(
        self, actor: Actor, mission_id: str, hop: dict[str, Any], position: int | None = None
    ) -> HopDetail:
        """Add a hop at `position` (counted from 1), or at the end.

        Raises:
            NotAllowedNow: when the mission has ended, or the place is before a hop that has begun.
            InvalidInput: naming each field that cannot be accepted.
        """

        def body(tx: Tx) -> HopDetail:
            mission = mission_for(tx, actor, mission_id, Action.EDIT, lock=True)
            _check_free(tx, mission)
            if len(mission.hops) >= MAX_HOPS:
                raise bad_word("hops", f"A mission has at most {MAX_HOPS} hops.")
            at = len(mission.hops) if position is None else min(position - 1, len(mission.hops))
            _check_not_begun(mission.hops[at:])
            given = given_names(tx, mission)
            step = check_hop_among(mission.hops, at, hop, self._agents, given)
            accepted = mission.status is not MissionStatus.PROPOSED
            made = hop_of(mission.id, len(mission.hops) + 1, step, final=True).model_copy(
                update={"status": HopStatus.READY if accepted else HopStatus.PROPOSED}
            )
            missions.insert_hop(tx, made)
            order = list(mission.hops)
            order.insert(at, made)
            _changed(tx, mission, missions.order_hops(tx, order))
            _audit(tx, actor, "hop.add", mission, made.id, position=at + 1)
            return hop_detail_in(tx, made.id)

        return await self._store.write(body)

    async def update(self, actor: Actor, hop_id: str, patch: dict[str, Any]) -> HopDetail:
        """Change a hop that has not begun.

        Raises:
            NotAllowedNow: when it has begun, or its mission has ended.
            InvalidInput: naming each field that cannot be accepted.
        """
        unknown = sorted(set(patch) - set(_EDITABLE))
        if unknown:
            raise bad_word(unknown[0], f"This cannot be changed; these can be: {', '.join(_EDITABLE)}.")

        def body(tx: Tx) -> HopDetail:
            mission, hop = hop_for(tx, actor, hop_id, Action.EDIT, lock=True)
            _check_free(tx, mission)
            _check_not_begun([hop])
            at = mission.hops.index(hop)
            others = [h for h in mission.hops if h.id != hop.id]
            asked = {**hop.model_dump(include=set(_EDITABLE)), **patch}
            # An agent that a run chose need not be one of ours; only a new choice is checked.
            agents = self._agents if "agent" in patch else None
            step = check_hop_among(others, at, asked, agents, given_names(tx, mission))
            values = hop_of(mission.id, hop.position, step, hop.is_final).model_dump(include=set(_EDITABLE))
            missions.change_hop(tx, hop.id, **values)
            hops = [h if h.id != hop.id else hop.model_copy(update=values) for h in mission.hops]
            _changed(tx, mission, hops)
            _audit(tx, actor, "hop.update", mission, hop.id, fields=sorted(patch))
            return hop_detail_in(tx, hop.id)

        return await self._store.write(body)

    async def remove(self, actor: Actor, hop_id: str) -> Mission:
        """Take out a hop that has not begun; returns the mission without it.

        Raises:
            NotAllowedNow: when it has begun, or its mission has ended.
            InvalidInput: when another hop uses what it makes.
        """

        def body(tx: Tx) -> Mission:
            mission, hop = hop_for(tx, actor, hop_id, Action.EDIT, lock=True)
            _check_free(tx, mission)
            _check_not_begun([hop])
            rest = [h for h in mission.hops if h.id != hop.id]
            flows = [Flow(h.inputs, h.outputs) for h in rest]
            faults = find_flow_faults(flows, given=given_names(tx, mission), field="hops")
            if faults:
                raise refusal(faults)
            keep_outputs_in(tx, mission, [hop])
            missions.delete_hop(tx, hop.id)
            _audit(tx, actor, "hop.remove", mission, hop.id)
            return _changed(tx, mission, missions.order_hops(tx, rest))

        return await self._store.write(body)

    async def move(
        self, actor: Actor, hop_id: str, command: HopCommand, reason: str | None = None
    ) -> HopDetail:
        """Start, complete, fail, skip or cancel a hop by hand; the first start starts the mission.

        When with it every hop is completed, or skipped, the mission is completed.

        Raises:
            NotAllowedNow: when its status or that of its mission does not allow it, or a run works on it.
        """

        def body(tx: Tx) -> HopDetail:
            mission, hop = hop_for(tx, actor, hop_id, Action.CONTROL, lock=True)
            RunCommands().refuse_open_run(tx, mission)
            HOP_LIFECYCLE.decide(hop.status, command)
            if command is HopCommand.START and mission.status is MissionStatus.ACCEPTED:
                mission = move_mission_in(tx, mission, MissionCommand.START)
            _check_in_progress(mission, command)
            error = None
            if command is HopCommand.FAIL:
                error = {"code": "failed-by-person", "message": reason or f"Given up by {actor.name}."}
            moved = move_hop_in(tx, mission, hop, command, error)
            log_hop_in(tx, moved, hop.id)
            _audit(tx, actor, f"hop.{command}", mission, hop.id)
            if is_done(moved.hops) and moved.status is MissionStatus.IN_PROGRESS:
                done = move_mission_in(tx, moved, MissionCommand.COMPLETE)
                log_plan_in(tx, done, "completed", versioned=True)
                tx.audit(actor, "mission.complete", "mission", done.id, session_id=done.session_id)
            return hop_detail_in(tx, hop.id)

        return await self._store.write(body)

    async def add_tool_step(
        self,
        actor: Actor,
        hop_id: str,
        *,
        tool: str,
        parameters: dict[str, Any] | None = None,
        result_mapping: dict[str, Any] | None = None,
    ) -> ToolStep:
        """Plan a tool call at the end of a hop that has not begun.

        `parameters` hold literals, or `{"asset": name}` for what an asset holds; `result_mapping` names the
        asset each result goes to, None discards it.

        Raises:
            NotAllowedNow: when the hop has begun, or its mission has ended.
            InvalidInput: naming the field.
        """
        name = check_word("tool", tool)

        def body(tx: Tx) -> ToolStep:
            mission, hop = hop_for(tx, actor, hop_id, Action.EDIT, lock=True)
            known = tool_steps.list_tool_steps(tx, hop.id)
            self._check_steps_free(tx, mission, hop)
            if len(known) >= _MAX_TOOL_STEPS:
                raise bad_word("tool", f"A hop has at most {_MAX_TOOL_STEPS} planned tool steps.")
            step = ToolStep(
                id=new_id(),
                hop_id=hop.id,
                position=tool_steps.next_position(tx, hop.id),
                tool=name,
                parameters=parameters or {},
                result_mapping=result_mapping or {},
                status=ToolStepStatus(str(hop.status)),
            )
            _check_chain(tx, mission, hop, [*known, step])
            tool_steps.insert_tool_step(tx, step)
            _audit(tx, actor, "hop.add_tool_step", mission, hop.id, tool_step_id=step.id)
            return step

        return await self._store.write(body)

    async def reorder_tool_steps(
        self, actor: Actor, hop_id: str, tool_step_ids: Sequence[str]
    ) -> list[ToolStep]:
        """Put a hop's tool steps into another order.

        Raises:
            NotAllowedNow: when the hop has begun, or its mission has ended.
            InvalidInput: when the names are not exactly the hop's, or one would use what is not there yet.
        """

        def body(tx: Tx) -> list[ToolStep]:
            mission, hop = hop_for(tx, actor, hop_id, Action.EDIT, lock=True)
            self._check_steps_free(tx, mission, hop)
            by_id = {step.id: step for step in tool_steps.list_tool_steps(tx, hop.id)}
            if sorted(tool_step_ids) != sorted(by_id):
                raise bad_word("tool_step_ids", "Name every tool step of the hop exactly once.")
            ordered = [by_id[step_id] for step_id in tool_step_ids]
            _check_chain(tx, mission, hop, ordered)
            _audit(tx, actor, "hop.reorder_tool_steps", mission, hop.id, tool_steps=len(ordered))
            return tool_steps.order_tool_steps(tx, ordered)

        return await self._store.write(body)

    def _check_steps_free(self, tx: Tx, mission: Mission, hop: Hop) -> None:
        _check_free(tx, mission)
        _check_not_begun([hop])


def _audit(tx: Tx, actor: Actor, action: str, mission: Mission, hop_id: str, **details: Any) -> None:
    tx.audit(*(actor, action, "hop", hop_id), session_id=mission.session_id, mission_id=mission.id, **details)


def _changed(tx: Tx, mission: Mission, hops: list[Hop]) -> Mission:
    changed = missions.change_mission(tx, mission, revision=mission.revision + 1)
    changed = changed.model_copy(update={"hops": hops})
    promise_outputs_in(tx, changed)
    log_plan_in(tx, changed, "modified", versioned=True)
    return changed


def _check_free(tx: Tx, mission: Mission) -> None:
    RunCommands().refuse_open_run(tx, mission)
    check_plannable(mission)


def _check_not_begun(hops: Sequence[Hop]) -> None:
    begun = next((hop for hop in hops if hop.status not in _WAITING), None)
    if begun is not None:
        raise NotAllowedNow(
            f"{begun.name!r} is {begun.status}; only hops that have not begun are changed or get new ones "
            "before them.",
            current_status=str(begun.status),
            allowed=[str(c) for c in HOP_LIFECYCLE.allowed(begun.status)],
        )


def _check_in_progress(mission: Mission, command: HopCommand) -> None:
    skipping = command in (HopCommand.SKIP, HopCommand.CANCEL) and mission.status is MissionStatus.ACCEPTED
    if mission.status is MissionStatus.IN_PROGRESS or skipping:
        return
    raise NotAllowedNow(
        f"Cannot {command} a hop of a mission that is {mission.status}; hops are executed once it is accepted.",
        current_status=str(mission.status),
        allowed=[],
    )


def _check_chain(tx: Tx, mission: Mission, hop: Hop, steps: Sequence[ToolStep]) -> None:
    earlier = [name for h in mission.hops if h.position < hop.position for name in h.outputs]
    faults = find_chain_faults(steps, given={*given_names(tx, mission), *hop.inputs, *earlier})
    if faults:
        raise refusal(faults)
