"""People of the server, for its administrators. No answer is kept for repeats: the request holds a password."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from perdure.api.auth import Caller, Services
from perdure.api.routes.parts import Page, Shape, flat, next_offset_cursor, offset_of, router
from perdure.api.wire.base import Uuid
from perdure.api.wire.people import Ended, UserChange, UserIn, UserOut, UserPage, plain
from perdure.api.wire.problems import problem_answers
from perdure.core.people import UserRole

routes = router("users")


@routes.get("/api/users", responses=problem_answers(401, 403))
async def list_users(
    perdure: Services,
    actor: Caller,
    page: Page,
    q: Annotated[str | None, Query(max_length=200, description="Part of a name or address.")] = None,
    shape: Shape = "envelope",
) -> UserPage:
    """List people by name."""
    found, total = await perdure.users.list(actor, q=q, limit=page.limit, offset=offset_of(page))
    rows = [UserOut.of(user) for user in found]
    if shape == "flat":
        return flat(rows, total)  # pyright: ignore[reportReturnType]
    cursor = next_offset_cursor(page, len(rows), total)
    return UserPage(users=rows, total=total, limit=page.limit, offset=page.offset, next_cursor=cursor)


@routes.post("/api/users", status_code=201, responses=problem_answers(401, 403, 409, 429))
async def make_user(body: UserIn, perdure: Services, actor: Caller, response: Response) -> UserOut:
    """Make a person."""
    user = await perdure.users.create(
        actor,
        email=body.email,
        name=body.name,
        role=UserRole(body.role),
        password=plain(body.password),
    )
    response.headers["Location"] = f"/api/users/{user.id}"
    return UserOut.of(user)


@routes.get("/api/users/{user_id}", responses=problem_answers(401, 403, 404))
async def get_user(user_id: Uuid, perdure: Services, actor: Caller) -> UserOut:
    """Read a person."""
    return UserOut.of(await perdure.users.get(actor, user_id))


@routes.patch("/api/users/{user_id}", responses=problem_answers(401, 403, 404, 409, 429))
async def change_user(user_id: Uuid, body: UserChange, perdure: Services, actor: Caller) -> UserOut:
    """Change name, role or password, or disable; disabled people and new passwords end all sign-ins."""
    user = await perdure.users.change(
        actor,
        user_id,
        name=body.name,
        role=None if body.role is None else UserRole(body.role),
        disabled=body.disabled,
        password=plain(body.password),
    )
    return UserOut.of(user)


@routes.post("/api/users/{user_id}/sign-out", responses=problem_answers(401, 403, 404))
async def sign_out_user(user_id: Uuid, perdure: Services, actor: Caller) -> Ended:
    """End all sign-ins of a person."""
    return Ended(ended=await perdure.users.sign_out(actor, user_id))
