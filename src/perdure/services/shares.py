"""Sharing a session with people: who may give what to whom, and how it is taken away again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from perdure.core.access import Action, Actor, Role, require_scope
from perdure.core.sessions import Session
from perdure.core.shares import GIVEN_ROLES, Share, lasts_longer, reaches
from perdure.errors import Conflict, Forbidden, InvalidInput, NotFound
from perdure.ids import new_id, parse_uuid
from perdure.services.access import refusal_of, session_for
from perdure.store import share_links, shares
from perdure.store.store import Store
from perdure.store.transaction import Tx


class UnknownPerson(InvalidInput):
    """Nobody who can sign in here has this address or id; send them a link instead."""

    code = "unknown-person"


class ShareService:
    """Shares of sessions; an expired one counts nowhere."""

    def __init__(self, store: Store, rights_changed: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._rights_changed = rights_changed

    async def list(self, actor: Actor, session_id: str) -> list[Share]:
        """Return with whom the session is shared, oldest first.

        Raises:
            NotFound: when it does not exist for the actor.
            Forbidden: when the actor may not share it.
        """

        def body(tx: Tx) -> list[Share]:
            return shares.list_shares(tx, session_for(tx, actor, session_id, Action.SHARE).id)

        return await self._store.read(body)

    async def create(
        self,
        actor: Actor,
        session_id: str,
        *,
        role: str,
        email: str | None = None,
        user_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> Share:
        """Share the session with somebody; one with whom it is shared already gets this role and time instead.

        Without `expires_at` it lasts for ever, or as long as the actor's own share does. Ids of people are seen by all
        who work with them, addresses are not: only administrators of the server name somebody new by `user_id`.

        Raises:
            UnknownPerson: when nobody here is meant, or an id that tells the actor more than they know.
            Conflict: when it is the owner.
            Forbidden: when the actor may not share it, or would give more than they have.
            InvalidInput: on an unknown role, or a time that has passed.
        """
        given = parse_role(role)
        if (email is None) == (user_id is None):
            raise InvalidInput("Name the person by `email` or by `user_id`.", field="email")
        named = parse_uuid(user_id, "user id") if user_id is not None else None

        def body(tx: Tx) -> Share:
            session = session_for(tx, actor, session_id, Action.SHARE, lock=True)
            person = shares.find_person(tx, user_id=named, email=email)
            known = None if person is None else shares.find_share(tx, session.id, person.id)
            by_address = named is None or actor.is_admin or actor.is_system
            if person is None or not (by_address or known is not None or person.id == session.owner_id):
                raise UnknownPerson(
                    "Nobody here has this address; send them a share link, or ask an administrator to add them."
                    if named is None
                    else "Name the person by their e-mail address, or send them a share link.",
                    field="email" if user_id is None else "user_id",
                )
            if person.id == session.owner_id:
                raise Conflict("This is the owner, whose right nobody changes.", user_id=person.id)
            limit = own_limit(tx, actor, session)
            until = limit if expires_at is None else expires_at
            if known is not None:
                return _change_in(tx, actor, session, known, given, until)
            check_gift(tx, actor, session, given, until)
            share = Share(
                id=new_id(),
                session_id=session.id,
                user_id=person.id,
                name=person.name,
                email=person.email,
                role=given,
                expires_at=until,
                created_by=actor.user_id,
                created_at=tx.now,
            )
            add_in(tx, actor, session, share, "share.create")
            return share

        share = await self._store.write(body)
        self._rights_changed()
        return share

    async def update(self, actor: Actor, session_id: str, share_id: str, **changes: Any) -> Share:
        """Change `role` or `expires_at` (None: never) of a share, named by its id or by the person's.

        Raises:
            NotFound: when there is none.
            Forbidden: when the actor would give more than they have, or it is their own.
            InvalidInput: on an unknown role, or a time that has passed.
        """
        given = parse_role(changes["role"]) if changes.get("role") is not None else None
        named = parse_uuid(share_id, "share id")

        def body(tx: Tx) -> Share:
            session = session_for(tx, actor, session_id, Action.SHARE, lock=True)
            share = shares.get_share(tx, session.id, named)
            until = changes.get("expires_at", share.expires_at)
            return _change_in(tx, actor, session, share, given or share.role, until)

        share = await self._store.write(body)
        self._rights_changed()
        return share

    async def delete(self, actor: Actor, session_id: str, share_id: str) -> None:
        """Take a share away, named by its id or by the person's; one's own is leaving, which anybody may.

        Links that the person made are good for nothing any more.

        Raises:
            NotFound: when there is none.
            Forbidden: when it is somebody else's and the actor may not share the session.
        """
        named = parse_uuid(share_id, "share id")

        def body(tx: Tx) -> None:
            session = session_for(tx, actor, session_id, Action.READ, lock=True)
            own = shares.find_share(tx, session.id, actor.user_id)
            if own is not None and named in (own.id, own.user_id):
                _require_scope(actor, session)
                share = own
            else:
                session_for(tx, actor, session_id, Action.SHARE)
                share = shares.get_share(tx, session.id, named)
            shares.delete_share(tx, share)
            links = share_links.revoke_links(tx, session.id, created_by=share.user_id)
            tx.audit(
                *(actor, "share.delete", "share", share.id),
                session_id=session.id,
                user_id=share.user_id,
                role=str(share.role),
                links_revoked=links or None,
            )
            tx.hint(session.owner_id, "session:updated", session.id)
            tx.hint(share.user_id, "session:deleted", session.id, personal=True)

        await self._store.write(body)
        self._rights_changed()


def parse_role(text: str) -> Role:
    """Return a role that can be given.

    Raises:
        InvalidInput: when it is none.
    """
    if text not in GIVEN_ROLES:
        raise InvalidInput(f"{text!r} cannot be given; use {', '.join(GIVEN_ROLES)}.", field="role")
    return Role(text)


def own_limit(tx: Tx, actor: Actor, session: Session) -> datetime | None:
    """Return until when the actor has their right to the session; None is for ever."""
    if actor.user_id == session.owner_id or actor.is_admin or actor.is_system:
        return None
    own = shares.find_share(tx, session.id, actor.user_id)
    return tx.now if own is None else own.expires_at


def check_gift(tx: Tx, actor: Actor, session: Session, role: Role, until: datetime | None) -> None:
    """Let somebody who may share the session give this, or raise.

    Raises:
        Refused: when it is more than they have.
        InvalidInput: when it would be over already.
    """
    if until is not None and until <= tx.now:
        raise InvalidInput("`expires_at` has passed already.", field="expires_at")
    full = actor.user_id == session.owner_id or actor.is_admin or actor.is_system
    own = None if full else shares.find_role(tx, session.id, actor.user_id)
    limit = own_limit(tx, actor, session)
    if not full and (own is None or not reaches(own, role)):
        error = Forbidden("You cannot give more than you have.", role=str(own) if own else None)
    elif lasts_longer(until, limit):
        error = Forbidden("You cannot give it for longer than you have it.", latest_expires_at=limit)
    else:
        return
    raise refusal_of(error, actor, "share.give", "session", session.id)


def add_in(tx: Tx, actor: Actor, session: Session, share: Share, action: str, **told: Any) -> None:
    """Store a new share, with its entry in the audit log, and let the lists know."""
    shares.put_share(tx, share)
    _tell(tx, actor, session, share, action, **told)
    tx.hint(share.user_id, "session:created", session.id, personal=True)


def change_in(
    tx: Tx,
    actor: Actor,
    session: Session,
    share: Share,
    role: Role,
    until: datetime | None,
    action: str,
    **told: Any,
) -> Share:
    """Give a share another role and time; whoever may not share any more has no links either."""
    if (role, until) == (share.role, share.expires_at):
        return share
    changed = shares.change_share(tx, share, role=role, expires_at=until)
    if role is not Role.ADMIN:
        told["links_revoked"] = share_links.revoke_links(tx, session.id, created_by=share.user_id) or None
    _tell(tx, actor, session, changed, action, **told)
    return changed


def _change_in(
    tx: Tx, actor: Actor, session: Session, share: Share, role: Role, until: datetime | None
) -> Share:
    if share.user_id == actor.user_id and not actor.is_admin:
        error = Forbidden("Nobody changes their own right; you can leave, or ask somebody else.")
        raise refusal_of(error, actor, "share.update", "share", share.id)
    more = not reaches(share.role, role) or lasts_longer(until, share.expires_at)
    if more:
        check_gift(tx, actor, session, role, until)
    elif until is not None and until <= tx.now:
        raise InvalidInput("`expires_at` has passed already; delete the share to end it.", field="expires_at")
    return change_in(tx, actor, session, share, role, until, "share.update")


def _tell(tx: Tx, actor: Actor, session: Session, share: Share, action: str, **told: Any) -> None:
    details: dict[str, Any] = {
        "user_id": share.user_id,
        "role": str(share.role),
        "expires_at": share.expires_at.isoformat() if share.expires_at else None,
    }
    tx.audit(actor, action, "share", share.id, session_id=session.id, **{**details, **told})
    tx.hint(session.owner_id, "session:updated", session.id)


def _require_scope(actor: Actor, session: Session) -> None:
    try:
        require_scope(actor, Action.SHARE)
    except Forbidden as error:
        raise refusal_of(error, actor, "session.share", "session", session.id) from None


def not_there() -> NotFound:
    """The one answer to a link that does not exist, is over, or was made by somebody who lost the right."""
    return NotFound("This link is not good any more; ask for a new one.")
