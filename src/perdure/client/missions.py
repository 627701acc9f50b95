"""Missions: goals with hops that a person writes, links to a session, accepts and follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perdure.client import mission_models as models
from perdure.client.models import Json
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, given, reads, segment


def create(
    goal: str,
    *,
    name: str | None = None,
    hops: Sequence[Json] | None = None,
    inputs: Sequence[Json] | None = None,
    outputs: Sequence[Json] | None = None,
    success_criteria: Sequence[str] | None = None,
    scope: str | None = None,
    metadata: Json | None = None,
    session_id: str | None = None,
) -> Call[models.Mission]:
    """Write a proposed mission; a hop is `{name, goal, agent?, inputs?, outputs?, …}`."""
    body = given(
        goal=goal,
        name=name,
        hops=hops,
        inputs=inputs,
        outputs=outputs,
        success_criteria=success_criteria,
        scope=scope,
        metadata=metadata,
        session_id=session_id,
    )
    return Call("POST", "/api/missions", reads(models.Mission), body=body)


def list_(
    *,
    status: str | Sequence[str] | None = None,
    session_id: str | None = None,
    archived: bool | None = None,
    limit: int = 50,
    offset: int = 0,
    cursor: str | None = None,
) -> Call[models.MissionPage]:
    """Read a page of missions, newest first; `archived` shows also those that others took the place of."""
    query = given(
        status=status, session_id=session_id, archived=archived, limit=limit, offset=offset, cursor=cursor
    )
    return Call("GET", "/api/missions", reads(models.MissionPage), query)


def get(mission_id: str) -> Call[models.Mission]:
    """Read a mission with its hops, their tool steps, and its assets."""
    return Call("GET", _path(mission_id), reads(models.Mission))


def update(
    mission_id: str,
    *,
    name: str | None = None,
    goal: str | None = None,
    success_criteria: Sequence[str] | None = None,
    scope: str | None = None,
    metadata: Json | None = None,
) -> Call[models.Mission]:
    """Change a proposed mission; `metadata` merges, None inside it removes a key."""
    body = given(name=name, goal=goal, success_criteria=success_criteria, scope=scope, metadata=metadata)
    return Call("PATCH", _path(mission_id), reads(models.Mission), body=body)


def propose(mission_id: str) -> Call[models.MissionResult]:
    """Put a rejected mission up again."""
    return _command(mission_id, "propose")


def accept(mission_id: str, *, revision: int | None = None) -> Call[models.MissionResult]:
    """Accept; with `revision` only if it is still that one. A run that asks about its plan goes on."""
    return _command(mission_id, "accept", revision=revision)


def reject(mission_id: str, *, feedback: str | None = None) -> Call[models.MissionResult]:
    """Reject."""
    return _command(mission_id, "reject", feedback=feedback)


def revise(mission_id: str, feedback: str) -> Call[models.MissionResult]:
    """Send it back with feedback."""
    return _command(mission_id, "revise", feedback=feedback)


def modify(mission_id: str, hops: Sequence[Json]) -> Call[models.MissionResult]:
    """Replace its hops."""
    return _command(mission_id, "modify", hops=hops)


def cancel(mission_id: str) -> Call[models.MissionResult]:
    """Cancel it with everything unfinished under it, and the run that works on it."""
    return _command(mission_id, "cancel")


def fail(mission_id: str, *, reason: str | None = None) -> Call[models.MissionResult]:
    """Write that it came to nothing."""
    return _command(mission_id, "fail", reason=reason)


def complete(mission_id: str) -> Call[models.MissionResult]:
    """Write that it reached its goal."""
    return _command(mission_id, "complete")


def reorder(mission_id: str, hop_ids: Sequence[str]) -> Call[models.MissionResult]:
    """Put its hops into another order."""
    path = f"{_path(mission_id)}/hops"
    return Call("PUT", path, reads(models.MissionResult), body={"hop_ids": list(hop_ids)})


def link(session_id: str, mission_id: str) -> Call[models.MissionResult]:
    """Make it the session's mission; `warning` says what was archived for it."""
    path = f"/api/sessions/{segment(session_id)}/link-mission/{segment(mission_id)}"
    return Call("POST", path, reads(models.MissionResult))


def add_hop(mission_id: str, goal: str, *, position: int | None = None, **words: Any) -> Call[models.Hop]:
    """Add a hop at the end, or at a position counted from 1; `words` are its other fields."""
    body = given(goal=goal, position=position, **words)
    return Call("POST", f"{_path(mission_id)}/hops", reads(models.Hop), body=body)


def hop(hop_id: str) -> Call[models.Hop]:
    """Read a hop with its tool steps and what it makes."""
    return Call("GET", f"/api/hops/{segment(hop_id)}", reads(models.Hop))


def update_hop(hop_id: str, **words: Any) -> Call[models.Hop]:
    """Change a hop that has not begun."""
    return Call("PATCH", f"/api/hops/{segment(hop_id)}", reads(models.Hop), body=words)


def remove_hop(hop_id: str) -> Call[models.MissionResult]:
    """Take out a hop that has not begun."""
    return Call("DELETE", f"/api/hops/{segment(hop_id)}", reads(models.MissionResult))


def move_hop(hop_id: str, command: str, *, reason: str | None = None) -> Call[models.Hop]:
    """`start`, `complete`, `fail`, `skip` or `cancel` a hop by hand."""
    path = f"/api/hops/{segment(hop_id)}/{segment(command)}"
    return Call("POST", path, reads(models.Hop), body=given(reason=reason))


def assets(
    *,
    session_id: str | None = None,
    mission_id: str | None = None,
    hop_id: str | None = None,
    role: str | None = None,
    status: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> Call[models.AssetPage]:
    """Read a page of the assets of a session, mission or hop, oldest first."""
    query = given(
        session_id=session_id,
        mission_id=mission_id,
        hop_id=hop_id,
        role=role,
        status=status,
        limit=limit,
        offset=offset,
    )
    return Call("GET", "/api/assets", reads(models.AssetPage), query)


def add_asset(
    mission_id: str,
    name: str,
    *,
    role: str = "input",
    value: Any = None,
    path: str | None = None,
    description: str | None = None,
) -> Call[models.Asset]:
    """Add an asset: a value, a file of the workspace, or a promise of one."""
    body = given(name=name, role=role, value=value, path=path, description=description)
    return Call("POST", f"{_path(mission_id)}/assets", reads(models.Asset), body=body)


def provide(asset_id: str, *, value: Any = None, path: str | None = None) -> Call[models.Asset]:
    """Give an asset its value or file; it is ready then."""
    body = given(value=value, path=path)
    return Call("PATCH", f"/api/assets/{segment(asset_id)}", reads(models.Asset), body=body)


def _path(mission_id: str) -> str:
    return f"/api/missions/{segment(mission_id)}"


def _command(mission_id: str, command: str, **body: Any) -> Call[models.MissionResult]:
    return Call(
        "POST", f"{_path(mission_id)}/{command}", reads(models.MissionResult), body=given(**body) or None
    )


class Missions(Group):
    """`client.missions`."""

    create = Sync(create)
    list = Sync(list_)
    get = Sync(get)
    update = Sync(update)
    propose = Sync(propose)
    accept = Sync(accept)
    reject = Sync(reject)
    revise = Sync(revise)
    modify = Sync(modify)
    cancel = Sync(cancel)
    fail = Sync(fail)
    complete = Sync(complete)
    reorder = Sync(reorder)
    link = Sync(link)
    add_hop = Sync(add_hop)
    hop = Sync(hop)
    update_hop = Sync(update_hop)
    remove_hop = Sync(remove_hop)
    move_hop = Sync(move_hop)
    assets = Sync(assets)
    add_asset = Sync(add_asset)
    provide = Sync(provide)


class AsyncMissions(AsyncGroup):
    """`client.missions`, awaited."""

    create = Async(create)
    list = Async(list_)
    get = Async(get)
    update = Async(update)
    propose = Async(propose)
    accept = Async(accept)
    reject = Async(reject)
    revise = Async(revise)
    modify = Async(modify)
    cancel = Async(cancel)
    fail = Async(fail)
    complete = Async(complete)
    reorder = Async(reorder)
    link = Async(link)
    add_hop = Async(add_hop)
    hop = Async(hop)
    update_hop = Async(update_hop)
    remove_hop = Async(remove_hop)
    move_hop = Async(move_hop)
    assets = Async(assets)
    add_asset = Async(add_asset)
    provide = Async(provide)
