"""API keys of the caller. No answer is kept for repeats: the one that makes a key holds it."""

from __future__ import annotations

from datetime import UTC, timedelta

from fastapi import Response

from perdure.api.auth import Caller, Services
from perdure.api.routes.auth import require_sign_in
from perdure.api.routes.parts import Page, Shape, flat, next_offset_cursor, offset_of, router
from perdure.api.wire.base import Uuid
from perdure.api.wire.people import Done, KeyIn, KeyMade, KeyOut, KeyPage
from perdure.api.wire.problems import problem_answers
from perdure.errors import InvalidInput

routes = router("keys")


@routes.get("/api/auth/keys", responses=problem_answers(401))
async def list_keys(perdure: Services, actor: Caller, page: Page, shape: Shape = "envelope") -> KeyPage:
    """List the caller's keys that still count, newest first; the keys themselves are shown once, when made."""
    found, total = await perdure.api_keys.list(actor, limit=page.limit, offset=offset_of(page))
    rows = [KeyOut.of(key) for key in found]
    if shape == "flat":
        return flat(rows, total)  # pyright: ignore[reportReturnType]
    cursor = next_offset_cursor(page, len(rows), total)
    return KeyPage(keys=rows, total=total, limit=page.limit, offset=page.offset, next_cursor=cursor)


@routes.post("/api/auth/keys", status_code=201, responses=problem_answers(401, 403, 409))
async def make_key(body: KeyIn, perdure: Services, actor: Caller, response: Response) -> KeyMade:
    """Make a key for a program; it acts as the caller, as far as its scopes go. It is shown this once."""
    require_sign_in(perdure)
    expires_at = body.expires_at
    if body.expires_in_days is not None:
        if expires_at is not None:
            raise InvalidInput("Give `expires_at` or `expires_in_days`, not both.", field="expires_at")
        expires_at = perdure.store.now() + timedelta(days=body.expires_in_days)
    made = await perdure.api_keys.create(
        actor,
        name=body.name,
        scopes=body.scopes,
        expires_at=None if expires_at is None else expires_at.astimezone(UTC),
    )
    response.headers["Location"] = f"/api/auth/keys/{made.key.id}"
    return KeyMade.made(made.key, made.text)


@routes.delete("/api/auth/keys/{key_id}", responses=problem_answers(401, 403, 404))
async def revoke_key(key_id: Uuid, perdure: Services, actor: Caller) -> Done:
    """Revoke one of the caller's keys, and end what it opened; revoked, it stays so."""
    await perdure.api_keys.revoke(actor, key_id)
    return Done()
