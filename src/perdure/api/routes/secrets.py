"""Named secrets of the caller: set, listed and deleted, never read."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from perdure.api.auth import Caller, Services
from perdure.api.routes.parts import Page, Shape, flat, next_offset_cursor, offset_of, router
from perdure.api.wire.problems import problem_answers
from perdure.api.wire.secrets import SecretGone, SecretIn, SecretOut, SecretPage

routes = router("secrets")
Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$", description="The name that configs refer to.")]


@routes.get("/api/secrets", responses=problem_answers(401))
async def list_secrets(perdure: Services, actor: Caller, page: Page, shape: Shape = "envelope") -> SecretPage:
    """List the caller's secrets by name; values are never shown."""
    found, total = await perdure.secrets.list(actor, limit=page.limit, offset=offset_of(page))
    rows = [SecretOut.of(secret) for secret in found]
    if shape == "flat":
        return flat(rows, total)  # pyright: ignore[reportReturnType]
    cursor = next_offset_cursor(page, len(rows), total)
    return SecretPage(secrets=rows, total=total, limit=page.limit, offset=page.offset, next_cursor=cursor)


@routes.put("/api/secrets/{name}", responses=problem_answers(401, 403, 409))
async def put_secret(name: Name, body: SecretIn, perdure: Services, actor: Caller) -> SecretOut:
    """Set a secret of the caller; configs of their sessions refer to it by `{"$secret": "name"}`."""
    return SecretOut.of(await perdure.secrets.put(actor, name, body.value))


@routes.delete("/api/secrets/{name}", responses=problem_answers(401, 403, 404))
async def delete_secret(name: Name, perdure: Services, actor: Caller) -> SecretGone:
    """Delete a secret; what refers to it fails from now on and says so."""
    await perdure.secrets.delete(actor, name)
    return SecretGone()
