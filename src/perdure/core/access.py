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
    CREATE = "create"
    ADMINISTER = "administer"


class Scope(StrEnum):
    """What an API key is good for; it never allows more than the person whose key it is."""

    READ = "read"
    WORK = "work"
    MANAGE = "manage"
    ADMIN = "admin"


_READ_SCOPE = frozenset({Action.READ})
_WORK_SCOPE = _READ_SCOPE | {Action.CREATE, Action.SEND, Action.ANSWER, Action.CONTROL, Action.EDIT}
_MANAGE_SCOPE = _WORK_SCOPE | {Action.SHARE, Action.DELETE, Action.PURGE, Action.AUDIT}

SCOPE_ACTIONS: dict[Scope, frozenset[Action]] = {
    Scope.READ: _READ_SCOPE,
    Scope.WORK: _WORK_SCOPE,
    Scope.MANAGE: _MANAGE_SCOPE,
    Scope.ADMIN: frozenset(Action),
}


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
    scopes: frozenset[Scope] | None = None
    """What the API key that is used allows; None when a person signed in."""
    credential_id: str | None = field(default=None, compare=False)
    """The sign-in or API key by which the actor acts; when it ends, so does what was opened with it."""
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
        Forbidden: when it is shared with the actor, but not for this action, or the API key is not for it.
    """
    if actor.is_admin or actor.is_system:
        require_scope(actor, action)
        return
    role = Role.OWNER if actor.user_id == owner_id else shared_role
    if role is None:
        raise NotFound(f"There is no such {noun}.")
    if action not in ROLE_ACTIONS[role]:
        raise Forbidden(f"Your role on this {noun} ({role}) does not allow to {action} it.", role=str(role))
    require_scope(actor, action)


def require_scope(actor: Actor, action: Action) -> None:
    """Let an action that concerns no session pass, such as making one, or raise.

    Raises:
        Forbidden: when the API key does not allow it, or it is for administrators and the actor is none.
    """
    if actor.scopes is not None and not any(action in SCOPE_ACTIONS[scope] for scope in actor.scopes):
        needed = next(scope for scope, actions in SCOPE_ACTIONS.items() if action in actions)
        raise Forbidden(
            f"This API key does not allow to {action}; it needs the scope `{needed}`.", scope=str(needed)
        )
    if action is Action.ADMINISTER and not (actor.is_admin or actor.is_system):
        raise Forbidden("This is for administrators of the server.")
