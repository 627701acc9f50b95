"""People who can sign in: for administrators of the server."""

from __future__ import annotations

from perdure.client import people
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, given, reads, segment


def _path(user_id: str, rest: str = "") -> str:
    return f"/api/users/{segment(user_id)}{rest}"


def list_(
    *, limit: int | None = None, offset: int | None = None, cursor: str | None = None
) -> Call[people.UserPage]:
    """Read who can sign in."""
    query = given(limit=limit, offset=offset, cursor=cursor)
    return Call("GET", "/api/users", reads(people.UserPage), query)


def get(user_id: str) -> Call[people.User]:
    """Read one of them."""
    return Call("GET", _path(user_id), reads(people.User))


def create(email: str, name: str, *, role: str = "member", password: str | None = None) -> Call[people.User]:
    """Make an account; without a password it is for sign-in through an identity provider."""
    body = given(email=email, name=name, role=role, password=password)
    return Call("POST", "/api/users", reads(people.User), body=body)


def update(
    user_id: str,
    *,
    name: str | None = None,
    role: str | None = None,
    disabled: bool | None = None,
    password: str | None = None,
) -> Call[people.User]:
    """Change name, role (`admin`, `member`), password, or whether they can sign in.

    Another password or `disabled=True` ends all their sign-ins.
    """
    body = given(name=name, role=role, disabled=disabled, password=password)
    return Call("PATCH", _path(user_id), reads(people.User), body=body)


def sign_out(user_id: str) -> Call[people.Done]:
    """End all sign-ins of somebody."""
    return Call("POST", _path(user_id, "/sign-out"), reads(people.Done))


class Users(Group):
    """`client.users`."""

    list = Sync(list_)
    get = Sync(get)
    create = Sync(create)
    update = Sync(update)
    sign_out = Sync(sign_out)


class AsyncUsers(AsyncGroup):
    """`client.users`, awaited."""

    list = Async(list_)
    get = Async(get)
    create = Async(create)
    update = Async(update)
    sign_out = Async(sign_out)
