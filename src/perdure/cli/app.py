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
    backup,
    config,
    costs,
    db,
    doctor,
    files,
    keys,
    login,
    missions,
    output,
    rotate_key,
    run,
    runs,
    serve,
    sessions,
    shares,
    users,
)
from perdure.cli.exits import Exit, exit_of
from perdure.errors import Kind, PerdureError


class _Commands(TyperGroup):
    """The outermost edge: an error becomes one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PerdureError as error:
            output.complain(f"{error.message}{_hint(error)}")
            raise typer.Exit(exit_of(error)) from error
        except KeyboardInterrupt:
            raise typer.Exit(Exit.INTERRUPTED) from None
        except BrokenPipeError:
            output.close_quietly()
            raise typer.Exit(Exit.OK) from None


def _hint(error: PerdureError) -> str:
    """Say what the server cannot know: how this program signs in, and when to come back."""
    if error.kind is Kind.UNAUTHENTICATED and error.code != "wrong-credentials":
        return " (`perdure login URL` signs in; a key in PERDURE_API_KEY does too)"
    wait_s = error.fields.get("retry_after_s")
    return f" (in {wait_s:.0f} s)" if error.kind is Kind.LIMITED and isinstance(wait_s, int | float) else ""


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
for _command in (shares.share, shares.unshare, shares.shares, shares.link, shares.join):
    sessions.app.command()(_command)
app.add_typer(runs.app, name="runs")
app.add_typer(approvals.app, name="approvals")
app.add_typer(missions.app, name="missions")
app.command("costs")(costs.costs)
app.add_typer(files.app, name="files")
app.command("login")(login.login)
app.command("logout")(login.logout)
app.command("whoami")(login.whoami)
app.add_typer(users.app, name="users")
app.add_typer(keys.app, name="keys")
app.command("doctor")(doctor.doctor)
app.command("config")(config.config)
app.add_typer(audit.app, name="audit")
app.add_typer(db.app, name="db")
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
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
