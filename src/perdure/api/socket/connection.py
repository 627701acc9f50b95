"""One socket from handshake to end: admission, watches, client frames in order, and how it closes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from perdure.api.socket.authentication import Authentication, ack, is_auth
from perdure.api.socket.commands import carry_out
from perdure.api.socket.presence import SocketPresence
from perdure.api.socket.protocol import (
    FIRST_FRAME_WITHIN_S,
    ApprovalResponseCommand,
    AuthCommand,
    BadFrame,
    Close,
    LagFrame,
    MessageCommand,
    PongCommand,
    ReauthFrame,
    RequestStateCommand,
    ResumeCommand,
    UnwatchCommand,
    WatchCommand,
    close_code,
    encode,
    encode_error,
    read_client_frame,
    read_object,
)
from perdure.api.socket.sender import Sender
from perdure.api.socket.watch import Watch
from perdure.core.access import Actor
from perdure.core.acting import SERVER, act_as, acting_as, name_of
from perdure.errors import NotFound, PerdureError, Unauthenticated
from perdure.ids import parse_uuid

if TYPE_CHECKING:
    from perdure.api.rate_limits import RateLimits
    from perdure.api.socket.connections import Connections
    from perdure.bootstrap import Perdure

_log = logging.getLogger(__name__)
_MAX_WATCHES = 200


class Ended(Exception):
    """The peer has gone, or the socket is closed."""


class Connection:
    """Base of the three kinds of socket; `open` says what is special about each."""

    multiplexed = False
    """Whether frames name their session and several can be watched."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.params: dict[str, str] = scope["path_params"]
        self.query = HTTPConnection(scope).query_params
        self.perdure: Perdure = scope["app"].state.perdure
        self.connections: Connections = scope["app"].state.connections
        self.rates: RateLimits = scope["app"].state.rates
        self.actor: Actor | None = None
        """Who is at the other end; None until they have signed in."""
        self._authentication = Authentication(
            HTTPConnection(scope), self.perdure, self.params.get("session_id")
        )
        self.sender = Sender(send, self._too_slow)
        self.batch = self.query.get("batch", "").lower() in {"1", "true", "yes"}
        self.session_id: str | None = None
        self._watches: dict[str, Watch] = {}
        self.presence = SocketPresence(self)
        self._endings: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Say who is connected and start the watches.

        Raises:
            PerdureError: which closes the socket.
        """
        raise NotImplementedError

    async def serve(self) -> None:
        """Run the socket to its end."""
        await self._receive()
        await self._send({"type": "websocket.accept"})
        try:
            self.connections.admit(self)
            await self._sign_in()
            await self.open()
            await self._read_frames()
        except PerdureError as error:
            await self.fail(error)
        except Ended:
            pass
        finally:
            self.sender.end()
            for watch in self._watches.values():
                watch.stop()
            self.presence.end()
            self.connections.release(self)

    @property
    def caller(self) -> Actor:
        """Who is at the other end.

        Raises:
            Unauthenticated: when nobody has signed in; `open` is not called before.
        """
        if self.actor is None:
            raise Unauthenticated("Sign in first: this server knows its users.")
        return self.actor

    @property
    def watched(self) -> set[str]:
        """The sessions that are being sent."""
        return set(self._watches)

    async def watch(self, session_id: str, after: int, *, batch: bool, epoch: int | None = None) -> None:
        """Send a session's log after a cursor; access has been checked."""
        self.unwatch(session_id)
        if len(self._watches) >= _MAX_WATCHES:
            raise BadFrame(f"One socket watches at most {_MAX_WATCHES} sessions.")
        watch = Watch(
            self.perdure.hub,
            self.sender,
            session_id,
            after,
            batch=batch,
            on_reset=lambda: self._log_reset(session_id),
            on_failure=self._end_with,
        )
        self._watches[session_id] = watch
        await watch.start(epoch)
        if session_id in self._watches:  # unless the reader's cursor was void
            await self.presence.join(session_id)

    def unwatch(self, session_id: str) -> None:
        """Stop sending a session's log; when it is not watched, do nothing."""
        watch = self._watches.pop(session_id, None)
        if watch is not None:
            watch.stop()
        self.presence.leave(session_id)

    def lose(self, session_id: str) -> None:
        """Stop sending a session that the person may no longer see."""
        error = NotFound("There is no such session.", session_id=session_id)
        if not self.multiplexed:
            self._end_with(error)
            return
        self.unwatch(session_id)
        self.sender.post(encode_error(error, session_id=session_id))

    def sign_out(self, error: PerdureError) -> None:
        """Close because the credential behind the socket has ended."""
        last = encode(ReauthFrame(code=error.code, message=error.message))
        self._later(self.sender.close(Close.SIGN_IN, error.message, last))

    def ping(self, text: str) -> None:
        """Write a sign of life."""
        self.sender.post(text)

    async def go_away(self, code: int, reason: str) -> None:
        """Close because the server does."""
        await self.sender.close(code, reason)

    async def fail(self, error: PerdureError) -> None:
        """Say what is wrong and close with the code that belongs to it."""
        if self.sender.closed:
            return
        self.sender.post(encode_error(error, session_id=self.session_id))
        await self.sender.close(close_code(error), error.message)

    async def first_text(self) -> str:
        """Return the first frame.

        Raises:
            BadFrame: when it does not come in time.
        """
        try:
            async with asyncio.timeout(FIRST_FRAME_WITHIN_S):
                while is_auth(text := await self._next_text()):
                    await self._renew(read_client_frame(read_object(text)))
                return text
        except TimeoutError:
            raise BadFrame(f"The first frame did not come within {FIRST_FRAME_WITHIN_S:g} s.") from None

    async def _sign_in(self) -> None:
        """Find out who this is; nothing of the server is told before."""
        with acting_as(SERVER):
            self.actor = await self._authentication.by_handshake()
        if self.actor is not None:
            act_as(name_of(self.actor))
            return
        try:
            async with asyncio.timeout(FIRST_FRAME_WITHIN_S):
                text = await self._next_text()
        except TimeoutError:
            raise Unauthenticated(f"Nobody signed in within {FIRST_FRAME_WITHIN_S:g} s.") from None
        with acting_as(SERVER):
            self.actor, answer = await self._authentication.by_first_frame(text)
        act_as(name_of(self.actor))
        self.sender.post(answer)

    async def _renew(self, frame: AuthCommand) -> None:
        with acting_as(SERVER):
            self.actor = await self._authentication.again(frame, self.caller)
        act_as(name_of(self.actor))
        self.sender.post(ack(frame))

    async def _next_text(self) -> str:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise Ended
            text = message.get("text")
            if text is not None:
                return text
            if message.get("bytes") is not None:
                return message["bytes"].decode(errors="replace")

    async def _read_frames(self) -> None:
        while True:
            text = await self._next_text()
            ref: Any = None
            session_id: str | None = self.session_id
            try:
                value = read_object(text)
                ref = value.get("ref", value.get("client_id"))
                ref = ref if isinstance(ref, str | int) else None
                await self.rates.command(self.caller)
                frame = read_client_frame(value)
                session_id = frame.session_id or self.session_id
                if isinstance(frame, MessageCommand | ResumeCommand):
                    await self.rates.run_start(self.caller)
                await self._answer(frame, session_id, ref)
            except PerdureError as error:
                self.sender.post(encode_error(error, ref, session_id))

    async def _answer(self, frame: Any, named: str | None, ref: str | int | None) -> None:
        if isinstance(frame, PongCommand):
            return
        if isinstance(frame, AuthCommand):
            await self._renew(frame)
            return
        session_id = parse_uuid(named, "session id") if named is not None else None
        if session_id is not None and not self.multiplexed and session_id != self.session_id:
            raise BadFrame("This socket belongs to another session; use /ws/sessions for several.")
        if isinstance(frame, WatchCommand | UnwatchCommand) and (not self.multiplexed or session_id is None):
            raise BadFrame("`watch` and `unwatch` are for /ws/sessions and name a session.")
        if isinstance(frame, ApprovalResponseCommand) and not self.multiplexed:
            await self._check_is_ours(frame.approval_id)
        answer = await carry_out(self.perdure, self.caller, frame, session_id, ref)
        self.sender.post(answer)
        if isinstance(frame, WatchCommand) and session_id is not None:
            batch = self.batch if frame.batch is None else frame.batch
            await self.watch(session_id, frame.after, batch=batch, epoch=frame.epoch)
        elif isinstance(frame, UnwatchCommand) and session_id is not None:
            self.unwatch(session_id)
        elif isinstance(frame, RequestStateCommand) and frame.since is not None and session_id is not None:
            known = self._watches.get(session_id)
            await self.watch(session_id, frame.since, batch=known.batch if known else self.batch)

    async def _check_is_ours(self, approval_id: str) -> None:
        """Let a question of this socket's session pass: a ticket may be good for that one alone."""
        asked = await self.perdure.approvals.get(self.caller, approval_id)
        if asked.session_id != self.session_id:
            raise NotFound("There is no such approval in this session.")

    def _log_reset(self, session_id: str) -> None:
        self._watches.pop(session_id, None)
        self.presence.leave(session_id)
        if not self.multiplexed:
            self._later(self.sender.close(Close.LOG_RESET, "the log was restored; start from a snapshot"))

    def _end_with(self, error: PerdureError) -> None:
        self._later(self.fail(error))

    def _too_slow(self) -> None:
        lag = encode(LagFrame(message="This reader is too slow; come back with the last sequence number."))
        self._later(self.sender.close(Close.TOO_SLOW, "too slow; resume from the last sequence number", lag))

    def _later(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
