"""Missions as people read them: lists, details, and the picture of a session's work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.assets import Asset, AssetRole, AssetStatus
from perdure.core.cascades import outputs_of
from perdure.core.dag import dag
from perdure.core.hops import Hop, ToolStep
from perdure.core.missions import Mission, MissionStatus
from perdure.core.runs import Run
from perdure.errors import InvalidInput
from perdure.services.access import session_for, whose_list
from perdure.services.mission_access import asset_for, hop_for, mission_for
from perdure.store import approvals, assets, missions, runs, tool_steps
from perdure.store.assets import AssetQuery
from perdure.store.missions import MissionQuery
from perdure.store.store import Store
from perdure.store.transaction import Tx


@dataclass(frozen=True, slots=True)
class MissionDetail:
    """A mission with everything under it."""

    mission: Mission
    tool_steps: list[ToolStep]
    assets: list[Asset]


@dataclass(frozen=True, slots=True)
class HopDetail:
    """A hop with its tool steps and the assets it makes."""

    hop: Hop
    tool_steps: list[ToolStep]
    assets: list[Asset]


class MissionService:
    """Reads of missions; the commands are in `mission_commands`, `hops` and `assets`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, actor: Actor, mission_id: str) -> MissionDetail:
        """Return a mission with its hops, tool steps and assets.

        Raises:
            NotFound: when it does not exist for the actor.
        """

        def body(tx: Tx) -> MissionDetail:
            mission = mission_for(tx, actor, mission_id, Action.READ)
            steps = tool_steps.list_of_mission(tx, mission.id)
            return MissionDetail(mission, steps, assets.list_of_mission(tx, mission.id))

        return await self._store.read(body)

    async def list(
        self, actor: Actor, query: MissionQuery, *, user_id: str | None = None
    ) -> tuple[list[Mission], int]:
        """Return the actor's missions and those of shared sessions, or those of one session, newest first.

        An administrator may name a `user_id`, or `all`, and gets that person's. With them comes how many there are.

        Raises:
            InvalidInput: on a status that does not exist.
            NotFound: when the session does not exist for the actor.
            Forbidden: when somebody else names another `user_id`.
        """
        person, shared = whose_list(actor, user_id)
        _check_words("status", query.status, MissionStatus)

        def body(tx: Tx) -> tuple[list[Mission], int]:
            if query.session_id is None:
                return missions.list_missions(tx, person, query, shared=shared)
            session_for(tx, actor, query.session_id, Action.READ)
            return missions.list_missions(tx, None, query)

        return await self._store.read(body)

    async def hop(self, actor: Actor, hop_id: str) -> HopDetail:
        """Return a hop with its tool steps and assets.

        Raises:
            NotFound: when it does not exist for the actor.
        """

        def body(tx: Tx) -> HopDetail:
            _, hop = hop_for(tx, actor, hop_id, Action.READ)
            return hop_detail_in(tx, hop.id)

        return await self._store.read(body)

    async def asset(self, actor: Actor, asset_id: str) -> Asset:
        """Return an asset.

        Raises:
            NotFound: when it does not exist for the actor.
        """
        return await self._store.read(lambda tx: asset_for(tx, actor, asset_id, Action.READ))

    async def list_assets(self, actor: Actor, query: AssetQuery) -> tuple[list[Asset], int]:
        """Return the assets of a session, mission or hop, oldest first; and how many there are.

        Raises:
            InvalidInput: when the query names none of them, or a role or status that does not exist.
            NotFound: when what it names does not exist for the actor.
        """
        _check_words("role", (query.role,) if query.role else (), AssetRole)
        _check_words("status", (query.status,) if query.status else (), AssetStatus)
        if not (query.session_id or query.mission_id or query.hop_id):
            raise InvalidInput("Name a `session_id`, `mission_id` or `hop_id`.", field="session_id")

        def body(tx: Tx) -> tuple[list[Asset], int]:
            if query.session_id is not None:
                session_for(tx, actor, query.session_id, Action.READ)
            if query.mission_id is not None:
                mission_for(tx, actor, query.mission_id, Action.READ)
            if query.hop_id is not None:
                hop_for(tx, actor, query.hop_id, Action.READ)
            return assets.list_assets(tx, query)

        return await self._store.read(body)

    async def for_session(self, actor: Actor, session_id: str) -> Mission | None:
        """Return the session's current mission with its hops, or None."""

        def body(tx: Tx) -> Mission | None:
            session = session_for(tx, actor, session_id, Action.READ)
            return missions.find_mission(tx, session_id=session.id)

        return await self._store.read(body)

    async def dag(self, actor: Actor, session_id: str) -> dict[str, Any]:
        """Return `{nodes, edges, as_of_seq}` of what the session works on; no nodes before the first run."""

        def body(tx: Tx) -> dict[str, Any]:
            session = session_for(tx, actor, session_id, Action.READ)
            picture = dag_in(tx, session.id)
            return {**picture, "session_id": session.id, "as_of_seq": session.last_seq}

        return await self._store.read(body)


def hop_detail_in(tx: Tx, hop_id: str) -> HopDetail:
    """Return a hop with its tool steps and the assets it makes."""
    hop = missions.get_hop(tx, hop_id)
    made = outputs_of(hop, assets.list_of_mission(tx, hop.mission_id))
    return HopDetail(hop, tool_steps.list_tool_steps(tx, hop.id), made)


def dag_in(tx: Tx, session_id: str) -> dict[str, Any]:
    """Return nodes and edges inside an open transaction: of the newest run, or of a mission that waits for one."""
    run = runs.find_latest_run(tx, session_id)
    waiting = _waiting_mission(tx, session_id, run)
    if run is None or waiting is not None:
        return dag(None, waiting, tool_steps=_tool_steps(tx, waiting))
    mission = missions.find_mission(tx, run_id=run.id)
    gates, _ = approvals.list_approvals(tx, None, run_id=run.id, limit=200)
    return dag(
        run,
        mission,
        gates=[{"id": a.id, "label": a.title, "status": str(a.status)} for a in gates],
        steps=runs.list_steps(tx, run_id=run.id),
        tool_steps=_tool_steps(tx, mission),
    )


def _waiting_mission(tx: Tx, session_id: str, run: Run | None) -> Mission | None:
    """Return the mission that became the session's after its newest run began and that no run works on."""
    mission = missions.find_mission(tx, session_id=session_id)
    if mission is None or mission.run_id is not None:
        return None
    since = mission.linked_at or mission.created_at
    return mission if run is None or since >= run.created_at else None


def _tool_steps(tx: Tx, mission: Mission | None) -> list[ToolStep]:
    return [] if mission is None else tool_steps.list_of_mission(tx, mission.id)


def _check_words(field: str, words: tuple[str, ...], known: Any) -> None:
    for word in words:
        if word not in {str(k) for k in known}:
            raise InvalidInput(f"{word!r} is not a {field}; use {', '.join(known)}.", field=field)
