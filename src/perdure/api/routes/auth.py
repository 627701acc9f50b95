"""Signing in and out, one's own account, and tickets for sockets.

No answer of these routes is kept for repeats: they hold secrets.
"""

from __future__ import annotations

from fastapi import Request, Response
from starlette.datastructures import Headers

from perdure.api.auth import Caller, Services, actor_of, source_of
from perdure.api.cookies import REFRESH, cookie_name, drop_cookies, set_cookies
from perdure.api.routes.parts import Page, Shape, flat, next_offset_cursor, offset_of, router
from perdure.api.sign_in import check_own_page, cookie_of
from perdure.api.wire.base import Uuid
from perdure.api.wire.people import (
    AuthMethods,
    Done,
    Ended,
    LoginIn,
    Me,
    MeIn,
    Provider,
    RefreshIn,
    RegisterIn,
    SignedIn,
    SignInOut,
    SignInPage,
    TicketIn,
    TicketOut,
    UserOut,
    plain,
)
from perdure.api.wire.problems import problem_answers
from perdure.core.access import Actor
from perdure.core.people import User
from perdure.errors import CrossSiteRequest, SignInOff, Unauthenticated
from perdure.services.sign_in import Tokens
from perdure.services.tickets import TICKET_TTL

routes = router("sign-in")


def require_sign_in(perdure: Services) -> None:
    """Refuse what makes no sense on a server with one local user.

    Raises:
        SignInOff: saying which setting turns sign-in on.
    """
    if perdure.settings.auth == "local":
        raise SignInOff("This server has one local user and no sign-in; PERDURE_AUTH=password turns it on.")


@routes.get("/api/auth/methods")
async def list_auth_methods(perdure: Services) -> AuthMethods:
    """Say how one signs in here; open to everybody."""
    password = perdure.settings.auth == "password"
    return AuthMethods(
        auth=perdure.settings.auth,
        password=password,
        registration=password and perdure.sign_in.registration,
        oidc=[Provider(id=each.id, label=each.label) for each in perdure.identity_providers],
    )


@routes.post("/api/auth/login", responses=problem_answers(401, 403, 409, 429))
async def login(body: LoginIn, perdure: Services, request: Request, response: Response) -> SignedIn:
    """Sign in by e-mail and password."""
    require_sign_in(perdure)
    await request.app.state.rates.sign_in_attempt(request, body.email)
    tokens = await perdure.sign_in.login(
        body.email, body.password.get_secret_value(), source=source_of(request)
    )
    return _signed_in(tokens, request, response, cookies=body.cookies)


@routes.post("/api/auth/register", responses=problem_answers(403, 409, 429))
async def register(body: RegisterIn, perdure: Services, request: Request, response: Response) -> SignedIn:
    """Make an account of one's own, where the settings allow it, and sign in."""
    require_sign_in(perdure)
    tokens = await perdure.sign_in.register(
        body.email, body.name, body.password.get_secret_value(), source=source_of(request)
    )
    return _signed_in(tokens, request, response, cookies=body.cookies)


@routes.post("/api/auth/refresh", responses=problem_answers(401, 403, 409, 429))
async def refresh(
    perdure: Services, request: Request, response: Response, body: RefreshIn | None = None
) -> SignedIn:
    """Trade the refresh token, of the body or the cookie, for the next pair. Each is good once.

    Tabs of one browser that send the same cookie within a few seconds get the same next one.
    """
    require_sign_in(perdure)
    given = plain(body.refresh_token) if body is not None else None
    token = given or _refresh_cookie(perdure, request)
    if token is None:
        raise Unauthenticated("Send the refresh token; without one, sign in again.")
    tokens = await perdure.sign_in.refresh(token, source=source_of(request), by_cookie=given is None)
    return _signed_in(tokens, request, response, cookies=given is None)


@routes.post("/api/auth/logout", responses=problem_answers(401, 403, 409))
async def logout(perdure: Services, request: Request, response: Response) -> Done:
    """End this sign-in with all it opened, and take the cookies away."""
    require_sign_in(perdure)
    try:
        actor: Actor | None = actor_of(request)
    except CrossSiteRequest:
        raise
    except Unauthenticated:
        actor = None
    if actor is not None:
        await perdure.sign_in.logout(actor)
    else:
        token = _refresh_cookie(perdure, request)
        if token is None and not _has_cookies(request):
            raise Unauthenticated("There is no sign-in to end.")
        if token is not None:
            await perdure.sign_in.logout_by_refresh(token, source=source_of(request))
    drop_cookies(response, request.scope)
    return Done()


@routes.post("/api/auth/logout-everywhere", responses=problem_answers(401, 403, 409))
async def logout_everywhere(perdure: Services, actor: Caller, request: Request, response: Response) -> Ended:
    """End all the caller's sign-ins, this one too; API keys stay."""
    require_sign_in(perdure)
    ended = await perdure.sign_in.logout_everywhere(actor)
    if _has_cookies(request):
        drop_cookies(response, request.scope)
    return Ended(ended=ended)


@routes.get("/api/auth/me", responses=problem_answers(401))
async def get_me(perdure: Services, actor: Caller) -> Me:
    """Say who is calling, and by what."""
    return _me(perdure, actor, await perdure.users.me(actor))


@routes.patch("/api/auth/me", responses=problem_answers(401, 403, 409))
async def change_me(body: MeIn, perdure: Services, actor: Caller) -> Me:
    """Change one's own name or password; a new password ends all other sign-ins."""
    user = await perdure.users.change_me(
        actor,
        name=body.name,
        current_password=plain(body.current_password),
        new_password=plain(body.new_password),
    )
    return _me(perdure, actor, user)


@routes.get("/api/auth/sign-ins", responses=problem_answers(401))
async def list_sign_ins(
    perdure: Services, actor: Caller, page: Page, shape: Shape = "envelope"
) -> SignInPage:
    """List the caller's open sign-ins, newest first."""
    found, total = await perdure.sign_in.list(actor, limit=page.limit, offset=offset_of(page))
    rows = [SignInOut.of(each, actor.credential_id) for each in found]
    if shape == "flat":
        return flat(rows, total)  # pyright: ignore[reportReturnType]
    cursor = next_offset_cursor(page, len(rows), total)
    return SignInPage(sign_ins=rows, total=total, limit=page.limit, offset=page.offset, next_cursor=cursor)


@routes.delete("/api/auth/sign-ins/{sign_in_id}", responses=problem_answers(401, 403, 404))
async def end_sign_in(sign_in_id: Uuid, perdure: Services, actor: Caller) -> Done:
    """End one of the caller's sign-ins; ended, it stays so."""
    await perdure.sign_in.end(actor, sign_in_id)
    return Done()


@routes.post("/api/auth/tickets", responses=problem_answers(401, 403, 404, 409))
async def make_ticket(
    perdure: Services, actor: Caller, request: Request, body: TicketIn | None = None
) -> TicketOut:
    """Get a ticket for one socket; it is good once, for thirty seconds."""
    require_sign_in(perdure)
    ticket = await perdure.tickets.create(
        actor,
        session_id=body.session_id if body is not None else None,
        origin=request.headers.get("origin"),
    )
    return TicketOut(ticket=ticket, expires_in=int(TICKET_TTL.total_seconds()))


def _signed_in(tokens: Tokens, request: Request, response: Response, *, cookies: bool) -> SignedIn:
    if cookies:
        set_cookies(response, request.scope, tokens)
    return SignedIn.of(tokens, cookies=cookies)


def _refresh_cookie(perdure: Services, request: Request) -> str | None:
    headers = Headers(scope=request.scope)
    token = cookie_of(headers, cookie_name(request.scope, REFRESH))
    if token is not None:
        check_own_page(perdure.settings.allowed_origins, request.scope, headers)
    return token


def _has_cookies(request: Request) -> bool:
    return "perdure_" in request.headers.get("cookie", "")


def _me(perdure: Services, actor: Actor, user: User) -> Me:
    shown = UserOut.of(user)
    local = perdure.settings.auth == "local"
    scopes = (
        None
        if actor.scopes is None
        else sorted(actor.scopes, key=lambda scope: list(type(scope)).index(scope))
    )
    return Me(
        user_id=shown.user_id,
        id=shown.id,
        email=shown.email,
        name=shown.name,
        role=shown.role,
        auth=perdure.settings.auth,
        scopes=scopes,
        credential="local" if local else "sign-in" if actor.scopes is None else "key",
    )
