"""Running the application: one uvicorn server with our socket protocol, a ready line, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from perdure import __version__
from perdure.api.app import create_app, importable
from perdure.api.guard import is_loopback
from perdure.api.logs import level_of, write_logs
from perdure.bootstrap import build
from perdure.errors import StartupError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from fastapi import FastAPI

    from perdure.bootstrap import Perdure
    from perdure.config import Settings

_log = logging.getLogger(__name__)
GRACE_S = 10
HEAD_WITHIN_S = 15.0
MAX_HEAD_BYTES = 64 * 2**10
_ABORT_AFTER_S = 15.0


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's socket protocol, able to say goodbye to a peer that has stopped reading.

    A plain `send` waits for a full buffer to drain. One marked `urgent` is put behind it, and the
    connection is cut when even that does not leave in time.
    """

    def data_received(self, data: bytes) -> None:
        """Read; a head that cannot be read ends the connection, which uvicorn would leave open for ever."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.close()

    def shutdown(self) -> None:
        """End with the server; a handshake that was refused has ended already, for which uvicorn has no case."""
        if self.conn.eof_sent:
            self.transport.close()
        else:
            super().shutdown()

    async def send(self, message: Any) -> None:
        """Send an ASGI message."""
        if message.get("urgent") and not self.writable.is_set():
            self.writable.set()
            if message["type"] == "websocket.close":
                self.loop.call_later(_ABORT_AFTER_S, self.transport.abort)
        await super().send(message)


class HttpProtocol(H11Protocol):
    """uvicorn's HTTP protocol, which gives a caller up who takes too long over the head of a request.

    What waits between two requests is uvicorn's own matter, and how fast a body has to come the guard's.
    """

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(HEAD_WITHIN_S, transport.close)

    def data_received(self, data: bytes) -> None:
        """Read; a head that has begun has to be complete in time."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._wait_no_more()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_WITHIN_S, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


class Server(uvicorn.Server):
    """Says when it is ready, and lets sockets and streams go before the server stops taking requests."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then print the one line that says where."""
        await super().startup(sockets=sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            print(f"Perdure {__version__} on http://{shown}:{port}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send every reader away with the code to resume after, then end."""
        await self._app.state.connections.close_all()
        await super().shutdown(sockets=sockets)


def serve(settings: Settings) -> None:
    """Serve until a signal ends it.

    Raises:
        StartupError: when the settings do not allow it or the address is taken.
    """
    check(settings)
    write_logs(settings)
    listening = listen(settings.host, settings.port)
    try:
        perdure = build(settings)
        server = make_server(create_app(perdure), settings)
        _run(_serve(perdure, server, listening))
    finally:
        listening.close()
    if not server.started:
        raise StartupError("The server could not start; the lines above say why.")


def check(settings: Settings) -> None:
    """Refuse to be reachable by others without sign-in.

    Raises:
        StartupError: naming the setting to change.
    """
    if settings.auth == "local" and not is_loopback(settings.host):
        raise StartupError(
            f"Others can reach PERDURE_HOST {settings.host}, but PERDURE_AUTH is `local`: no sign-in. "
            "Set PERDURE_HOST=127.0.0.1, or turn sign-in on with PERDURE_AUTH=password.",
            setting="PERDURE_AUTH",
        )
    if settings.auth == "password" and not is_loopback(settings.host) and not settings.allowed_hosts:
        raise StartupError(
            f"Others can reach PERDURE_HOST {settings.host}: say in PERDURE_ALLOWED_HOSTS by which names, as in "
            '["perdure.example.org"]; requests that name another host are refused.',
            setting="PERDURE_ALLOWED_HOSTS",
        )
    if settings.auth == "local" and settings.trusted_proxies:
        raise StartupError(
            "PERDURE_TRUSTED_PROXIES names a proxy through which others can come, but PERDURE_AUTH is `local`: no "
            "sign-in. Turn it on with PERDURE_AUTH=password.",
            setting="PERDURE_AUTH",
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the address.

    Raises:
        StartupError: when the port is taken or the address is not this machine's.
    """
    listening: socket.socket | None = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(found[0], socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(found[4])
        listening.listen(2048)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise StartupError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}. "
            "Stop what uses it, or choose another with PERDURE_PORT.",
            setting="PERDURE_PORT",
        ) from None
    return listening


def make_server(app: FastAPI, settings: Settings) -> Server:
    """Return the server of an application, not yet running."""
    config = uvicorn.Config(
        app,
        ws=SocketProtocol,
        ws_max_size=settings.max_frame_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        loop="none",
        http=HttpProtocol,
        lifespan="on",
        log_config=None,
        # Of its information nothing is needed: that it is ready is the one line of this server.
        log_level="warning" if level_of(settings) == "INFO" else level_of(settings).lower(),
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        backlog=2048,
    )
    return Server(config, app)


async def _serve(perdure: Perdure, server: Server, listening: socket.socket) -> None:
    await perdure.start()  # here and not in the lifespan alone: what is wrong is told in one line
    await server.serve(sockets=[listening])


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where it is installed."""
    if sys.platform == "win32" or not importable("uvloop"):
        asyncio.run(main)
        return
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
