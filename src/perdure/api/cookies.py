"""The console's cookies: scripts cannot read them, other sites cannot send them, and with https neither leaves it."""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import Scope

from perdure.api.proxies import is_secure
from perdure.services.sign_in import Tokens

ACCESS = "perdure_access"
REFRESH = "perdure_refresh"
_PLAIN_PATHS = {ACCESS: "/", REFRESH: "/api/auth"}
_PREFIX = "__Host-"


def cookie_name(scope: Scope, name: str) -> str:
    """Return the name under which a cookie is set and read.

    With https it has a prefix under which browsers take cookies of this very host alone: neither http nor a
    neighbour under the same domain can plant one.
    """
    return _PREFIX + name if is_secure(scope) else name


def cookie_path(scope: Scope, name: str) -> str:
    """Return where a cookie is sent to: the prefix allows no part of the host alone."""
    return "/" if is_secure(scope) else _PLAIN_PATHS[name]


def set_cookies(response: Response, scope: Scope, tokens: Tokens) -> None:
    """Give the browser both tokens. The access cookie outlives its token, so that its end can be told apart."""
    for name, value in ((ACCESS, tokens.access_token), (REFRESH, tokens.refresh_token)):
        _set(response, scope, name, value, tokens.refresh_expires_in)


def drop_cookies(response: Response, scope: Scope) -> None:
    """Take both away."""
    for name in (ACCESS, REFRESH):
        _set(response, scope, name, "", 0)


def _set(response: Response, scope: Scope, name: str, value: str, max_age: int) -> None:
    response.set_cookie(
        cookie_name(scope, name),
        value,
        max_age=max_age,
        path=cookie_path(scope, name),
        secure=is_secure(scope),
        httponly=True,
        samesite="strict",
    )
