"""`perdure run`: give a task to an agent and wait for what comes of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from perdure.cli import output
from perdure.cli.exits import Exit
from perdure.cli.live import JsonView, LiveView, QuietView
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, connect
from perdure.cli.watching import finish, watch
from perdure.client import Perdure
from perdure.errors import InvalidInput


def run(
    task: Annotated[str, typer.Argument(help="What to do; `-` reads it from standard input.")],
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", help="A file to put into the workspace; may be repeated."),
    ] = None,
    mode: Annotated[str, typer.Option(help="How to work.")] = "one-shot",
    model: Annotated[str | None, typer.Option(help="Model, as provider:model or `local`.")] = None,
    approval_mode: Annotated[
        str | None, typer.Option(help="When to ask a person, for modes that can: none, after_planning, …")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key of the mode's config; may be repeated."),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="LIMIT=NUMBER", help="max_tokens, max_cost_usd, max_seconds or max_steps."),
    ] = None,
    session: Annotated[str | None, typer.Option(help="Id of a session to go on with.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new session.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Show live what happens.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="When the run has to wait for a person, end with exit code 6.")
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Start the run and end at once.")] = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Run a task in a new session (or --session) of a running server and print its result.

    Ctrl-C ends only the watching; `perdure attach` shows the run again.
    """
    text = sys.stdin.read() if task == "-" else task
    paths = file or []
    for path in paths:
        if not path.is_file():
            raise InvalidInput(f"{str(path)!r} is not a file.")
    config: dict[str, Any] = {"model": model, "approval_mode": approval_mode, **_pairs(set_, "--set")}
    config = {key: value for key, value in config.items() if value is not None}
    if limit:
        config["resource_limits"] = _pairs(limit, "--limit")
    with connect(server) as client:
        session_id, after = _session(client, session, mode, config, name or _name(text))
        for path in paths:
            client.files.upload(session_id, path.name, path.read_bytes())
        started = client.runs.start(session_id, text, config=config if session else None)
        if detach or started.run_id is None:
            _tell(session_id, started.run_id, started.status, as_json)
            return
        view = JsonView() if follow and as_json else LiveView() if follow else QuietView()
        if not follow and not as_json:
            output.note(f"Session {session_id}")
        try:
            outcome = watch(
                client, session_id, view, run_id=started.run_id, after=after, deltas=follow, wait=not no_wait
            )
        except KeyboardInterrupt:
            output.note(f"The run goes on. See it with: perdure attach {session_id}", "yellow")
            raise typer.Exit(Exit.INTERRUPTED) from None
        exit_code = finish(
            client, outcome, as_json=as_json, show_result=not follow or not sys.stdout.isatty()
        )
    raise typer.Exit(exit_code)


def _session(
    client: Perdure, session_id: str | None, mode: str, config: dict[str, Any], name: str
) -> tuple[str, int]:
    if session_id is not None:
        return session_id, client.sessions.get(session_id).head
    created = client.sessions.create(mode, config, name=name, metadata={"source": "cli"})
    return created.session_id, 0


def _pairs(given: list[str] | None, option: str) -> dict[str, Any]:
    """Return `KEY=VALUE` pairs; a value that is JSON counts as what it says, any other as text."""
    pairs: dict[str, Any] = {}
    for pair in given or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise InvalidInput(f"{option} takes KEY=VALUE, such as {option} max_rounds=5; not {pair!r}.")
        try:
            pairs[key.strip()] = json.loads(value)
        except ValueError:
            pairs[key.strip()] = value
    return pairs


def _name(task: str) -> str:
    words = " ".join(task.split())
    return words if len(words) <= 60 else words[:57].rsplit(" ", 1)[0] + "…"


def _tell(session_id: str, run_id: str | None, status: str | None, as_json: bool) -> None:
    if as_json:
        output.print_json({"session_id": session_id, "run_id": run_id, "status": status})
    else:
        output.line(session_id)
        output.note(f"{status or 'started'}; see it with: perdure attach {session_id}")
