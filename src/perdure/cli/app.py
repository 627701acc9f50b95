"""The command line as a whole."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from perdure import __version__
from perdure.cli import (
    approvals,
    attach,
    audit,
    config,
    costs,
    db,
    doctor,
    files,
    missions,
    output,
    rotate_key,
    run,
    runs,
    serve,
    sessions,
)
from perdure.cli.exits import Exit, exit_of
from perdure.errors import PerdureError


class _Commands(TyperGroup):
    """The outermost edge: an error becomes one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PerdureError as error:
            output.complain(error.message)
            raise typer.Exit(exit_of(error)) from error
        except KeyboardInterrupt:
            raise typer.Exit(Exit.INTERRUPTED) from None
        except BrokenPipeError:
            output.close_quietly()
            raise typer.Exit(Exit.OK) from None


app = typer.Typer(
    name="perdure",
    cls=_Commands,
    help="Durable, resumable sessions for AI-agent work.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("serve")(serve.serve)
app.command("run")(run.run)
app.command("attach")(attach.attach)
app.add_typer(sessions.app, name="sessions")
app.add_typer(runs.app, name="runs")
app.add_typer(approvals.app, name="approvals")
app.add_typer(missions.app, name="missions")
app.command("costs")(costs.costs)
app.add_typer(files.app, name="files")
app.command("doctor")(doctor.doctor)
app.command("config")(config.config)
app.add_typer(audit.app, name="audit")
app.add_typer(db.app, name="db")
app.command("rotate-key")(rotate_key.rotate_key)


def _version(wanted: bool) -> None:
    if wanted:
        output.line(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Durable, resumable sessions for AI-agent work."""
