"""Finding a session for somebody: the one place where every service asks whether it may."""

from __future__ import annotations

from collections.abc import Iterable

from perdure.core.access import Action, Actor, Role, require, require_scope
from perdure.core.acting import SERVER, acting_as
from perdure.core.audit import Act, AuditResult, Refused
from perdure.core.sessions import Session, SessionStatus
from perdure.errors import Conflict, Forbidden, NotFound
from perdure.ids import parse_uuid
from perdure.store import audit, sessions, shares
from perdure.store.store import Store
from perdure.store.transaction import Tx


def session_for(
    tx: Tx, actor: Actor, session_id: str, action: Action, *, lock: bool = False, deleted: bool = False
) -> Session:
    """Return the session if the actor may do `action` to it.

    Raises:
        InvalidInput: when the id is not a UUID.
        NotFound: when it does not exist, is deleted (unless `deleted`), or is a stranger's; nothing tells which.
        Refused: when it is shared with the actor, but not for this action; the audit log will say so.
    """
    named = parse_uuid(session_id, "session id")
    session = sessions.get_session(tx, named, lock=lock)
    role = role_in(tx, actor, session)
    gone = session.status is SessionStatus.DELETED and not deleted
    if gone or (role is None and not (actor.is_admin or actor.is_system)):
        raise NotFound("There is no such session.", session_id=named)
    try:
        require(actor, action, session.owner_id, role)
    except Forbidden as error:
        raise refusal_of(error, actor, f"session.{action}", "session", session.id) from None
    return session


def role_in(tx: Tx, actor: Actor, session: Session) -> Role | None:
    """Return how the actor relates to the session; what an administrator of the server may is not asked."""
    if actor.user_id == session.owner_id:
        return Role.OWNER
    return shares.find_role(tx, session.id, actor.user_id)


def may_only_watch(tx: Tx, actor: Actor, session: Session) -> bool:
    """Whether the session's metadata and secrets are to be kept from the actor."""
    return not (actor.is_admin or actor.is_system) and role_in(tx, actor, session) in (None, Role.VIEW)


def readable(tx: Tx, actor: Actor, session_ids: Iterable[str]) -> set[str]:
    """Return those of the sessions that the actor may read now; what ends a watch asks this."""
    found: set[str] = set()
    for session_id in session_ids:
        try:
            found.add(session_for(tx, actor, session_id, Action.READ).id)
        except (NotFound, Forbidden):
            continue
    return found


async def require_unused(store: Store, session_id: str) -> None:
    """Let a new session have this id, or raise.

    An id counts once: what is kept of a session that was purged (the audit log, files until the next sweep) is not for
    whoever takes its name.

    Raises:
        Conflict: when there is a session of this id, or was one.
    """
    with acting_as(SERVER):  # whosever it is
        used = await store.read(
            lambda tx: sessions.known_ids(tx, [session_id]) | audit.purged_sessions(tx, [session_id])
        )
    if used:
        raise Conflict("There is or was a session of this id; choose another.", field="session_id")


def refusal_of(
    error: Forbidden, actor: Actor, action: str, object_type: str, object_id: str | None
) -> Refused:
    """Return the error with what the audit log is to say of the attempt."""
    return Refused(error, Act.of(actor, action, object_type, object_id, result=AuditResult.REFUSED))


def require_create(actor: Actor, noun: str) -> None:
    """Let something new be made that belongs to the actor, or raise.

    Raises:
        Refused: when the API key is not for it.
    """
    try:
        require_scope(actor, Action.CREATE)
    except Forbidden as error:
        raise refusal_of(error, actor, f"{noun}.create", noun, None) from None


def whose_list(actor: Actor, user_id: str | None) -> tuple[str | None, bool | None]:
    """Return whose things a list shows (None: everybody's), and whether what is shared with them belongs to it.

    Without `user_id` it is the actor's own and what is shared with them (None as the second value). With it,
    administrators see what somebody owns, or `all`.

    Raises:
        Forbidden: when the actor asks for another's and is no administrator.
    """
    if actor.is_system and user_id is None:
        return None, None
    if user_id is None or user_id == actor.user_id:
        return actor.user_id, None
    require_scope(actor, Action.ADMINISTER)
    return (None if user_id == "all" else user_id), False
