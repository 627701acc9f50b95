"""The innermost layer: says for whom a request acts, so that the database can check rows itself.

It is there only where `PERDURE_ROW_SECURITY` is on. A request whose caller nobody knows sees no row of anybody.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from perdure.api.auth import ACTOR
from perdure.core.acting import NOBODY, SERVER, acting_as, name_of

_GUARDED = ("/api/", "/ws/")
_OF_THE_DOOR = ("/api/auth/", "/api/share-links/accept")
"""Who signs in, or holds a link, has no rights of their own yet: what they send is looked up by its hash."""


class Acting:
    """Names the caller to everything that the request sets going."""

    def __init__(self, app: ASGIApp, *, local: bool) -> None:
        self._app = app
        self._unknown = SERVER if local else NOBODY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on in the caller's name."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        with acting_as(self._whose(scope)):
            await self._app(scope, receive, send)

    def _whose(self, scope: Scope) -> str:
        path: str = scope["path"]
        if path.startswith(_OF_THE_DOOR) or not path.startswith(_GUARDED):
            return SERVER
        actor = scope.get(ACTOR)
        return self._unknown if actor is None else name_of(actor)
