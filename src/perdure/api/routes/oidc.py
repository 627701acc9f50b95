"""Signing in through an identity provider: there and back again."""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Annotated

from fastapi import Query, Request, Response
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse

from perdure.api.auth import Services, source_of
from perdure.api.cookies import set_cookies
from perdure.api.errors import problem_of, problem_response, status_of
from perdure.api.oidc_flow import FLOW_TTL, Flow, safe_next, seal, unseal
from perdure.api.proxies import is_secure
from perdure.api.routes.auth import require_sign_in
from perdure.api.routes.parts import router
from perdure.api.sign_in import cookie_of
from perdure.api.wire.problems import problem_answers
from perdure.errors import NotFound, PerdureError, Unauthenticated
from perdure.services.identities import Welcome

if TYPE_CHECKING:
    from perdure.api.oidc import OidcClient

routes = router("sign-in")

_FOLDER = "/api/auth/oidc"
_MAX_CHARS = 4096
_SHOWN_STATE_CHARS = 16
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{display:grid;min-height:100vh;margin:0;place-content:center;padding:24px;box-sizing:border-box;"
    "font:15px/1.5 system-ui,sans-serif;background:light-dark(#f6f6f2,#131615);color:light-dark(#1b201e,#e3e7e4)}"
    "main{max-width:380px;padding:22px 24px;border:1px solid light-dark(#dcdcd3,#2f3633);border-radius:9px;"
    "background:light-dark(#fff,#1a1e1c);overflow-wrap:anywhere}"
    "h1{margin:0 0 8px;font-size:18px}p{margin:0 0 14px}p:last-child{margin:0}"
    "a{color:light-dark(#0a5e4f,#7ad0bd)}"
)
_PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{{head}}\
<title>{{title}} · Perdure</title><style>{_STYLE.replace("{", "{{").replace("}", "}}")}</style></head>
<body><main><h1>{{title}}</h1><p>{{sentence}}</p><p><a href="{{link}}">{{word}}</a></p></main></body></html>
"""

_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_PAGE_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
}
"""Not sandboxed as data is: a sandboxed page may not lead on, and would count as somebody else's."""

Text = Annotated[str | None, Query(max_length=_MAX_CHARS)]


class FlowLost(Unauthenticated):
    """The answer belongs to no sign-in that this browser has begun here in the last minutes."""

    code = "sign-in-lost"


@routes.get(
    "/api/auth/oidc/{provider}/login",
    status_code=302,
    response_class=Response,
    responses=problem_answers(404, 409, 429, 503),
)
async def login_at_provider(
    provider: str, perdure: Services, request: Request, next: Text = None
) -> Response:
    """Send the browser to a provider; `next` is the path of this server to come back to."""
    try:
        client = _client(perdure, request, provider)
        flow = Flow.begin(provider, safe_next(next), perdure.store.now())
        url = await client.authorization_url(
            _redirect_uri(request, provider), state=flow.state, nonce=flow.nonce, verifier=flow.verifier
        )
    except PerdureError as error:
        return _told(error, request, safe_next(next))
    response = RedirectResponse(url, 302)
    _set_flow(response, request, flow.state, seal(flow, perdure.store), int(FLOW_TTL.total_seconds()))
    return response


@routes.get(
    "/api/auth/oidc/{provider}/callback",
    response_class=HTMLResponse,
    responses=problem_answers(401, 403, 404, 409, 429, 503),
)
async def come_back_from_provider(
    provider: str,
    perdure: Services,
    request: Request,
    state: Text = None,
    code: Text = None,
    iss: Text = None,
    error: Text = None,
) -> Response:
    """Finish a sign-in that a provider has answered: cookies as of a login in the console, then on to `next`."""
    try:
        response = await _finish(provider, perdure, request, state, code, iss, error)
    except PerdureError as refused:
        flow = _begun(perdure, request, state)
        response = _told(refused, request, flow.next if flow else "/")
    if state:
        _set_flow(response, request, state, "", 0)
    return response


async def _finish(
    provider: str,
    perdure: Services,
    request: Request,
    state: str | None,
    code: str | None,
    iss: str | None,
    error: str | None,
) -> Response:
    client = _client(perdure, request, provider)
    flow = _begun(perdure, request, state)
    if flow is None or flow.provider != provider or not hmac.compare_digest(flow.state, state or ""):
        raise FlowLost("This sign-in was not begun in this browser, or too long ago: start again.")
    await client.check_issuer(iss)
    if error is not None or not code:
        raise Unauthenticated("The provider has not signed you in.")
    identity = await client.identity(
        code, _redirect_uri(request, provider), nonce=flow.nonce, verifier=flow.verifier
    )
    welcome = Welcome(client.settings.create_users, frozenset(client.settings.allowed_domains))
    source = source_of(request)
    user_id = await perdure.identities.recognise(identity, welcome, source=source)
    tokens = await perdure.sign_in.open_for(user_id, f"oidc:{provider}", source=source)
    # A redirect would still count as coming from the provider, and strict cookies would stay behind.
    target = escape(flow.next)
    head = f'<meta http-equiv="refresh" content="0;url={target}">'
    response = HTMLResponse(
        _PAGE.format(head=head, title="Signed in", sentence="Going on.", link=target, word="Go on"),
        headers=_PAGE_HEADERS,
    )
    set_cookies(response, request.scope, tokens)
    return response


def _begun(perdure: Services, request: Request, state: str | None) -> Flow | None:
    """Return the sign-in that this browser has begun under the state, or None."""
    sealed = cookie_of(Headers(scope=request.scope), _cookie(request, state)) if state else None
    return unseal(sealed, perdure.store, perdure.store.now()) if sealed else None


def _client(perdure: Services, request: Request, provider: str) -> OidcClient:
    require_sign_in(perdure)
    clients: dict[str, OidcClient] = request.app.state.oidc
    if provider not in clients:
        raise NotFound("There is no such identity provider.")
    return clients[provider]


def _redirect_uri(request: Request, provider: str) -> str:
    """Return this server's address as the browser knows it; the guard has checked the host."""
    scheme = "https" if is_secure(request.scope) else "http"
    return f"{scheme}://{request.headers['host']}{_FOLDER}/{provider}/callback"


def _cookie(request: Request, state: str) -> str:
    """Name the cookie after the state, so that two tabs do not take each other's."""
    shown = "".join(letter for letter in state[:_SHOWN_STATE_CHARS] if letter.isascii() and letter.isalnum())
    return f"{'__Host-' if is_secure(request.scope) else ''}perdure_oidc_{shown}"


def _set_flow(response: Response, request: Request, state: str, value: str, max_age: int) -> None:
    response.set_cookie(
        _cookie(request, state),
        value,
        max_age=max_age,
        path="/" if is_secure(request.scope) else _FOLDER,
        secure=is_secure(request.scope),
        httponly=True,
        samesite="lax",  # the provider's page leads back here: a strict one would not come along
    )


def _told(error: PerdureError, request: Request, back: str) -> Response:
    """Tell a person in a browser with a page that leads `back`, and a program with a problem document."""
    if "text/html" not in request.headers.get("accept", ""):
        return problem_response(problem_of(error))
    page = _PAGE.format(
        head="",
        title="You are not signed in",
        sentence=escape(error.message),
        link=escape(back),
        word="Back to sign in",
    )
    return HTMLResponse(page, status_of(error), headers=_PAGE_HEADERS)
