"""`perdure files`: the files of a session's workspace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from perdure.cli import output
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, SessionId, connect
from perdure.errors import InvalidInput

app = typer.Typer(help="List, fetch and add files of a session's workspace.", no_args_is_help=True)


@app.command("list")
def list_(session: SessionId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """List the workspace."""
    with connect(server) as client:
        page = client.files.list(session)
    if as_json:
        output.print_json(page)
        return
    rows = [(f.path, output.size(f.size), (f.sha256 or "")[:12]) for f in page.files]
    output.table(("PATH", "SIZE", "SHA-256"), rows, numbers=("SIZE",))


@app.command()
def get(
    session: SessionId,
    path: Annotated[str, typer.Argument(help="Path in the workspace.")],
    to: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it; without it, standard output.")
    ] = None,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Fetch a file."""
    with connect(server) as client:
        content = client.files.read(session, path)
    if to is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    target = to / Path(path).name if to.is_dir() else to
    target.write_bytes(content)
    output.note(f"{output.size(len(content))} written to {target}")


@app.command()
def put(
    session: SessionId,
    file: Annotated[Path, typer.Argument(help="The file to add.")],
    as_path: Annotated[
        str | None, typer.Option("--as", help="Path in the workspace; default: its name.")
    ] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Add a file to the workspace, replacing one of that path."""
    if not file.is_file():
        raise InvalidInput(f"{str(file)!r} is not a file.")
    with connect(server) as client:
        stored = client.files.upload(session, as_path or file.name, file.read_bytes())
    output.print_json(stored) if as_json else output.line(stored.path)
