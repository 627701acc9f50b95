"""Commands of people on missions: one transaction each, with everything under the mission moving along."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.assets import AssetRole
from perdure.core.hops import HOP_LIFECYCLE, HopCommand, HopStatus
from perdure.core.missions import MISSION_LIFECYCLE, Mission, MissionCommand, MissionOrigin, MissionStatus
from perdure.core.plan_check import Flow, check_flow
from perdure.errors import InvalidInput, NotAllowedNow, StaleVersion
from perdure.ids import new_id
from perdure.services.access import require_create, session_for
from perdure.services.mission_access import mission_for
from perdure.services.mission_links import Linked, link_in
from perdure.services.mission_moves import keep_outputs_in, move_mission_in, promise_outputs_in
from perdure.services.mission_runs import RunCommands
from perdure.services.mission_words import check_hops, check_word, check_words, given_names, new_assets
from perdure.services.plan_log import log_plan_in
from perdure.services.plans import hop_of
from perdure.services.ports import RunEngine
from perdure.store import assets, missions
from perdure.store.store import Store
from perdure.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class MissionDone:
    """What came of a command: the mission as it is now, and what else there is to know."""

    mission: Mission
    approval_id: str | None = None
    """The question that the command answered; its run carries out the rest."""
    run_id: str | None = None
    """The run that the command reached."""
    warning: str | None = None
    archived_mission_id: str | None = None


class MissionCommands:
    """What people do to missions. A mission that a run works on is moved through that run."""

    def __init__(self, store: Store, engine: RunEngine, agents: Collection[str]) -> None:
        self._store = store
        self._engine = engine
        self._agents = agents

    async def create(
        self,
        actor: Actor,
        *,
        goal: str,
        name: str | None = None,
        success_criteria: Sequence[str] = (),
        scope: str = "",
        metadata: dict[str, Any] | None = None,
        hops: Sequence[dict[str, Any]] = (),
        inputs: Sequence[dict[str, Any]] = (),
        outputs: Sequence[dict[str, Any]] = (),
        session_id: str | None = None,
    ) -> MissionDone:
        """Write a proposed mission, free-standing or linked to a session at once.

        `inputs` and `outputs` are `{name, description?, kind?, value?}`; an input with a value is ready.

        Raises:
            InvalidInput: naming each field that cannot be accepted.
            NotFound: when the session does not exist for the actor.
        """
        words = check_words(goal=goal, name=name, success_criteria=success_criteria, scope=scope)

        require_create(actor, "mission")

        def body(tx: Tx) -> MissionDone:
            mission = Mission(
                id=new_id(),
                owner_id=actor.user_id,
                origin=MissionOrigin.PERSON,
                metadata=metadata or {},
                created_at=tx.now,
                updated_at=tx.now,
                **words,
            )
            made = new_assets(mission, inputs, outputs)
            given = {a.name for a in made if a.role is AssetRole.INPUT}
            cleaned = check_hops(hops, self._agents, given) if hops else []
            parts = [hop_of(mission.id, i, s, i == len(cleaned)) for i, s in enumerate(cleaned, 1)]
            mission = mission.model_copy(update={"hops": parts})
            missions.insert_mission(tx, mission)
            for asset in made:
                assets.insert_asset(tx, asset)
            promise_outputs_in(tx, mission)
            if session_id is None:
                return _done(tx, actor, "create", MissionDone(mission), hops=len(parts))
            linked = _linked(link_in(tx, actor, session_id, mission))
            return _done(tx, actor, "create", linked, hops=len(parts))

        return await self._store.write(body)

    async def link(self, actor: Actor, session_id: str, mission_id: str) -> MissionDone:
        """Make the mission the session's; the one it had before is archived, and `warning` says so.

        Linked there already, nothing changes.

        Raises:
            NotAllowedNow: when a run works on either mission, or it belongs to another session.
        """

        def body(tx: Tx) -> MissionDone:
            session = session_for(tx, actor, session_id, Action.EDIT, lock=True)
            mission = mission_for(tx, actor, mission_id, Action.EDIT, lock=True)
            return _done(tx, actor, "link", _linked(link_in(tx, actor, session.id, mission)))

        return await self._store.write(body)

    async def update(self, actor: Actor, mission_id: str, patch: dict[str, Any]) -> MissionDone:
        """Change name, goal, success_criteria, scope or metadata (merged, None removes) of a proposed mission.

        Raises:
            NotAllowedNow: when it is not proposed.
            InvalidInput: naming each field that cannot be accepted.
        """
        words = {key: check_word(key, value) for key, value in patch.items() if key != "metadata"}

        def body(tx: Tx) -> MissionDone:
            mission = self._own(tx, actor, mission_id, Action.EDIT)
            MISSION_LIFECYCLE.decide(mission.status, MissionCommand.MODIFY)
            changes: dict[str, Any] = dict(words)
            if "metadata" in patch:
                given: dict[str, Any] = patch["metadata"] or {}
                merged = {**mission.metadata, **given}
                changes["metadata"] = {k: v for k, v in merged.items() if v is not None}
            if all(getattr(mission, key) == value for key, value in changes.items()):
                return MissionDone(mission)
            changed = missions.change_mission(tx, mission, revision=mission.revision + 1, **changes)
            log_plan_in(tx, changed, "modified", versioned=True)
            return _done(tx, actor, "update", MissionDone(changed), fields=sorted(changes))

        return await self._store.write(body)

    async def propose(self, actor: Actor, mission_id: str) -> MissionDone:
        """Put a mission up, first or again after a rejection; from then on it is a person's and no run's.

        Raises:
            NotAllowedNow: when it is neither proposed nor rejected.
        """

        def body(tx: Tx) -> MissionDone:
            mission = self._own(tx, actor, mission_id, Action.EDIT)
            again = mission.status is not MissionStatus.PROPOSED
            changes: dict[str, Any] = (
                {"origin": MissionOrigin.PERSON, "run_id": None, "revision": mission.revision + 1}
                if again
                else {}
            )
            moved = move_mission_in(tx, mission, MissionCommand.PROPOSE, **changes)
            if again:
                promise_outputs_in(tx, moved)
            log_plan_in(tx, moved, "proposed", versioned=True)
            return _done(tx, actor, "propose", MissionDone(moved))

        return await self._store.write(body)

    async def accept(self, actor: Actor, mission_id: str, revision: int | None = None) -> MissionDone:
        """Accept a mission with its hops and assets; for a run's plan this answers the run's question.

        Raises:
            StaleVersion: when `revision` is not the one that would be accepted.
            NotAllowedNow: when it is not proposed.
        """
        return await self._decide(actor, mission_id, MissionCommand.ACCEPT, revision=revision)

    async def reject(self, actor: Actor, mission_id: str, feedback: str | None = None) -> MissionDone:
        """Reject a mission; for a run's plan this answers the run's question.

        Raises:
            NotAllowedNow: when it is not proposed.
        """
        return await self._decide(actor, mission_id, MissionCommand.REJECT, feedback=feedback)

    async def revise(self, actor: Actor, mission_id: str, feedback: str) -> MissionDone:
        """Send a mission back with feedback; a run that asks about its plan makes a better one.

        Raises:
            NotAllowedNow: when work on it has begun.
            InvalidInput: when the feedback is empty.
        """
        said = check_word("feedback", feedback)
        return await self._decide(actor, mission_id, MissionCommand.REVISE, feedback=said)

    async def modify(self, actor: Actor, mission_id: str, hops: Sequence[dict[str, Any]]) -> MissionDone:
        """Replace the hops of a proposed mission; a run that asks about its plan takes them as accepted.

        Raises:
            NotAllowedNow: when it is not proposed.
            InvalidInput: naming each field of each hop that cannot be accepted.
        """
        via_run = RunCommands()

        def body(tx: Tx) -> MissionDone:
            mission = mission_for(tx, actor, mission_id, Action.EDIT, lock=True)
            MISSION_LIFECYCLE.decide(mission.status, MissionCommand.MODIFY)
            cleaned = check_hops(hops, self._agents, given_names(tx, mission))
            run = via_run.open_run(tx, mission)
            if run is not None:
                approval = via_run.answer(
                    tx, actor, run, MissionCommand.MODIFY, modifications={"steps": cleaned}
                )
                done = MissionDone(mission, approval_id=approval.id, run_id=run.id)
                return _done(tx, actor, "modify", done, hops=len(cleaned))
            parts = [hop_of(mission.id, i, s, i == len(cleaned)) for i, s in enumerate(cleaned, 1)]
            keep_outputs_in(tx, mission, mission.hops)
            changed = missions.replace_hops(tx, mission, parts, revision=mission.revision + 1)
            promise_outputs_in(tx, changed)
            log_plan_in(tx, changed, "modified", versioned=True)
            return _done(tx, actor, "modify", MissionDone(changed), hops=len(cleaned))

        done = await self._store.write(body)
        await via_run.tell(self._engine)
        return done

    async def cancel(self, actor: Actor, mission_id: str) -> MissionDone:
        """Cancel a mission and everything unfinished under it; a run that works on it is cancelled with it.

        A run with a call in flight ends its mission when that call is broken off.

        Raises:
            NotAllowedNow: when it has ended.
        """
        via_run = RunCommands()

        def body(tx: Tx) -> MissionDone:
            mission = mission_for(tx, actor, mission_id, Action.CONTROL, lock=True)
            MISSION_LIFECYCLE.decide(mission.status, MissionCommand.CANCEL)
            run = via_run.open_run(tx, mission)
            if run is not None:
                via_run.cancel(tx, actor, run)
                done = MissionDone(missions.get_mission(tx, mission.id), run_id=run.id)
                return _done(tx, actor, "cancel", done)
            moved = move_mission_in(tx, mission, MissionCommand.CANCEL)
            log_plan_in(tx, moved, "cancelled", versioned=True)
            return _done(tx, actor, "cancel", MissionDone(moved))

        done = await self._store.write(body)
        await via_run.tell(self._engine)
        return done

    async def fail(self, actor: Actor, mission_id: str, reason: str | None = None) -> MissionDone:
        """Write that a mission came to nothing; hops in execution fail with it.

        Raises:
            NotAllowedNow: when it is not accepted, or a run works on it.
        """
        error = {"code": "failed-by-person", "message": reason or f"Given up by {actor.name}."}
        return await self._end(actor, mission_id, MissionCommand.FAIL, "failed", error=error)

    async def complete(self, actor: Actor, mission_id: str) -> MissionDone:
        """Write that a mission reached its goal; hops left over are skipped.

        Raises:
            NotAllowedNow: when it is not accepted, or a run works on it.
        """
        return await self._end(actor, mission_id, MissionCommand.COMPLETE, "completed")

    async def reorder(self, actor: Actor, mission_id: str, hop_ids: Sequence[str]) -> MissionDone:
        """Put the hops into another order; each must be named, and none may use what a later one makes.

        Raises:
            NotAllowedNow: when the mission has ended or a hop that has begun would change its place.
            InvalidInput: when the names are not exactly the mission's hops, or the order cannot work.
        """

        def body(tx: Tx) -> MissionDone:
            mission = self._own(tx, actor, mission_id, Action.EDIT)
            check_plannable(mission)
            by_id = {hop.id: hop for hop in mission.hops}
            if sorted(hop_ids) != sorted(by_id):
                raise InvalidInput("Name every hop of the mission exactly once.", field="hop_ids")
            ordered = [by_id[hop_id] for hop_id in hop_ids]
            if ordered == mission.hops:
                return MissionDone(mission)
            _check_begun_stay(mission, hop_ids)
            flows = [Flow(hop.inputs, hop.outputs) for hop in ordered]
            check_flow(flows, given=given_names(tx, mission), field="hops")
            placed = missions.order_hops(tx, ordered)
            changed = missions.change_mission(tx, mission, revision=mission.revision + 1)
            changed = changed.model_copy(update={"hops": placed})
            log_plan_in(tx, changed, "reordered", versioned=True)
            return _done(tx, actor, "reorder", MissionDone(changed), hops=len(placed))

        return await self._store.write(body)

    async def _decide(
        self,
        actor: Actor,
        mission_id: str,
        command: MissionCommand,
        *,
        revision: int | None = None,
        feedback: str | None = None,
    ) -> MissionDone:
        via_run = RunCommands()

        def body(tx: Tx) -> MissionDone:
            mission = mission_for(tx, actor, mission_id, Action.ANSWER, lock=True)
            MISSION_LIFECYCLE.decide(mission.status, command)
            _check_revision(mission, revision)
            run = via_run.open_run(tx, mission)
            approval_id: str | None = None
            if run is not None:
                approval_id = via_run.answer(tx, actor, run, command, feedback=feedback).id
                if command is MissionCommand.REVISE:  # the run writes the revision
                    done = MissionDone(mission, approval_id=approval_id, run_id=run.id)
                    return _done(tx, actor, command, done)
            changes: dict[str, Any] = {} if feedback is None else {"feedback": feedback}
            if command is MissionCommand.REVISE:
                changes["revision"] = mission.revision + 1
            moved = move_mission_in(tx, mission, command, **changes)
            log_plan_in(tx, moved, _CHANGE[command], versioned=True)
            done = MissionDone(moved, approval_id=approval_id, run_id=run.id if run else None)
            return _done(tx, actor, command, done)

        done = await self._store.write(body)
        await via_run.tell(self._engine)
        return done

    async def _end(
        self, actor: Actor, mission_id: str, command: MissionCommand, change: str, **changes: Any
    ) -> MissionDone:
        def body(tx: Tx) -> MissionDone:
            mission = self._own(tx, actor, mission_id, Action.CONTROL)
            moved = move_mission_in(tx, mission, command, **changes)
            log_plan_in(tx, moved, change, versioned=True)
            return _done(tx, actor, command, MissionDone(moved))

        return await self._store.write(body)

    def _own(self, tx: Tx, actor: Actor, mission_id: str, action: Action) -> Mission:
        """Return the mission, locked, when no run works on it."""
        mission = mission_for(tx, actor, mission_id, action, lock=True)
        RunCommands().refuse_open_run(tx, mission)
        return mission


def _done(tx: Tx, actor: Actor, verb: str, done: MissionDone, **details: Any) -> MissionDone:
    mission = done.mission
    tx.audit(
        *(actor, f"mission.{verb}", "mission", mission.id),
        session_id=mission.session_id,
        revision=mission.revision,
        approval_id=done.approval_id,
        run_id=done.run_id,
        archived_mission_id=done.archived_mission_id,
        **details,
    )
    return done


_CHANGE = {
    MissionCommand.ACCEPT: "accepted",
    MissionCommand.REJECT: "rejected",
    MissionCommand.REVISE: "revised",
}


def check_plannable(mission: Mission) -> None:
    """Let a change of the mission's hops pass, or raise.

    Raises:
        NotAllowedNow: when the mission has ended.
    """
    if mission.status in (MissionStatus.PROPOSED, MissionStatus.ACCEPTED, MissionStatus.IN_PROGRESS):
        return
    raise NotAllowedNow(
        f"The hops of a mission that is {mission.status} stay as they are.",
        current_status=str(mission.status),
        allowed=[str(c) for c in MISSION_LIFECYCLE.allowed(mission.status)],
    )


def _check_begun_stay(mission: Mission, hop_ids: Sequence[str]) -> None:
    waiting = (HopStatus.PROPOSED, HopStatus.READY)
    for hop, new_id_there in zip(mission.hops, hop_ids, strict=True):
        if hop.status not in waiting and hop.id != new_id_there:
            raise NotAllowedNow(
                f"{hop.name!r} is {hop.status} and keeps its place.",
                current_status=str(hop.status),
                allowed=[str(c) for c in HOP_LIFECYCLE.allowed(hop.status) if c is not HopCommand.PROPOSE],
            )


def _check_revision(mission: Mission, revision: int | None) -> None:
    if revision is not None and revision != mission.revision:
        raise StaleVersion(
            f"The mission was changed in another place (it is at revision {mission.revision}, "
            f"you have {revision}). Read it again and decide.",
            current_version=mission.revision,
        )


def _linked(linked: Linked) -> MissionDone:
    return MissionDone(linked.mission, warning=linked.warning, archived_mission_id=linked.archived_id)
