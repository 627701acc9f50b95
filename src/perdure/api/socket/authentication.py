"""Who is at the other end of a socket: by the header of the handshake, or by the first frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection

from perdure.api.auth import actor_of, caller_of, is_local, source_of
from perdure.api.socket.protocol import AckFrame, AuthCommand, encode, read_client_frame, read_object
from perdure.core.access import Actor
from perdure.errors import Forbidden, InvalidInput, Unauthenticated
from perdure.ids import parse_uuid

if TYPE_CHECKING:
    from perdure.bootstrap import Perdure

AUTH = "auth"


class Authentication:
    """Takes the credential of one socket. A cookie is none: a browser sends it along whoever opens the socket."""

    def __init__(self, connection: HTTPConnection, perdure: Perdure, session_id: str | None) -> None:
        self._connection = connection
        self._perdure = perdure
        self._session_id = session_id

    async def by_handshake(self) -> Actor | None:
        """Return who opened the socket, or None when only a frame can tell.

        Raises:
            Unauthenticated: when a credential came that is not good.
        """
        if is_local(self._connection):
            return actor_of(self._connection)
        actor = caller_of(self._connection)
        return None if actor is None else await self._perdure.credentials.fresh(actor)

    async def by_first_frame(self, text: str) -> tuple[Actor, str]:
        """Return who sent the first frame, and what to answer.

        Raises:
            Unauthenticated: when it is not an `auth` frame with a good credential.
        """
        value = read_object(text)
        if value.get("type") != AUTH:
            raise Unauthenticated(
                'The first frame is {"type": "auth", "ticket": …}; POST /api/auth/tickets gives a ticket.'
            )
        frame = read_client_frame(value)
        return await self._redeem(frame), ack(frame)

    async def again(self, frame: AuthCommand, known: Actor) -> Actor:
        """Return the actor that goes on with another credential; without sign-in it is the same as before.

        Raises:
            Unauthenticated: when the credential is not good.
            Forbidden: when it is somebody else's.
        """
        if is_local(self._connection):
            return known
        actor = await self._redeem(frame)
        if actor.user_id != known.user_id:
            raise Forbidden("This socket belongs to another person; open one of your own.")
        return actor

    async def _redeem(self, frame: AuthCommand) -> Actor:
        source = source_of(self._connection)
        if (frame.ticket is None) == (frame.token is None):
            raise Unauthenticated("An `auth` frame holds a `ticket` or a `token`.")
        if frame.token is not None:
            return await self._perdure.credentials.fresh(
                await self._perdure.credentials.actor_of(frame.token, source)
            )
        return await self._perdure.tickets.redeem(
            frame.ticket or "",
            session_id=self._named_session(),
            origin=self._connection.headers.get("origin"),
            source=source,
        )

    def _named_session(self) -> str | None:
        if self._session_id is None:
            return None
        try:
            return parse_uuid(self._session_id)
        except InvalidInput:
            return None


def ack(frame: AuthCommand) -> str:
    """Return the answer to an `auth` frame that was good."""
    extra: dict[str, Any] = {"command": AUTH}
    return encode(AckFrame(ref=frame.ref, **extra))


def is_auth(text: str) -> bool:
    """Whether a frame is an `auth` frame, without saying whether it is a good one."""
    try:
        return read_object(text).get("type") == AUTH
    except InvalidInput:
        return False
