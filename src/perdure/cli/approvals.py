"""`perdure approvals`: the questions that wait for a person."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli import answering, output
from perdure.cli.options import DEFAULT_SERVER, AsJson, Server, connect
from perdure.errors import InvalidInput

app = typer.Typer(help="See and answer the questions that wait for a person.", no_args_is_help=True)

ApprovalId = Annotated[str, typer.Argument(metavar="APPROVAL", help="Id of a question.")]


@app.command("list")
def list_(
    session: Annotated[str | None, typer.Option(help="Only of this session.")] = None,
    status: Annotated[
        str, typer.Option(help="pending, approved, rejected, answered, expired or all.")
    ] = "pending",
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List questions; by default those that wait."""
    with connect(server) as client:
        page = client.approvals.list(status=status, session_id=session, limit=limit)
    if as_json:
        output.print_json(page)
        return
    rows = [(a.approval_id, a.session_id, a.status, "/".join(a.options), a.title) for a in page.approvals]
    output.table(("APPROVAL", "SESSION", "STATUS", "OPTIONS", "QUESTION"), rows)


@app.command()
def show(approval: ApprovalId, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Show a question with what it is about."""
    with connect(server) as client:
        found = client.approvals.get(approval)
    if as_json:
        output.print_json(found)
        return
    output.line(answering.describe(found))
    by = f" by {found.answered_by.name}" if found.answered_by and found.answered_by.name else ""
    output.line(f"{found.status}{by}; options: {', '.join(found.options)}")


@app.command()
def answer(
    approval: ApprovalId,
    resolution: Annotated[
        str | None, typer.Argument(help="approve, always, reject, modify, … ; without it you are asked.")
    ] = None,
    feedback: Annotated[str | None, typer.Option(help="Why, or what to change.")] = None,
    text: Annotated[
        str | None,
        typer.Option("--answer", help="The answer to an open question; JSON where it has several fields."),
    ] = None,
    modifications: Annotated[str | None, typer.Option(help="What to change, as a JSON object.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Answer a question; the first answer counts, a later one ends with exit code 4."""
    changes = answering.parse_object(modifications, "modifications") if modifications else None
    with connect(server) as client:
        if resolution is None and text is not None:
            resolution = "answer"
        if resolution is None:
            if not answering.is_interactive():
                raise InvalidInput("Say how to answer, e.g. `perdure approvals answer ID approve`.")
            answering.ask(client, client.approvals.get(approval))
            found = client.approvals.get(approval)
        else:
            found = client.approvals.answer(
                approval,
                resolution,
                feedback=feedback,
                modifications=changes,
                answer=answering.parse_answer(text) if text else None,
            )
    output.print_json(found) if as_json else output.line(f"{found.approval_id} {found.status}")
