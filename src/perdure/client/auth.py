"""Signing in and out, and what the caller has open."""

from __future__ import annotations

from perdure.client import people
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, given, reads, segment


def methods() -> Call[people.Methods]:
    """Read how one can sign in; needs no sign-in."""
    return Call("GET", "/api/auth/methods", reads(people.Methods), signs_in=True)


def login(email: str, password: str) -> Call[people.SignedIn]:
    """Sign in and get tokens; `client.login` does so and uses them."""
    body = {"email": email, "password": password}
    return Call("POST", "/api/auth/login", reads(people.SignedIn), body=body, repeatable=False, signs_in=True)


def register(email: str, name: str, password: str) -> Call[people.SignedIn]:
    """Make an account of one's own, where the server lets people do so, and get tokens."""
    body = {"email": email, "name": name, "password": password}
    return Call(
        "POST", "/api/auth/register", reads(people.SignedIn), body=body, repeatable=False, signs_in=True
    )


def logout() -> Call[people.Done]:
    """End the sign-in that is used; `client.logout` does so and forgets the tokens."""
    return Call("POST", "/api/auth/logout", reads(people.Done))


def logout_everywhere() -> Call[people.Done]:
    """End all sign-ins of the caller, this one too."""
    return Call("POST", "/api/auth/logout-everywhere", reads(people.Done))


def me() -> Call[people.Me]:
    """Read who the server takes the caller for."""
    return Call("GET", "/api/auth/me", reads(people.Me))


def update(
    *, name: str | None = None, current_password: str | None = None, new_password: str | None = None
) -> Call[people.Me]:
    """Change the caller's name or password; a new password ends all other sign-ins."""
    body = given(name=name, current_password=current_password, new_password=new_password)
    return Call("PATCH", "/api/auth/me", reads(people.Me), body=body, repeatable=False)


def sign_ins() -> Call[people.SignInPage]:
    """Read the caller's sign-ins."""
    return Call("GET", "/api/auth/sign-ins", reads(people.SignInPage))


def end_sign_in(sign_in_id: str) -> Call[people.Done]:
    """End one of the caller's sign-ins."""
    return Call("DELETE", f"/api/auth/sign-ins/{segment(sign_in_id)}", reads(people.Done), repeatable=False)


class Auth(Group):
    """`client.auth`."""

    methods = Sync(methods)
    login = Sync(login)
    register = Sync(register)
    logout = Sync(logout)
    logout_everywhere = Sync(logout_everywhere)
    me = Sync(me)
    update = Sync(update)
    sign_ins = Sync(sign_ins)
    end_sign_in = Sync(end_sign_in)


class AsyncAuth(AsyncGroup):
    """`client.auth`, awaited."""

    methods = Async(methods)
    login = Async(login)
    register = Async(register)
    logout = Async(logout)
    logout_everywhere = Async(logout_everywhere)
    me = Async(me)
    update = Async(update)
    sign_ins = Async(sign_ins)
    end_sign_in = Async(end_sign_in)
