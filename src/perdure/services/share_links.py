"""Share links: a token, shown once and kept as a hash, makes a share for whoever accepts it in time."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from perdure.core.access import Action, Actor, Role, require_scope
from perdure.core.sessions import SessionStatus
from perdure.core.shares import Share, ShareLink, lasts_longer, reaches
from perdure.errors import Forbidden, NotFound
from perdure.ids import new_id, parse_uuid
from perdure.services.access import refusal_of, session_for
from perdure.services.shares import add_in, change_in, check_gift, not_there, own_limit, parse_role
from perdure.store import sessions, share_links, shares
from perdure.store.store import Store
from perdure.store.transaction import Tx

PREFIX = "pds_"
LIVES = timedelta(days=7)
_TOKEN_BYTES = 32
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Accepted:
    """What accepting a link has given."""

    session_id: str
    role: Role
    expires_at: datetime | None
    replaced: Share | None = None
    """The share that this took the place of; it does not come back when this one ends."""


class ShareLinkService:
    """Links to sessions; every link ends."""

    def __init__(self, store: Store, rights_changed: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._rights_changed = rights_changed

    async def list(self, actor: Actor, session_id: str) -> list[ShareLink]:
        """Return the links that can be accepted still, oldest first.

        Raises:
            NotFound: when the session does not exist for the actor.
            Forbidden: when the actor may not share it.
        """

        def body(tx: Tx) -> list[ShareLink]:
            return share_links.list_links(tx, session_for(tx, actor, session_id, Action.SHARE).id)

        return await self._store.read(body)

    async def create(
        self, actor: Actor, session_id: str, *, role: str, expires_at: datetime | None = None
    ) -> tuple[ShareLink, str]:
        """Make a link and return it with its token, which nobody can ask for again.

        Without `expires_at` it is good for seven days, or as long as the actor's own share is.

        Raises:
            Forbidden: when the actor may not share the session, or would give more than they have.
            InvalidInput: on an unknown role, or a time that has passed.
        """
        given = parse_role(role)
        token = PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)

        def body(tx: Tx) -> ShareLink:
            session = session_for(tx, actor, session_id, Action.SHARE, lock=True)
            limit, until = own_limit(tx, actor, session), expires_at or tx.now + LIVES
            if expires_at is None and lasts_longer(until, limit):
                until = limit
            check_gift(tx, actor, session, given, until)
            link = ShareLink(
                id=new_id(),
                session_id=session.id,
                role=given,
                expires_at=until,
                created_by=actor.user_id,
                created_at=tx.now,
            )
            share_links.insert_link(tx, link, _hash_of(token))
            tx.audit(
                *(actor, "share_link.create", "share_link", link.id),
                session_id=session.id,
                role=role,
                expires_at=until.isoformat() if until else None,
            )
            return link

        return await self._store.write(body), token

    async def delete(self, actor: Actor, session_id: str, link_id: str) -> None:
        """Let nobody accept the link any more; shares that it made stay.

        Raises:
            NotFound: when there is no such link, or it is over.
            Forbidden: when the actor may not share the session.
        """
        named = parse_uuid(link_id, "share link id")

        def body(tx: Tx) -> None:
            session = session_for(tx, actor, session_id, Action.SHARE, lock=True)
            if not share_links.revoke_links(tx, session.id, link_id=named):
                raise NotFound("There is no such share link.")
            tx.audit(actor, "share_link.delete", "share_link", named, session_id=session.id)

        await self._store.write(body)

    async def accept(self, actor: Actor, token: str) -> Accepted:
        """Make the actor's share of the link's session, or raise theirs, until the link's expiry.

        A role that reaches further stays as it is; accepted again, nothing changes. A share of theirs that
        reached less far is gone then, also when it would have lasted longer: the answer holds it.

        Raises:
            NotFound: when the link is none, is over, or whoever made it may not share the session any more.
            Forbidden: when the API key is not for it.
        """
        try:
            require_scope(actor, Action.CREATE)
        except Forbidden as error:
            raise refusal_of(error, actor, "share_link.accept", "share_link", None) from None
        if not token.startswith(PREFIX) or len(token) > _LONGEST:
            raise not_there()
        token_hash = _hash_of(token)

        def body(tx: Tx) -> tuple[Accepted, bool]:
            found = share_links.find_by_token(tx, token_hash)
            if found is None:
                raise not_there()
            try:
                session = sessions.get_session(tx, found.session_id, lock=True)
            except NotFound:  # gone for good in this moment
                raise not_there() from None
            link = share_links.find_by_token(tx, token_hash)  # revoked while the lock was waited for?
            if link is None or session.status is SessionStatus.DELETED:
                raise not_there()
            until = _good_until(tx, link, session.owner_id)
            if actor.user_id == session.owner_id:
                return Accepted(session.id, Role.OWNER, None), False
            known = shares.find_share(tx, session.id, actor.user_id)
            if known is not None and reaches(known.role, link.role):
                longer = known.role is link.role and lasts_longer(until, known.expires_at)
                if not longer:
                    return Accepted(session.id, known.role, known.expires_at), False
            if known is not None:
                change_in(tx, actor, session, known, link.role, until, "share_link.accept", link_id=link.id)
            else:
                share = Share(
                    id=new_id(),
                    session_id=session.id,
                    user_id=actor.user_id,
                    name=actor.name,
                    role=link.role,
                    expires_at=until,
                    created_by=link.created_by,
                    created_at=tx.now,
                )
                add_in(tx, actor, session, share, "share_link.accept", link_id=link.id)
            return Accepted(session.id, link.role, until, known), True

        accepted, fresh = await self._store.write(body)
        if fresh:
            self._rights_changed()
        return accepted


def _good_until(tx: Tx, link: ShareLink, owner_id: str) -> datetime | None:
    """Return when what the link gives ends: with the link, or before, with the right of whoever made it.

    Raises:
        NotFound: when they may not share the session any more.
    """
    maker = shares.find_person(tx, user_id=link.created_by)
    if maker is None:
        raise not_there()
    if maker.id == owner_id or shares.is_server_admin(tx, maker.id):
        return link.expires_at
    own = shares.find_share(tx, link.session_id, maker.id)
    if own is None or own.role is not Role.ADMIN:
        raise not_there()
    return own.expires_at if lasts_longer(link.expires_at, own.expires_at) else link.expires_at


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
