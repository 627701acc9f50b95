"""The addresses of the sockets, as plain ASGI endpoints: nothing stands between a frame and the server."""

from __future__ import annotations

from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from perdure.api.socket.connection import Connection
from perdure.api.socket.session import SessionSocket
from perdure.api.socket.sessions import SessionsSocket
from perdure.api.socket.task import TaskSocket


class _Endpoint:
    def __init__(self, kind: type[Connection]) -> None:
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._kind(scope, receive, send).serve()


def socket_routes() -> list[WebSocketRoute]:
    """Return the routes; `/ws/sessions` stands before the task ids."""
    kinds: list[tuple[str, type[Connection]]] = [
        ("/ws/sessions", SessionsSocket),
        ("/ws/sessions/{session_id}", SessionSocket),
        ("/ws/{task_id}", TaskSocket),
    ]
    routes: list[WebSocketRoute] = []
    for path, kind in kinds:
        endpoint: ASGIApp = _Endpoint(kind)
        routes.append(WebSocketRoute(path, endpoint, name=kind.__name__))
    return routes
