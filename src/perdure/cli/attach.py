"""`perdure attach`: see a session live, from its first event or from now on."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli import output
from perdure.cli.exits import Exit
from perdure.cli.live import JsonView, LiveView
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, SessionId, connect
from perdure.cli.watching import finish, watch


def attach(
    session: SessionId,
    after: Annotated[int, typer.Option(help="Begin after this sequence number.")] = 0,
    new: Annotated[bool, typer.Option("--new", help="Show only what happens from now on.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="When the run has to wait for a person, end with exit code 6.")
    ] = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Show a session's log and follow it until no run is under way; survives restarts of the server.

    Questions are answered here when this is a terminal. Ctrl-C ends only the watching.
    """
    with connect(server) as client:
        detail = client.sessions.get(session)
        view = JsonView() if as_json else LiveView()
        try:
            outcome = watch(client, session, view, after=detail.head if new else after, wait=not no_wait)
        except KeyboardInterrupt:
            output.note("The session goes on without you.", "yellow")
            raise typer.Exit(Exit.INTERRUPTED) from None
        if outcome.status == "unknown":
            outcome.status = detail.run_status or detail.status
        exit_code = finish(client, outcome, as_json=as_json, show_result=False)
    raise typer.Exit(exit_code)
