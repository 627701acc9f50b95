"""Tickets for sockets: a browser cannot send a header with one, and a token does not belong into an address."""

from __future__ import annotations

from datetime import timedelta

from perdure.core.access import Action, Actor, require_scope
from perdure.errors import Unauthenticated
from perdure.services.access import session_for
from perdure.services.credentials import Credentials
from perdure.services.tokens import hash_of, new_secret
from perdure.store import tickets
from perdure.store.store import Store
from perdure.store.transaction import Tx

TICKET_PREFIX = "pdt_"
TICKET_TTL = timedelta(seconds=30)
_LONGEST = 200


class TicketService:
    """Gives and takes tickets; each is good for one socket, for thirty seconds."""

    def __init__(self, store: Store, credentials: Credentials) -> None:
        self._store = store
        self._credentials = credentials

    async def create(self, actor: Actor, *, session_id: str | None = None, origin: str | None = None) -> str:
        """Return a ticket for whatever the actor may do, or for one session alone, from one origin if given.

        Raises:
            NotFound: when the session does not exist for the actor.
            Unauthenticated: when the actor has no credential that the ticket could stand for.
        """
        require_scope(actor, Action.READ)
        if actor.credential_id is None:
            raise Unauthenticated("A ticket stands for a sign-in or a key; sign in.")
        text = new_secret(TICKET_PREFIX)
        by_key = actor.scopes is not None

        def body(tx: Tx) -> None:
            session = None if session_id is None else session_for(tx, actor, session_id, Action.READ)
            tickets.insert_ticket(
                tx,
                user_id=actor.user_id,
                sign_in_id=None if by_key else actor.credential_id,
                api_key_id=actor.credential_id if by_key else None,
                session_id=None if session is None else session.id,
                origin=origin,
                ticket_hash=hash_of(text),
                expires_at=tx.now + TICKET_TTL,
            )

        await self._store.write(body)
        return text

    async def redeem(
        self, ticket: str, *, session_id: str | None, origin: str | None, source: str | None = None
    ) -> Actor:
        """Use a ticket up and return who shows it. `session_id` is the one session that the socket is for.

        Raises:
            Unauthenticated: when it is unknown, over, was used, or is for another session or origin.
            SignInExpired: when the sign-in or key that it stands for has ended.
        """
        if not ticket.startswith(TICKET_PREFIX) or len(ticket) > _LONGEST:
            raise _refused()
        hashed = hash_of(ticket)
        found = await self._store.write(lambda tx: tickets.redeem(tx, hashed))
        if found is None:
            raise _refused()
        if found.session_id is not None and found.session_id != session_id:
            raise _refused()
        if found.origin is not None and found.origin != origin:
            raise _refused()
        return await self._credentials.by_id(
            sign_in_id=found.sign_in_id, key_id=found.api_key_id, source=source
        )


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "This ticket is not good for this socket: it was used, is older than 30 seconds, or is for another one."
    )
