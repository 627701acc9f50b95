"""`perdure serve`: the server and its console."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder for the database, workspaces and models.")] = None,
    database: Annotated[
        str | None,
        typer.Option(help="sqlite:///FILE or postgresql://… instead of SQLite in the data folder."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Default model, as provider:model or `local`.")] = None,
    model_file: Annotated[Path | None, typer.Option(help="A GGUF file for the local provider.")] = None,
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="Keep everything in a temporary folder, removed at the end.")
    ] = False,
) -> None:
    """Start the server; Ctrl-C stops it and loses nothing."""
    gc.disable()  # see `main`
    from perdure.api.server import serve as run_server
    from perdure.cli import output
    from perdure.cli.misspelt import misspelt
    from perdure.config import load_settings

    for sentence in misspelt():
        output.note(f"Warning: {sentence}", style="yellow")
    gc.freeze()  # and out of what is searched later
    gc.enable()
    run_server(
        load_settings(
            host=host,
            port=port,
            data_dir=data,
            database_url=database,
            model=model,
            model_file=model_file,
            ephemeral=ephemeral or None,
        )
    )
