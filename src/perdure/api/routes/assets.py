"""Assets: the named inputs, outputs and intermediate things of missions, hops and sessions."""

from __future__ import annotations

from typing import Any

from perdure.api.auth import Caller, Services
from perdure.api.route import repeatable
from perdure.api.routes.parts import Page, Shape, flat, next_offset_cursor, offset_of, router
from perdure.api.wire.base import Uuid
from perdure.api.wire.missions import AssetAdd, AssetOut, AssetPage, AssetPatch
from perdure.api.wire.problems import problem_answers
from perdure.store.assets import AssetQuery

routes = router("missions")


@routes.get("/api/assets", responses=problem_answers(404))
async def list_assets(
    perdure: Services,
    actor: Caller,
    page: Page,
    session_id: Uuid | None = None,
    mission_id: Uuid | None = None,
    hop_id: Uuid | None = None,
    role: str | None = None,
    status: str | None = None,
    shape: Shape = "envelope",
) -> AssetPage:
    """List the assets of a session, mission or hop, oldest first; one of the three must be named."""
    offset = offset_of(page)
    query = AssetQuery(session_id, mission_id, hop_id, role, status, page.limit, offset)
    found, total = await perdure.missions.list_assets(actor, query)
    assets = [AssetOut.of(asset) for asset in found]
    if shape == "flat":
        return flat(assets, total)  # pyright: ignore[reportReturnType]
    cursor = next_offset_cursor(page, len(assets), total)
    return AssetPage(assets=assets, total=total, limit=page.limit, offset=offset, next_cursor=cursor)


@routes.post(
    "/api/missions/{mission_id}/assets",
    status_code=201,
    responses=problem_answers(404, 409),
    openapi_extra=repeatable(),
)
async def add_mission_asset(mission_id: Uuid, body: AssetAdd, perdure: Services, actor: Caller) -> AssetOut:
    """Add an asset to a mission: a value, a file of the workspace, or a promise of one."""
    return AssetOut.of(await perdure.assets.create(actor, mission_id=mission_id, **_words(body)))


@routes.post(
    "/api/hops/{hop_id}/assets",
    status_code=201,
    responses=problem_answers(404, 409),
    openapi_extra=repeatable(),
)
async def add_hop_asset(hop_id: Uuid, body: AssetAdd, perdure: Services, actor: Caller) -> AssetOut:
    """Add an asset that a hop makes."""
    return AssetOut.of(await perdure.assets.create(actor, hop_id=hop_id, **_words(body)))


@routes.get("/api/assets/{asset_id}", responses=problem_answers(404))
async def get_asset(asset_id: Uuid, perdure: Services, actor: Caller) -> AssetOut:
    """Read an asset; the content of a file is under the session's files."""
    return AssetOut.of(await perdure.missions.asset(actor, asset_id))


@routes.patch("/api/assets/{asset_id}", responses=problem_answers(404, 409))
async def update_asset(asset_id: Uuid, body: AssetPatch, perdure: Services, actor: Caller) -> AssetOut:
    """Change an asset, or provide its value or file, which makes it ready."""
    patch = body.model_dump(exclude_unset=True)
    return AssetOut.of(await perdure.assets.update(actor, asset_id, patch))


def _words(body: AssetAdd) -> dict[str, Any]:
    return body.model_dump(exclude_none=True)
