"""Access: one table of what each role may do, and the one function that every service asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from perdure.errors import Forbidden, NotFound


class Action(StrEnum):
    """Everything that can be done to a session or to the server."""

    READ = "read"
    SEND = "send"
    ANSWER = "answer"
    CONTROL = "control"
    EDIT = "edit"
    SHARE = "share"
    DELETE = "delete"
    PURGE = "purge"
    AUDIT = "audit"
    ADMINISTER = "administer"


class Role(StrEnum):
    """How somebody relates to a session."""

    VIEW = "view"
    EDIT = "edit"
    ADMIN = "admin"
    OWNER = "owner"


_VIEW = frozenset({Action.READ})
_EDIT = _VIEW | {Action.SEND, Action.ANSWER, Action.CONTROL, Action.EDIT}
_ADMIN = _EDIT | {Action.SHARE, Action.DELETE, Action.AUDIT}

ROLE_ACTIONS: dict[Role, frozenset[Action]] = {
    Role.VIEW: _VIEW,
    Role.EDIT: _EDIT,
    Role.ADMIN: _ADMIN,
    Role.OWNER: _ADMIN | {Action.PURGE},
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a signed-in person, the one local user, or the system itself."""

    user_id: str
    name: str
    is_admin: bool = False
    is_system: bool = False
    source: str | None = field(default=None, compare=False)
    """From where: the request's address and program, or `library`; it tells, and decides nothing."""


LOCAL_USER_ID = "00000000-0000-7000-8000-000000000001"
LOCAL_ACTOR = Actor(user_id=LOCAL_USER_ID, name="local", is_admin=True)
SYSTEM_ACTOR = Actor(
    user_id="00000000-0000-7000-8000-000000000000",
    name="perdure",
    is_admin=True,
    is_system=True,
    source="server",
)


def require(
    actor: Actor, action: Action, owner_id: str, shared_role: Role | None, noun: str = "session"
) -> None:
    """Let the action pass or raise.

    Raises:
        NotFound: when the actor may not even know that the thing exists.
        Forbidden: when it is shared with the actor, but not for this action.
    """
    if actor.is_admin or actor.is_system:
        return
    role = Role.OWNER if actor.user_id == owner_id else shared_role
    if role is None:
        raise NotFound(f"There is no such {noun}.")
    if action not in ROLE_ACTIONS[role]:
        raise Forbidden(f"Your role on this {noun} ({role}) does not allow to {action} it.", role=str(role))
