"""Finding a session for somebody: the one place where every service asks whether it may."""

from __future__ import annotations

from perdure.core.access import Action, Actor, require
from perdure.core.audit import Act, AuditResult, Refused
from perdure.core.sessions import Session, SessionStatus
from perdure.errors import Forbidden, NotFound
from perdure.ids import parse_uuid
from perdure.store import sessions, shares
from perdure.store.transaction import Tx


def session_for(
    tx: Tx, actor: Actor, session_id: str, action: Action, *, lock: bool = False, deleted: bool = False
) -> Session:
    """Return the session if the actor may do `action` to it.

    Raises:
        InvalidInput: when the id is not a UUID.
        NotFound: when it does not exist, is deleted (unless `deleted`), or is a stranger's.
        Refused: when it is shared with the actor, but not for this action; the audit log will say so.
    """
    session = sessions.get_session(tx, parse_uuid(session_id, "session id"), lock=lock)
    shared = None if actor.is_admin else shares.find_role(tx, session.id, actor.user_id)
    try:
        require(actor, action, session.owner_id, shared)
    except Forbidden as error:
        raise refusal_of(error, actor, f"session.{action}", "session", session.id) from None
    if session.status is SessionStatus.DELETED and not deleted:
        raise NotFound("There is no such session.", session_id=session.id)
    return session


def refusal_of(
    error: Forbidden, actor: Actor, action: str, object_type: str, object_id: str | None
) -> Refused:
    """Return the error with what the audit log is to say of the attempt."""
    return Refused(error, Act.of(actor, action, object_type, object_id, result=AuditResult.REFUSED))


def owner_filter(actor: Actor) -> str | None:
    """Return whose sessions a list shows: the actor's own, or everybody's for the system."""
    return None if actor.is_system else actor.user_id
