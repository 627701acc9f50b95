"""`perdure runs`: compare, cancel, retry and fork single runs."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli import output
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, connect
from perdure.client.models import CommandResult, RunDifference, StepDifference

app = typer.Typer(help="Compare and control single runs.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run; `sessions show` names it.")]


@app.command()
def diff(
    run: RunId,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Id of the run to compare it with.")],
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Compare two runs step by step: where they part, and what the second one cost more."""
    with connect(server) as client:
        found = client.runs.diff(run, other)
    output.print_json(found) if as_json else _show(found)


@app.command()
def cancel(run: RunId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Cancel a run; the call in flight is broken off and nothing new is spent."""
    with connect(server) as client:
        _done(client.runs.cancel(run), as_json)


@app.command()
def retry(
    run: RunId,
    from_step: Annotated[str | None, typer.Option(help="First step to run again.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Try a failed run again; its finished steps are kept."""
    with connect(server) as client:
        _done(client.runs.retry(run, from_step=from_step), as_json)


@app.command()
def fork(
    run: RunId,
    from_step: Annotated[str | None, typer.Option(help="First step to run in the fork.")] = None,
    text: Annotated[str | None, typer.Option("--input", help="Another task.")] = None,
    model: Annotated[str | None, typer.Option(help="Another model.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new session.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Run it again in a new session, from its start or from a step; the original stays as it is."""
    config = {"model": model} if model else None
    with connect(server) as client:
        made = client.runs.fork(run, from_step=from_step, input=text, config=config, name=name)
    output.forked(made, as_json)


def _show(found: RunDifference) -> None:
    columns = ("STEP", "LEFT", "RIGHT", "DIFFERS IN", "COST", "TIME")
    output.table(columns, [_row(step) for step in found.steps], numbers=("COST", "TIME"))
    if found.first_difference is None:
        output.line("No step differs.")
    else:
        output.line(f"They part at {found.first_difference['key']}.")
    for noun, value in (("task", found.task), ("config", found.config), ("result", found.result)):
        if not value.get("same", True):
            output.line(f"The {noun} differs" + _keys(value.get("differs")) + ".")
    change = found.totals.get("difference", {})
    output.line(f"Right minus left: {_money(change.get('cost_usd'))}, {_time(change.get('duration_ms'))}")


def _row(step: StepDifference) -> tuple[str, ...]:
    sides = [str((side or {}).get("status") or "-") for side in (step.left, step.right)]
    return (step.key, *sides, ", ".join(step.differs), _money(step.cost_usd), _time(step.duration_ms))


def _keys(keys: list[str] | None) -> str:
    return f" in {', '.join(keys)}" if keys else ""


def _money(usd: float | None) -> str:
    return "unknown" if usd is None else f"{'-' if usd < 0 else '+'}${abs(usd):.4f}"


def _time(milliseconds: int | None) -> str:
    return "unknown" if milliseconds is None else f"{milliseconds / 1000:+.1f} s"


def _done(result: CommandResult, as_json: bool) -> None:
    if as_json:
        output.print_json(result)
    else:
        output.line(f"{result.run_id} {result.status}")
