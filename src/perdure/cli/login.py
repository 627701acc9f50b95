"""`perdure login`, `logout` and `whoami`: sign-ins at servers, kept for the commands that follow."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from perdure.cli import logins, output, passwords
from perdure.cli.answering import is_interactive
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, address_of, connect
from perdure.client import Perdure
from perdure.client.people import Me
from perdure.errors import Conflict, InvalidInput, PerdureError


def login(
    url: Annotated[str | None, typer.Argument(metavar="URL", help="Address of the server.")] = None,
    email: Annotated[str | None, typer.Option(help="Asked for when missing.")] = None,
    password_stdin: passwords.FromStdin = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Send the password over plain http to another machine.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign in at a server. Commands that name no server use it from now on, and refresh the sign-in by themselves."""
    address = logins.normal(url or address_of(DEFAULT_SERVER))
    if address.startswith("http://") and not _is_here(address) and not insecure:
        raise InvalidInput(
            f"{address} is not encrypted: everybody on the way could read the password. "
            "Use https, or say --insecure."
        )
    tokens = logins.StoredTokens(address)
    with Perdure(address, tokens=tokens, program="perdure-cli") as client:
        methods = client.auth.methods()
        if methods.auth == "local":
            raise Conflict(f"{address} has no sign-in: it serves its one local user.")
        if not methods.password:
            raise Conflict(f"{address} has no passwords. Make a key in its console and set PERDURE_API_KEY.")
        if email is None:
            if not is_interactive():
                raise InvalidInput("Say who signs in: --email EMAIL.")
            email = str(typer.prompt("E-mail", err=True))
        password = passwords.from_stdin() if password_stdin else passwords.ask()
        tokens.email = email
        with tokens.lock():
            client.login(email, password)
        me = client.auth.me()
    logins.make_default(address)
    _tell(me, address, as_json)


def logout(
    server: Server = DEFAULT_SERVER,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="End all your sign-ins at the server, on other machines too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End the sign-in at a server and forget it; what it opened ends too."""
    address = logins.normal(address_of(server))
    tokens = logins.StoredTokens(address)
    known = tokens.login is not None
    if known:
        with Perdure(address, tokens=tokens, program="perdure-cli") as client:
            try:
                if everywhere:
                    client.auth.logout_everywhere()
                else:
                    client.logout()
            except PerdureError as error:
                # The file stays when the server still counts the sign-in: it can be ended later.
                if tokens.login is not None:
                    raise
                output.note(error.message)
            tokens.save(None)
    if as_json:
        output.print_json({"server": address, "signed_out": known})
    else:
        output.line(f"{address} {'signed out' if known else 'was not signed in'}")


def whoami(server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Show who a server takes you for, and by what."""
    with connect(server) as client:
        me = client.auth.me()
    _tell(me, logins.normal(address_of(server)), as_json)


def _tell(me: Me, address: str, as_json: bool) -> None:
    if as_json:
        shown: dict[str, Any] = {"server": address, **me.model_dump(mode="json")}
        output.print_json(shown)
        return
    scopes = f" ({', '.join(me.scopes)})" if me.scopes is not None else ""
    output.line(f"{me.email or me.name} {me.role} at {address} by {me.credential}{scopes}")


def _is_here(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
