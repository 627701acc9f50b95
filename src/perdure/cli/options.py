"""Options that many commands share."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from perdure.client import Perdure
from perdure.client.client import DEFAULT_URL

Server = Annotated[
    str, typer.Option("--server", envvar="PERDURE_SERVER", help="Address of the server.", show_default=True)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text for people.")]
SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="Id of a session.")]
DEFAULT_SERVER = DEFAULT_URL


def connect(server: str) -> Perdure:
    """Return a client; the key comes from PERDURE_API_KEY, never from the command line."""
    address = server if "://" in server else f"http://{server}"
    return Perdure(address, os.environ.get("PERDURE_API_KEY"), program="perdure-cli")
