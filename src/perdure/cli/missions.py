"""`perdure missions`: plans and goals, to look at and to decide about."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli import output
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, connect
from perdure.client.mission_models import Mission, MissionResult

app = typer.Typer(help="See missions and decide about them.", no_args_is_help=True)

MissionId = Annotated[str, typer.Argument(metavar="MISSION", help="Id of a mission.")]


@app.command("list")
def list_(
    session: Annotated[str | None, typer.Option(help="Only of this session.")] = None,
    status: Annotated[list[str] | None, typer.Option(help="Only with this status; may be repeated.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Also those that were replaced.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List missions, the newest first."""
    with connect(server) as client:
        page = client.missions.list(status=status, session_id=session, archived=archived, limit=limit)
    if as_json:
        output.print_json(page)
        return
    rows = [(m.mission_id, m.status, _progress(m), m.session_id, m.name) for m in page.missions]
    output.table(("MISSION", "STATUS", "HOPS", "SESSION", "NAME"), rows)
    if page.total > len(rows):
        output.note(f"{len(rows)} of {page.total}")


@app.command()
def show(mission: MissionId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Show a mission with its hops, their tool calls, and its assets."""
    with connect(server) as client:
        found = client.missions.get(mission)
    output.print_json(found) if as_json else _describe(found)


@app.command()
def accept(
    mission: MissionId,
    revision: Annotated[int | None, typer.Option(help="Only if it is still this revision.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Accept a mission; a run that asks about its plan goes on."""
    with connect(server) as client:
        _tell(client.missions.accept(mission, revision=revision), as_json)


@app.command()
def reject(
    mission: MissionId,
    feedback: Annotated[str | None, typer.Option(help="Why.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Reject a mission."""
    with connect(server) as client:
        _tell(client.missions.reject(mission, feedback=feedback), as_json)


@app.command()
def cancel(mission: MissionId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Cancel a mission, everything unfinished under it, and the run that works on it."""
    with connect(server) as client:
        _tell(client.missions.cancel(mission), as_json)


def _tell(result: MissionResult, as_json: bool) -> None:
    if as_json:
        output.print_json(result)
        return
    output.line(f"{result.mission_id} {result.status}")
    if result.approval_id:
        output.note(f"answered question {result.approval_id}; run {result.run_id} goes on")


def _describe(mission: Mission) -> None:
    output.line(f"{mission.name} ({mission.status}, revision {mission.revision})")
    output.line(f"goal: {mission.goal}")
    for criterion in mission.success_criteria:
        output.line(f"  - {criterion}")
    for hop in mission.hops:
        agent = f" [{hop.agent}]" if hop.agent else ""
        output.line(f"{hop.position:>3}. {hop.status:<10} {hop.name}{agent}")
        for step in hop.tool_steps:
            output.line(f"       {step.status:<10} {step.tool}")
    for asset in mission.assets:
        output.line(f"  {asset.role:<12} {asset.status:<9} {asset.name}")
    if mission.feedback:
        output.line(f"feedback: {mission.feedback}")


def _progress(mission: Mission) -> str:
    done = sum(hop.status == "completed" for hop in mission.hops)
    return f"{done}/{len(mission.hops)}"
