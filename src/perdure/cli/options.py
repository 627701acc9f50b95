"""Options that many commands share."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from perdure.cli import logins
from perdure.client import Perdure
from perdure.client.client import DEFAULT_URL

Server = Annotated[
    str,
    typer.Option(
        "--server",
        envvar=["PERDURE_URL", "PERDURE_SERVER"],
        help="Address of the server.",
        show_default="that of the last `perdure login`, else http://127.0.0.1:8000",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="Id of a session.")]
DEFAULT_SERVER = ""
"""No server was named."""


def address_of(server: str) -> str:
    """Return where the server is: the one that was named, the one signed in to last, or this machine's."""
    address = server.strip() or logins.default_server() or DEFAULT_URL
    return (address if "://" in address else f"http://{address}").rstrip("/")


def connect(server: str) -> Perdure:
    """Return a client; it shows the key in PERDURE_API_KEY, else the stored sign-in, never an argument."""
    address = address_of(server)
    key = os.environ.get("PERDURE_API_KEY") or None
    if key is not None:
        return Perdure(address, key, program="perdure-cli")
    return Perdure(address, tokens=logins.StoredTokens(address), program="perdure-cli")
